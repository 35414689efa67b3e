"""Finding the pictures below a folder, by file name. Imports neither numpy nor Pillow."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gantool.counting import count_in_words
from gantool.errors import DataError
from gantool.files import missing
from gantool.pictures import extras
from gantool.pictures.strays import FILES, has_marks_of_a_run, is_stray_folder, is_stray_name

EXTENSIONS = frozenset(
    (
        *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "bmp", "dib", "tif", "tiff", "ppm", "pgm", "pbm", "pnm"),
        *("gif", "avif", "jp2", "j2k", "jpx", "tga"),
    )
)
"""File extensions of pictures that are always read: lower case, without the dot. Reading goes by the content."""

_ARCHIVES = frozenset((".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"))
_BOXES = frozenset(
    (
        *(".mdb", ".lmdb", ".tfrecord", ".tfrecords", ".parquet", ".arrow", ".h5", ".hdf5", ".mat", ".npy", ".npz"),
        *(".pkl", ".pickle", ".rec"),
    )
)
"""Types of files in which data sets are given away, and each of which holds many pictures."""

NO_EXTENSION, BROKEN = "without extension", "broken link"
"""Types of files beside the extensions (".heic")."""

_TYPES = 8  # are named


@dataclass(frozen=True)
class Found:
    """What lies below a folder."""

    pictures: tuple[Path, ...]
    """Sorted by their path relative to the folder."""
    others: Counter[str]
    """How many files are no pictures by their name, by type."""


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is taken for a picture: not hidden, and with a known extension in any case."""
    return not name.startswith(".") and _is_known(extension(name))


def find_pictures(folder: Path) -> tuple[Path, ...]:
    """`look_below`, of which only the pictures matter. Raises DataError if there is no picture."""
    return look_below(folder).pictures


def look_below(folder: Path, *, demand: bool = True, wanted: Callable[[str], bool] = is_picture_name) -> Found:
    """The pictures in a folder and in the folders below it, and what else there is.

    Hidden files and folders are passed over, and so are `gantool.pictures.strays`. Links are followed, every real
    folder is visited once, and none above this one is. What has a picture's name but cannot be read (a link that leads
    nowhere, a pipe), and a folder below that cannot be listed, is among the pictures, so that reading it says so.
    `wanted` says of a name whether the file counts. Raises DataError for a folder that cannot be listed and, if
    `demand`, for one without a picture.
    """
    pictures: list[Path] = []
    others: Counter[str] = Counter()
    waiting, visited = [folder], _above(folder)
    while waiting:
        here = waiting.pop()
        try:
            entries, status = _entries(here), here.stat()
        except (DataError, OSError):
            if here is folder:
                raise
            pictures.append(here)
            continue
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        for entry in entries:
            path, broken = here / entry.name, False
            try:
                if entry.is_dir():
                    if not is_stray_name(entry.name) and not has_marks_of_a_run(path):
                        waiting.append(path)
                    continue
                broken = entry.is_symlink() and not os.path.exists(path)
            except OSError:  # a link to itself
                broken = True
            if wanted(entry.name):
                pictures.append(path)
            elif not entry.name.startswith(".") and entry.name.casefold() not in FILES:
                others[BROKEN if broken else f".{extension(entry.name)}".rstrip(".") or NO_EXTENSION] += 1
    if demand and not pictures:
        held = f"{folder} holds no picture ({summary(others)})"
        raise DataError(f"{held}. Expected: .jpg, .png, .webp, .tif, .bmp, ...{way(others)}")
    return Found(tuple(sorted(pictures, key=below(folder))), others)


class Listings:
    """What lies below folders, each listed once, when it is first asked for: a large one takes seconds."""

    def __init__(self) -> None:
        self._found: dict[Path, Found] = {}

    def pictures(self, folder: Path) -> tuple[Path, ...]:
        """As `find_pictures`."""
        if folder not in self._found:
            self._found[folder] = look_below(folder)
        return self._found[folder].pictures

    def others(self) -> Counter[str]:
        """How many files in all of them are no pictures by their name, by type."""
        return sum((found.others for found in self._found.values()), Counter())


def below(folder: Path) -> Callable[[Path], str]:
    """A function that gives the path of a file below this folder, relative to it, with `/` between.

    As `relative_to` does, in a tenth of its time.
    """
    start = len(str(folder / "x")) - 1
    return lambda path: str(path)[start:].replace(os.sep, "/")


def others_below(paths: Iterable[Path], read: Iterable[str] = ()) -> Counter[str]:
    """How many files in these folders are no pictures by their name, by type.

    Files among the paths are left out, and so are the types in `read`, which are read for other reasons (".txt").
    """
    counts: Counter[str] = Counter()
    for path in dict.fromkeys(paths):
        if os.path.isdir(path):
            counts += look_below(path, demand=False).others
    for kind in read:
        del counts[kind]
    return counts


def passed_over(others: Mapping[str, int]) -> str:
    """One line for a person: how many files of each type are passed over, and how they could be read."""
    common = Counter(others).most_common()
    named = [count_in_words(count, kind, None if kind == BROKEN else kind) for kind, count in common[:_TYPES]]
    if len(common) > _TYPES:
        named.append(f"{sum(count for _, count in common[_TYPES:])} of other types")
    # Beside pictures, archives are what they came in, and other files that could hold some hold annotations.
    alone = {kind: count for kind, count in others.items() if kind not in _ARCHIVES | _BOXES}
    return f"passed over {', '.join(named)}{way(alone)}"


def subfolders(folder: Path) -> tuple[Path, ...]:
    """The folders directly in a folder, sorted by name, without hidden ones, strays and links to itself or above.

    Raises DataError.
    """
    around = {os.path.realpath(folder), *map(str, Path(os.path.realpath(folder)).parents)}
    return tuple(sorted(folder / entry.name for entry in _entries(folder) if _is_domain(entry, around)))


def _is_domain(entry: os.DirEntry[str], around: Collection[str]) -> bool:
    try:
        if not entry.is_dir() or (entry.is_symlink() and os.path.realpath(entry.path) in around):
            return False
        return not is_stray_folder(Path(entry.path))
    except OSError:  # a link to itself
        return False


def _above(folder: Path) -> set[tuple[int, int]]:
    """The folders above one, by device and number: a link to one of them leads round in a circle."""
    above = set()
    for parent in Path(os.path.realpath(folder)).parents:
        try:
            status = parent.stat()
        except OSError:
            continue
        above.add((status.st_dev, status.st_ino))
    return above


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """A folder's entries in descending order of names, so that a stack yields the first name first."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name, reverse=True)
    except FileNotFoundError:
        raise missing(folder) from None
    except NotADirectoryError:
        raise DataError(f"{folder} is not a folder: give the folder that holds the pictures") from None
    except OSError as error:
        raise DataError(f"cannot list {folder}: {error.strerror or error}") from error


def extension(name: str) -> str:
    """A name's extension: lower case, without the dot."""
    return os.path.splitext(name)[1][1:].lower()


def _is_known(ending: str) -> bool:
    return ending in EXTENSIONS or ending in extras.extensions(installed=True)


def summary(others: Mapping[str, int]) -> str:
    """Words for files of these types."""
    count = sum(others.values())
    if count == 0:
        return "no files at all"
    found = [kind for kind, _ in Counter(others).most_common(5)]
    more = ", ..." if len(others) > 5 else ""
    return f"{count_in_words(count, 'file')}: {', '.join(found)}{more}"


def way(others: Mapping[str, int]) -> str:
    """How files of these types could be read, as the end of a sentence."""
    lacking = [kind for kind in others if kind[1:] in extras.extensions(installed=False)]
    ways = [f"{extras.INSTALL} reads {' and '.join(sorted(lacking))}"] if lacking else []
    if NO_EXTENSION in others:
        ways.append("pictures without extension need one, such as .jpg")
    if packed := sorted(others.keys() & _ARCHIVES):
        ways.append(f"unpack {' and '.join(packed)}")
    if boxed := sorted(others.keys() & _BOXES):
        ways.append(f"write the pictures within {' and '.join(boxed)} out as files")
    return "".join(f"; {way}" for way in ways)
