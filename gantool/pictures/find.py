"""Finding the pictures below a folder, by file name. Imports neither numpy nor Pillow."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from gantool.errors import DataError

EXTENSIONS = frozenset(
    (
        *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "bmp", "dib", "tif", "tiff", "ppm", "pgm", "pbm", "pnm"),
        *("gif", "avif", "jp2", "j2k", "jpx", "tga"),
    )
)
"""File extensions of pictures: lower case, without the dot. Reading goes by the content."""


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is taken for a picture: not hidden, and with a known extension in any case."""
    return not name.startswith(".") and _extension(name) in EXTENSIONS


def find_pictures(folder: Path) -> tuple[Path, ...]:
    """The pictures in a folder and in the folders below it, sorted by their path relative to it.

    Hidden files and folders are passed over. Links are followed, and every real folder is visited once. A link to a
    missing picture is among the results, so that reading it says so. Raises DataError if there is no picture.
    """
    pictures: list[Path] = []
    others: Counter[str] = Counter()
    waiting, visited = [folder], set()
    while waiting:
        here = waiting.pop()
        entries = _entries(here)
        status = here.stat()
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                waiting.append(here / entry.name)
            elif entry.is_file() or entry.is_symlink():
                if is_picture_name(entry.name):
                    pictures.append(here / entry.name)
                else:
                    others[_extension(entry.name)] += 1
    if not pictures:
        raise DataError(f"{folder} holds no picture ({_summary(others)}). Expected: .jpg, .png, .webp, .tif, .bmp, ...")
    return tuple(sorted(pictures, key=lambda path: path.relative_to(folder).as_posix()))


def subfolders(folder: Path) -> tuple[Path, ...]:
    """The folders directly in a folder, sorted by name, without hidden ones. Raises DataError."""
    return tuple(sorted(folder / entry.name for entry in _entries(folder) if entry.is_dir() and entry.name[0] != "."))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """A folder's entries in descending order of names, so that a stack yields the first name first."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name, reverse=True)
    except FileNotFoundError:
        raise DataError(f"{folder} does not exist") from None
    except NotADirectoryError:
        raise DataError(f"{folder} is not a folder: give the folder that holds the pictures") from None
    except OSError as error:
        raise DataError(f"cannot list {folder}: {error.strerror or error}") from error


def _extension(name: str) -> str:
    return os.path.splitext(name)[1][1:].lower()


def _summary(others: Counter[str]) -> str:
    count = others.total()
    if count == 0:
        return "no files at all"
    found = [f".{extension}" if extension else "none" for extension, _ in others.most_common(5)]
    more = ", ..." if len(others) > 5 else ""
    return f"{count} {'file' if count == 1 else 'files'}, extensions: {', '.join(found)}{more}"
