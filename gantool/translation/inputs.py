"""The inputs that a person names: files, folders, lists, stdin. Imports no torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from gantool.errors import DataError, UsageError
from gantool.files import missing
from gantool.films import names as films
from gantool.pictures.find import below, is_picture_name, look_below
from gantool.pictures.ids import of_domain, other_kinds
from gantool.pictures.strays import is_stray_folder
from gantool.spec import Kind
from gantool.translation.lists import listed

STREAM = "-"
"""stdin as the input, stdout as the output."""


@dataclass(frozen=True)
class Source:
    """One picture or film to translate."""

    picture: Path | None
    """Where it lies; None for the one on stdin."""
    relative: str
    """Its path below the output folder, with `/` between, still with its own file name."""

    def __hash__(self) -> int:
        return hash(self.name)  # a path's own hash is slow, and there may be many thousands

    @cached_property
    def name(self) -> str:
        """Its name in messages."""
        return "stdin" if self.picture is None else str(self.picture)

    def content(self, stdin: bytes) -> Path | bytes:
        """The file, or what came on stdin."""
        return stdin if self.picture is None else self.picture

    @cached_property
    def is_film(self) -> bool:
        """Whether it is a film, by its name."""
        return self.picture is not None and films.is_film_name(self.relative)

    @cached_property
    def absolute(self) -> str:
        """Where it lies, from the root; empty for the one on stdin."""
        return "" if self.picture is None else os.path.abspath(str(self.picture))


@dataclass(frozen=True)
class Inputs:
    """All pictures of one command."""

    sources: list[Source]
    single: bool
    """Whether one picture was named, and not a folder or a list that may happen to hold one."""
    others: Counter[str] = field(default_factory=Counter)
    """How many files in the folders are no pictures by their name, by type."""
    left_out: str = ""
    """A line on pictures that are of another kind than the model translates; empty where all are of its kind."""


def find_inputs(
    words: Sequence[str],
    out: Path | None,
    read_stdin: Callable[[], bytes],
    *,
    nul: bool = False,
    demand: bool = True,
) -> Inputs:
    """The pictures and films that the words mean: a file, a folder (those below it), `@LIST`, `@-` (a list on stdin).

    A folder's pictures keep their path below it. Files named one by one keep their name. A list's relative paths are
    kept as they are written, its absolute ones (or such with `..`) from the folder that they have in common; with `nul`
    they end with NUL. Pictures in `out` are results, never inputs. Of several words those that are strays
    (`gantool.pictures.strays`) are passed over: a shell's `*` gives them, too. Raises DataError for a file or folder
    that does not exist and, if `demand`, for one without pictures, and UsageError for inputs that contradict each
    other; a list's missing files are only met when they are read.
    """
    if not words:
        raise UsageError("which pictures? Name files, folders or a list (@LIST)")
    if STREAM in words and len(words) > 1:
        raise UsageError("- is one picture on stdin and stands alone; for a list of files on stdin: @-")
    sources: list[Source] = []
    others: Counter[str] = Counter()
    for word in words:
        path = Path(word)
        if word == STREAM:
            sources.append(Source(None, "stdin"))
        elif os.path.isdir(path):
            if len(words) == 1 or not is_stray_folder(path):
                below, more = _below(path, out, demand)
                sources += below
                others += more
        elif _is_list(word):
            sources += _listed(_paths(word[1:], read_stdin, nul))
        elif os.path.lexists(path):
            sources.append(Source(path, path.name))
        else:
            raise missing(path)
    if demand and not sources:
        raise DataError(f"{', '.join(words)}: these hold no pictures of yours, but what systems and gantool write")
    single = len(words) == 1 and len(sources) == 1 and not os.path.isdir(words[0]) and not _is_list(words[0])
    return Inputs(list(dict.fromkeys(sources)), single, others)


def of_kind(inputs: Inputs, kind: Kind) -> Inputs:
    """The inputs that a domain of this kind is made of: of Cityscapes' files the label maps, or the pictures."""
    files = [source.picture for source in inputs.sources if source.picture is not None]
    kept = of_domain(files, kind)
    if len(kept) == len(files):
        return inputs
    wanted = set(kept)
    sources = [source for source in inputs.sources if source.picture is None or source.picture in wanted]
    return replace(inputs, sources=sources, left_out=other_kinds(files, kept))


def _is_list(word: str) -> bool:
    """@LIST, unless that is the name of a file, and LIST of none."""
    return word.startswith("@") and (os.path.exists(word[1:]) or not os.path.lexists(word))


def _counts(name: str) -> bool:
    return is_picture_name(name) or (films.installed() and films.is_film_name(name))


def _below(folder: Path, out: Path | None, demand: bool) -> tuple[list[Source], Counter[str]]:
    found = look_below(folder, demand=False, wanted=_counts)
    if demand and not found.pictures:
        if any(films.is_film_name(f"x{kind}") for kind in found.others):
            films.check_installed()
        look_below(folder)  # raises what there is instead
    results = None if out is None else Path(os.path.realpath(out))
    if results is not None and Path(os.path.realpath(folder)) not in results.parents:
        results = None
    inside: dict[str, bool] = {}
    relative = below(folder)
    sources = []
    for picture in found.pictures:
        parent = os.path.dirname(str(picture))
        if parent not in inside:
            inside[parent] = results is not None and Path(os.path.realpath(parent)).is_relative_to(results)
        if not inside[parent]:
            sources.append(Source(picture, relative(picture)))
    if demand and not sources:
        raise DataError(f"{folder} holds no picture besides the results in {out}")
    return sources, found.others


def _paths(name: str, read_stdin: Callable[[], bytes], nul: bool) -> list[Path]:
    try:
        content = read_stdin() if name == STREAM else Path(name).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the list {name}: {error.strerror or error}") from error
    return listed(content, f"the list {'on stdin' if name == STREAM else name}", nul=nul)


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
