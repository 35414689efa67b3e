"""The inputs that a person names: files, folders, lists, stdin. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gantool.errors import DataError, UsageError
from gantool.pictures.find import find_pictures

STREAM = "-"
"""stdin as the input, stdout as the output."""


@dataclass(frozen=True)
class Source:
    """One picture to translate."""

    picture: Path | None
    """Where it lies; None for the one on stdin."""
    relative: str
    """Its path below the output folder, with `/` between, still with its own file name."""

    @property
    def name(self) -> str:
        """Its name in messages."""
        return "stdin" if self.picture is None else str(self.picture)


@dataclass(frozen=True)
class Inputs:
    """All pictures of one command."""

    sources: list[Source]
    single: bool
    """Whether one picture was named, and not a folder or a list that may happen to hold one."""


def find_inputs(words: Sequence[str], out: Path | None, read_stdin: Callable[[], bytes]) -> Inputs:
    """The pictures that the words mean: a file, a folder (the pictures below it), `@LIST`, `@-` (a list on stdin).

    A folder's pictures keep their path below it. Files named one by one keep their name. A list's relative paths are
    kept as they are written, its absolute ones (or such with `..`) from the folder that they have in common. Pictures
    in `out` are results, never inputs. Raises DataError for a file or folder that does not exist and UsageError for
    inputs that contradict each other; a list's missing files are only met when they are read.
    """
    if STREAM in words and len(words) > 1:
        raise UsageError("- is one picture on stdin and stands alone; for a list of files on stdin: @-")
    sources: list[Source] = []
    for word in words:
        path = Path(word)
        if word == STREAM:
            sources.append(Source(None, "stdin"))
        elif word.startswith("@"):
            sources += _listed(_lines(word[1:], read_stdin))
        elif path.is_dir():
            sources += _below(path, out)
        elif path.exists():
            sources.append(Source(path, path.name))
        else:
            raise DataError(f"{path} does not exist")
    single = len(words) == 1 and len(sources) == 1 and not words[0].startswith("@") and not Path(words[0]).is_dir()
    return Inputs(list(dict.fromkeys(sources)), single)


def _below(folder: Path, out: Path | None) -> list[Source]:
    pictures = find_pictures(folder)
    results = out.resolve() if out is not None and folder.resolve() in out.resolve().parents else None
    inside: dict[Path, bool] = {}
    sources = []
    for picture in pictures:
        parent = picture.parent
        if parent not in inside:
            inside[parent] = results is not None and parent.resolve().is_relative_to(results)
        if not inside[parent]:
            sources.append(Source(picture, picture.relative_to(folder).as_posix()))
    if not sources:
        raise DataError(f"{folder} holds no picture besides the results in {out}")
    return sources


def _lines(name: str, read_stdin: Callable[[], bytes]) -> list[Path]:
    try:
        content = read_stdin() if name == STREAM else Path(name).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the list {name}: {error.strerror or error}") from error
    paths = [Path(line) for line in os.fsdecode(content).replace("\r\n", "\n").split("\n") if line.strip()]
    if not paths:
        raise DataError(f"the list {'on stdin' if name == STREAM else name} is empty: one path a line")
    return paths


def _listed(paths: Sequence[Path]) -> list[Source]:
    outside = [path for path in paths if _leads_outside(path)]
    # abspath also resolves `..`: no result may leave OUT.
    common = Path(os.path.commonpath([os.path.abspath(path.parent) for path in outside])) if outside else Path()
    return [
        Source(path, (Path(os.path.abspath(path)).relative_to(common) if _leads_outside(path) else path).as_posix())
        for path in paths
    ]


def _leads_outside(path: Path) -> bool:
    return path.is_absolute() or ".." in path.parts
