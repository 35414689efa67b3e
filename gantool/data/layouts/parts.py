"""The parts of a data set, as folders hold them: what is trained on, and what is held back from it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gantool.counting import count_in_words
from gantool.data.layouts.folders import both, first_of, holds_pictures, levels, listed, only_two
from gantool.data.layouts.part_names import (
    HELD_BACK,
    TEST,
    TRAIN,
    VAL,
    is_part,
    part_of,
    plain,
    trained_names,
    without_part,
)
from gantool.data.source import Domain
from gantool.pictures.find import below, find_pictures, subfolders
from gantool.pictures.ids import of_domain, other_kinds
from gantool.pictures.results import Results
from gantool.spec import Pictures


def train(root: Path) -> Path:
    """The folder `train` below this one, or else this one. Where a part stands beside it that is held back, Training,
    train_set, ... are its like, seg_train beside seg_test, and so is one in the only folder of this one.
    """
    if (root / "train").is_dir():
        return root / "train"
    for level in levels(root):
        here = subfolders(level)
        if any(plain(folder.name) in HELD_BACK for folder in here) and (part := _of_training(here)) is not None:
            return part
        if len(trained := trained_names([folder.name for folder in here])) == 1:
            return level / trained[0]
    return root


def two_below(root: Path) -> tuple[tuple[Path, Path], bool] | None:
    """The training folders of two domains in a folder or in the only one in it, and whether they are called A and B;
    None where there are none.
    """
    for level in levels(root):
        named = first_of(level, ("trainA", "trainB")) or first_of(train(level), ("A", "B"))
        if (found := named or only_two(train(level))) is not None:
            return found, named is not None
    return None


def training_part(folder: Path) -> Path:
    """The folder `train` below one that holds nothing but parts of its pictures, or else this one."""
    here = subfolders(folder)
    only_parts = len(here) > 1 and all(is_part(part.name) for part in here)
    part = _of_training(here) if only_parts and not holds_pictures(folder) else None
    return part or folder


def training_parts(folders: Sequence[Path]) -> tuple[list[Path], str | None]:
    """The `training_part` of folders whose pictures belong together, where all have one, and a note that says so."""
    inside = [training_part(folder) for folder in folders]
    if any(part == folder for part, folder in zip(inside, folders, strict=True)):
        return list(folders), None
    return inside, f"of {' and '.join(map(str, dict.fromkeys(folders)))} only {inside[0].name} is trained on"


def only_part(given: Path, part: Path) -> str | None:
    """A note that of a folder only a part below it is trained on; None where that is the folder itself."""
    return None if part == given else f"of {given} only {part.relative_to(given).as_posix()} is trained on"


def only_parts(given: Path, folders: Sequence[Path]) -> str | None:
    """A note that of a folder only these below it are trained on; None where it holds nothing back beside them."""
    within = list(dict.fromkeys(folder.relative_to(given) for folder in folders))
    places = {place for path in within for place in (path, *path.parents[:-1])}
    here = {above: [folder.name for folder in subfolders(given / above)] for above in {one.parent for one in places}}
    trained = {above / name for above, there in here.items() for name in trained_names(there)}
    if not places & trained:
        return None
    shared = os.path.commonpath(within)
    return f"of {given} only {f'{shared} is' if shared else f'{listed(within)} are'} trained on"


def pictures_of(name: str, folder: Path) -> Domain:
    """The pictures below a folder, or below its `training_part`, as a domain of this name, `without_held_back`; maps of
    ids that Cityscapes has among them are left out.
    """
    given, folder = folder, training_part(folder)
    there, held = without_held_back(folder, find_pictures(folder))
    files = tuple(of_domain(there, Pictures()))
    notes = [f"{folder}: {others}"] if (others := other_kinds(there, files)) else []
    notes.extend(filter(None, (only_part(given, folder), held)))
    if (made := Results().of(files[0])) is not None and made.how:
        notes.append(f"{folder} holds translations that gantool made; if it is no domain, name the others one by one")
    return Domain(name, folder, files, note=both(*notes))


def without_held_back(folder: Path, files: Sequence[Path]) -> tuple[tuple[Path, ...], str | None]:
    """Those of the pictures below a folder that are trained on, and a note on the others: all beside a training part
    that is none, wherever it has one beside it that is held back.
    """
    beside = _beside_training(folder, files)
    if not any(beside):
        return tuple(files), None
    kept = tuple(file for file, part in zip(files, beside, strict=True) if not part)
    pictures = count_in_words(len(files) - len(kept), "picture is", "pictures are")
    return kept, f"of {folder} {pictures} not trained on: {listed(sorted({*beside} - {''}))}"


def held_back_pictures(folder: Path) -> tuple[Path, ...]:
    """The pictures below a folder that `without_held_back` leaves to validations, those of `val` if there is also a
    `test` beside it; all where there are none. Raises DataError where there is no picture.
    """
    files = find_pictures(folder)
    beside = _beside_training(folder, files)
    parts = {part: part_of(os.path.basename(part)) for part in beside}
    validated = {os.path.dirname(part) for part, told in parts.items() if told in VAL}
    chosen = {
        part for part, told in parts.items() if told in VAL or (told in TEST and os.path.dirname(part) not in validated)
    }
    return tuple(file for file, part in zip(files, beside, strict=True) if part in chosen) or files


def held_back(root: Path) -> list[Path]:
    """Where a folder, or the only one in it, also has training pictures: those that are not, as two folders or as one
    that holds all; and else this one.
    """
    for level in levels(root):
        for split, like in (("val", VAL), ("test", TEST)):
            if (pair := first_of(level, (f"{split}A", f"{split}B"))) is not None:
                return list(pair)
            if (part := _part(level, like)) is not None:
                return [part]
            domains = first_of(level, ("A", "B")) or only_two(level) or ()
            parts_of = [part for domain in domains if (part := _part(domain, like)) is not None]
            if len(parts_of) == 2:
                return parts_of
    return [root]


def _of_training(folders: Sequence[Path]) -> Path | None:
    return next((folder for folder in folders if plain(folder.name) in TRAIN), None)


def _part(folder: Path, like: Sequence[str]) -> Path | None:
    here = subfolders(folder)
    if (part := next((part for part in here if plain(part.name) in like), None)) is not None:
        return part
    same = {without_part(name) for name in trained_names([part.name for part in here])}
    found = [part for part in here if part_of(part.name) in like and without_part(part.name) in same]
    return found[0] if len(found) == 1 else None


def _beside_training(folder: Path, files: Sequence[Path]) -> list[str]:
    """For each of the pictures below a folder the outermost folder around it, by its path, that is no training part but
    stands beside one that is `trained_names`; "" where there is none. Folders are told by the pictures' paths alone.
    """
    name_of = below(folder)
    places = [name_of(file).rpartition("/")[0] for file in files]
    inside: dict[str, set[str]] = {}
    for place in dict.fromkeys(places):
        while place:
            above, _, name = place.rpartition("/")
            inside.setdefault(above, set()).add(name)
            place = above
    left = set()
    for above, here in inside.items():
        if trained := trained_names(sorted(here)):
            left |= {f"{above}/{name}".lstrip("/") for name in here.difference(trained)}
    around: dict[str, str] = {"": ""}
    for place in sorted({*places} - {""}) if left else ():
        parents = [place[:at] for at, letter in enumerate(f"{place}/") if letter == "/"]
        around[place] = next((parent for parent in parents if parent in left), "")
    return [around.get(place, "") for place in places]
