"""Folders of pictures as people arrange them: their names, what they hold, and files of the same name."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

from gantool.counting import count_in_words
from gantool.data.source import Domain
from gantool.direction import letters
from gantool.errors import DataError
from gantool.pictures.find import below, find_pictures, is_picture_name, look_below, subfolders, summary, way
from gantool.pictures.ids import of_domain, of_kinds, other_kinds
from gantool.pictures.results import Results
from gantool.spec import Pictures

_TRAIN = ("train", "training", "trainset", "trainingset")
_VAL = ("val", "valid", "validation", "valset", "validset", "validationset")
_TEST = ("test", "testing", "testset", "testingset", "eval", "evaluation")
_HELD_BACK = (*_VAL, *_TEST)
_DEPTH = 4  # folders that hold nothing but one folder

# Stands before a domain's name in the name of its folder: trainA, train_horse. "trains" is a name of its own.
_SPLIT = re.compile(r"^(?:train|test|val)(?:[_-]+|(?=[A-Z0-9])|$)")
# The same where all folders of a set have it: Train A, TESTB. By itself "train station" is a name, and so is "VALLEY".
_SPLIT_OF_ALL = re.compile(r"^(?:train|test|val)(?:[ _-]+|(?=[AB]$))", re.IGNORECASE)
_SPLIT_AFTER = re.compile(r"[ _-](?:train|test|val|valid|training|testing|validation)$", re.IGNORECASE)


def names(folders: Sequence[Path]) -> tuple[str, ...]:
    """The folders' names without a leading train, test or val; A, B, ... where that does not tell all apart."""
    given = [os.path.basename(os.path.abspath(folder)) for folder in folders]
    split = _SPLIT_OF_ALL if len(given) > 1 and all(map(_SPLIT_OF_ALL.match, given)) else _SPLIT
    found = [split.sub("", name) for name in given]
    if len(given) > 2 and found.count("") == 1:  # car, train, bus
        found[found.index("")] = given[found.index("")]
    if all(found) and len(set(found)) == len(found):
        return tuple(found)
    return tuple(map(letters, range(len(found))))


def train(root: Path) -> Path:
    """The folder `train` below this one, or else this one. Where a part stands beside it that is held back, Training,
    train_set, ... are its like, seg_train beside seg_test, and so is one in the only folder of this one.
    """
    if (root / "train").is_dir():
        return root / "train"
    for level in levels(root):
        here = subfolders(level)
        if any(_plain(folder.name) in _HELD_BACK for folder in here) and (part := _of_training(here)) is not None:
            return part
        if len(trained := _trained([folder.name for folder in here])) == 1:
            return level / trained[0]
    return root


def training_part(folder: Path) -> Path:
    """The folder `train` below one that holds nothing but parts of its pictures, or else this one."""
    here = subfolders(folder)
    only_parts = len(here) > 1 and all(_plain(part.name) in (*_TRAIN, *_HELD_BACK) for part in here)
    part = _of_training(here) if only_parts and not _holds_pictures(folder) else None
    return part or folder


def only_part(given: Path, part: Path) -> str | None:
    """A note that of a folder only a part below it is trained on; None where that is the folder itself."""
    return None if part == given else f"of {given} only {part.relative_to(given).as_posix()} is trained on"


def only_parts(given: Path, folders: Sequence[Path]) -> str | None:
    """A note that of a folder only these below it are trained on; None where it holds nothing back beside them."""
    within = list(dict.fromkeys(folder.relative_to(given) for folder in folders))
    places = {place for path in within for place in (path, *path.parents[:-1])}
    here = {above: [folder.name for folder in subfolders(given / above)] for above in {one.parent for one in places}}
    trained = {above / name for above, there in here.items() for name in _trained(there)}
    if not places & trained:
        return None
    shared = os.path.commonpath(within)
    return f"of {given} only {f'{shared} is' if shared else f'{listed(within)} are'} trained on"


def both(*notes: str | None) -> str | None:
    """The notes as one; None where there are none."""
    return "; ".join(filter(None, notes)) or None


def training_parts(folders: Sequence[Path]) -> tuple[list[Path], str | None]:
    """The `training_part` of folders whose pictures belong together, where all have one, and a note that says so."""
    inside = [training_part(folder) for folder in folders]
    if any(part == folder for part, folder in zip(inside, folders, strict=True)):
        return list(folders), None
    return inside, f"of {' and '.join(map(str, dict.fromkeys(folders)))} only {inside[0].name} is trained on"


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
    parts = {part: _told(os.path.basename(part)) for part in beside}
    validated = {os.path.dirname(part) for part, told in parts.items() if told in _VAL}
    chosen = {
        part
        for part, told in parts.items()
        if told in _VAL or (told in _TEST and os.path.dirname(part) not in validated)
    }
    return tuple(file for file, part in zip(files, beside, strict=True) if part in chosen) or files


def held_back(root: Path) -> list[Path]:
    """Where a folder, or the only one in it, also has training pictures: those that are not, as two folders or as one
    that holds all; and else this one.
    """
    for level in levels(root):
        for split, like in (("val", _VAL), ("test", _TEST)):
            if (pair := first_of(level, (f"{split}A", f"{split}B"))) is not None:
                return list(pair)
            if (part := _part(level, like)) is not None:
                return [part]
            domains = first_of(level, ("A", "B")) or only_two(level) or ()
            parts_of = [part for domain in domains if (part := _part(domain, like)) is not None]
            if len(parts_of) == 2:
                return parts_of
    return [root]


def levels(root: Path) -> list[Path]:
    """This folder, and where it holds one folder and no pictures that folder, and so on: archives unpack to
    horse2zebra/horse2zebra.
    """
    found = [root]
    while len(found) <= _DEPTH and len(inside := subfolders(found[-1])) == 1 and not _holds_pictures(found[-1]):
        found += inside
    return found


def first_of(root: Path, *candidates: tuple[str, str]) -> tuple[Path, Path] | None:
    """The first two folders of such names in this one; Train A, train_a and TRAINA are trainA, and a is not A."""
    named: dict[str, Path] = {}
    for folder in subfolders(root):
        if len(folder.name) > 1:
            named.setdefault(_plain(folder.name), folder)
    for pair in candidates:
        a, b = (root / name if (root / name).is_dir() else named.get(_plain(name)) for name in pair)
        if a is not None and b is not None:
            return a, b
    return None


def only_two(root: Path) -> tuple[Path, Path] | None:
    """The folders in this one, if they are two and both domains. Raises DataError for no folder."""
    folders = subfolders(root)
    return (folders[0], folders[1]) if len(folders) == 2 and not parts(folders) else None


def parts(folders: Sequence[Path]) -> list[Path]:
    """Those of these folders that hold a part of the data, not a domain: train and test, seg_train and seg_test; one of
    two that is called so, but not the train beside a car and a bus.
    """
    of: dict[str, list[Path]] = {}
    for folder in folders:
        of.setdefault(_without_part(folder.name), []).append(folder)
    found = [same for name, same in of.items() if len(same) > 1 or (not name and len(folders) == 2)]
    return [folder for same in found for folder in same]


def held_in(root: Path) -> str:
    """Words for what is in a folder in place of domains."""
    folders = [folder.name for folder in subfolders(root)]
    if folders:
        return f"the folders {listed(folders, 6)}"
    there = look_below(root, demand=False)
    return f"no folder ({summary(there.others)}{way(there.others)})" if not there.pictures else "no folder"


def _of_training(folders: Sequence[Path]) -> Path | None:
    return next((folder for folder in folders if _plain(folder.name) in _TRAIN), None)


def _part(folder: Path, like: Sequence[str]) -> Path | None:
    here = subfolders(folder)
    if (part := next((part for part in here if _plain(part.name) in like), None)) is not None:
        return part
    same = {_without_part(name) for name in _trained([part.name for part in here])}
    found = [part for part in here if _told(part.name) in like and _without_part(part.name) in same]
    return found[0] if len(found) == 1 else None


def _trained(names: Sequence[str]) -> list[str]:
    """Those of folders side by side that are training parts, where one has beside it what is held back of the same."""
    trained = [name for name in names if _told(name) in _TRAIN]
    held = {_without_part(name) for name in names if _told(name) in _HELD_BACK}
    return trained if any(_without_part(name) in held for name in trained) else []


def _beside_training(folder: Path, files: Sequence[Path]) -> list[str]:
    """For each of the pictures below a folder the outermost folder around it, by its path, that is no training part but
    stands beside one that is `_trained`; "" where there is none. Folders are told by the pictures' paths alone.
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
        if trained := _trained(sorted(here)):
            left |= {f"{above}/{name}".lstrip("/") for name in here.difference(trained)}
    around: dict[str, str] = {"": ""}
    for place in sorted({*places} - {""}) if left else ():
        parents = [place[:at] for at, letter in enumerate(f"{place}/") if letter == "/"]
        around[place] = next((parent for parent in parents if parent in left), "")
    return [around.get(place, "") for place in places]


def _told(name: str) -> str:
    """The part of the data that a folder's name tells of: "test" of `Test`, `testA` and `seg_test`; "" of others."""
    if (plain := _plain(name)) in (*_TRAIN, *_HELD_BACK):
        return plain
    found = _SPLIT.match(name) or _SPLIT_OF_ALL.match(name) or _SPLIT_AFTER.search(name)
    return _plain(found.group()) if found else ""


def _plain(name: str) -> str:
    """A folder's name without what people spell otherwise."""
    return re.sub(r"[ _-]", "", name).casefold()


def _without_part(name: str) -> str:
    """A folder's name without the part of the data that it tells of: "" of `Testing`, "seg" of `seg_train`."""
    if _plain(name) in (*_TRAIN, *_HELD_BACK):
        return ""
    return _SPLIT_AFTER.sub("", _SPLIT_OF_ALL.sub("", _SPLIT.sub("", name)))


def _holds_pictures(folder: Path) -> bool:
    """Whether pictures lie in the folder itself."""
    with os.scandir(folder) as entries:
        return any(is_picture_name(entry.name) and not entry.is_dir() for entry in entries)


def composed(name: str) -> str:
    """A name with composed accents. A Mac takes accents and letters apart in names of files, others do not."""
    return unicodedata.normalize("NFC", name)


def without_extension(name: str) -> str:
    """The common part of the names of a pair's files."""
    return Path(name).with_suffix("").as_posix()


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


def by_name(
    folder: Path, key: Callable[[str], str] = without_extension, kinds: Sequence[str] | None = None
) -> dict[str, Path]:
    """The pictures of a folder by `key` of their path below it, with composed accents.

    `kinds`: see `gantool.pictures.ids.of_kinds`. Raises DataError where two share a name.
    """
    files: dict[str, Path] = {}
    pictures = find_pictures(folder)
    for file in pictures if kinds is None else of_kinds(pictures, kinds):
        name = composed(key(file.relative_to(folder).as_posix()))
        if name in files:
            one, other = (str(path.with_suffix("")) for path in (files[name], file))
            accents = " but for the spelling of accents" if one != other and composed(one) == composed(other) else ""
            raise DataError(f"{files[name]} and {file} are both named {name}{accents}: which of them is meant?")
        files[name] = file
    return files


def matched(
    folders: Sequence[Path],
    key: Callable[[str], str] = without_extension,
    kinds: Sequence[Sequence[str] | None] | None = None,
) -> list[tuple[tuple[Path, ...], tuple[Path, ...]]]:
    """For each folder the files that have a counterpart in all others, in one order for all, and those that have none.

    `kinds` of Cityscapes' files that are meant, for each folder: see `gantool.pictures.ids.of_kinds`.
    Raises DataError where as many files have no counterpart as have one.
    """
    kinds = kinds or [None] * len(folders)
    named = [by_name(folder, key, kind) for folder, kind in zip(folders, kinds, strict=True)]
    common = sorted(set.intersection(*map(set, named)))
    alone = [tuple(files[name] for name in sorted(files.keys() - set(common))) for files in named]
    left_out = [file for files in alone for file in files]
    if len(left_out) >= len(common):
        raise DataError(
            f"{' and '.join(map(str, folders))} have {len(common)} names in common, and {len(left_out)} files have no "
            f"counterpart ({listed(left_out)}): files that belong together have the same name, but for the extension"
        )
    return [(tuple(files[name] for name in common), rest) for files, rest in zip(named, alone, strict=True)]


def left_out(things: Sequence[object], where: object, why: str) -> str | None:
    """A note on what a layout leaves out; None where it is nothing."""
    return f"{len(things)} of {where} left out, {why}: {listed(things)}" if things else None


def listed(things: Sequence[object], most: int = 5) -> str:
    """The first few, separated by commas."""
    return ", ".join(map(str, things[:most])) + (", ..." if len(things) > most else "")
