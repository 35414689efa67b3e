"""Which files are films, by their names, and what films are written as. Imports nothing heavy."""

from __future__ import annotations

import importlib.util
import os
from functools import cache

from gantool.errors import UsageError
from gantool.pictures.find import extension

WRITTEN = {"mp4": "mp4", "m4v": "mp4", "mov": "mov", "mkv": "matroska", "webm": "webm"}
"""Extensions that films are written with, and FFmpeg's names of these formats."""
READ = frozenset((*WRITTEN, "avi", "mpg", "mpeg", "mts", "m2ts", "wmv", "flv", "3gp", "ogv"))
"""Extensions of films: lower case, without the dot. Reading goes by the content."""
FALLBACK = "mp4"
"""The extension of a result whose input has one that is not written."""
INSTALL = 'pip install "gantool[video]"'


def is_film_name(name: str) -> bool:
    """Whether a file of this name is taken for a film: not hidden, and with a known extension in any case."""
    return not os.path.basename(name).startswith(".") and extension(name) in READ


@cache
def installed() -> bool:
    """Whether the package that reads and writes films is there."""
    return importlib.util.find_spec("av") is not None


def check_installed() -> None:
    """Raises UsageError where that package is missing."""
    if not installed():
        raise UsageError(f"translating films needs: {INSTALL}")
