"""Folders of pictures as people arrange them: their names, what they hold, and files of the same name."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

from gantool.data.layouts.part_names import plain, without_leading, without_part
from gantool.direction import letters
from gantool.errors import DataError
from gantool.pictures.find import find_pictures, is_picture_name, look_below, subfolders, summary, way
from gantool.pictures.ids import of_kinds

_DEPTH = 4  # folders that hold nothing but one folder


def names(folders: Sequence[Path]) -> tuple[str, ...]:
    """The folders' names without a leading train, test or val; A, B, ... where that does not tell all apart."""
    given = [os.path.basename(os.path.abspath(folder)) for folder in folders]
    found = without_leading(given)
    if len(given) > 2 and found.count("") == 1:  # car, train, bus
        found[found.index("")] = given[found.index("")]
    if all(found) and len(set(found)) == len(found):
        return tuple(found)
    return tuple(map(letters, range(len(found))))


def both(*notes: str | None) -> str | None:
    """The notes as one; None where there are none."""
    return "; ".join(filter(None, notes)) or None


def levels(root: Path) -> list[Path]:
    """This folder, and where it holds one folder and no pictures that folder, and so on: archives unpack to
    horse2zebra/horse2zebra.
    """
    found = [root]
    while len(found) <= _DEPTH and len(inside := subfolders(found[-1])) == 1 and not holds_pictures(found[-1]):
        found += inside
    return found


def first_of(root: Path, *candidates: tuple[str, str]) -> tuple[Path, Path] | None:
    """The first two folders of such names in this one; Train A, train_a and TRAINA are trainA, and a is not A."""
    named: dict[str, Path] = {}
    for folder in subfolders(root):
        if len(folder.name) > 1:
            named.setdefault(plain(folder.name), folder)
    for pair in candidates:
        a, b = (root / name if (root / name).is_dir() else named.get(plain(name)) for name in pair)
        if a is not None and b is not None:
            return a, b
    return None


def only_two(root: Path) -> tuple[Path, Path] | None:
    """The folders in this one, if they are two and both domains. Raises DataError for no folder."""
    folders = subfolders(root)
    return (folders[0], folders[1]) if len(folders) == 2 and not parts_among(folders) else None


def parts_among(folders: Sequence[Path]) -> list[Path]:
    """Those of these folders that hold a part of the data, not a domain: train and test, seg_train and seg_test; one of
    two that is called so, but not the train beside a car and a bus.
    """
    of: dict[str, list[Path]] = {}
    for folder in folders:
        of.setdefault(without_part(folder.name), []).append(folder)
    found = [same for name, same in of.items() if len(same) > 1 or (not name and len(folders) == 2)]
    return [folder for same in found for folder in same]


def held_in(root: Path) -> str:
    """Words for what is in a folder in place of domains."""
    folders = [folder.name for folder in subfolders(root)]
    if folders:
        return f"the folders {listed(folders, 6)}"
    there = look_below(root, demand=False)
    return f"no folder ({summary(there.others)}{way(there.others)})" if not there.pictures else "no folder"


def holds_pictures(folder: Path) -> bool:
    """Whether pictures lie in the folder itself."""
    with os.scandir(folder) as entries:
        return any(is_picture_name(entry.name) and not entry.is_dir() for entry in entries)


def composed(name: str) -> str:
    """A name with composed accents. A Mac takes accents and letters apart in names of files, others do not."""
    return unicodedata.normalize("NFC", name)


def without_extension(name: str) -> str:
    """The common part of the names of a pair's files."""
    return Path(name).with_suffix("").as_posix()


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
