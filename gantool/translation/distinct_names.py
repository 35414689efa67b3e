"""A name of its own for every result, whatever the inputs are called. Imports no torch.

Which names are given depends on the set of inputs alone, not on their order nor on what exists already: the same
command gives the same names, also in parts and when it goes on.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gantool.translation.inputs import Source
from gantool.translation.naming import Naming, parted


class Named(NamedTuple):
    """The names of one input's results, below the folder of results."""

    path: str
    """The input's path there, with its own file name: where several inputs have one, with folders in front."""
    stem: str
    """What the results' names begin with, folders included."""
    spelled_out: bool
    """Whether a result has another name than it would have alone."""


def named(
    sources: Sequence[Source],
    naming: Naming,
    variants: Sequence[str],
    *,
    foreign: Callable[[Source, str], bool],
    blocked: Callable[[str], bool],
    folds: bool = False,
) -> dict[Source, Named]:
    """Names for all inputs: of a.png and a.gif come a.png and a.gif.png, of in/a.png and more/a.png those paths.

    `foreign` says of a source and a path whether the result of a picture lies there that is not among the sources,
    `blocked` of a path whether it is an input. `folds` is for a file system that takes names for the same that differ
    in case or in how accents are composed.
    """
    fold = folded if folds else os.path.normcase
    ordered = sorted(sources, key=lambda source: (source.relative, str(source.picture)))
    places = _places(ordered, lambda source, place: foreign(source, naming.named(place, variants[0])))
    alone = {source: parted(place)[0] for source, place in places.items()}
    plain = {source: fold(naming.named(place)) for source, place in places.items()}
    alike = Counter(plain.values())
    given: dict[Source, Named] = {}
    used: set[str] = set()

    def take(source: Source, stem: str) -> bool:
        """Gives the source this name, if it is free for all its results."""
        outs = [f"{stem}{naming.suffix}{variant}.{naming.extension(source.relative)}" for variant in variants]
        if any(fold(out) in used or (stem != alone[source] and blocked(out)) for out in outs):
            return False
        used.update(map(fold, outs))
        given[source] = Named(places[source], stem, stem != parted(source.relative)[0])
        return True

    later = []
    for source in ordered:
        place = places[source]
        # Among inputs of one name the one whose extension the results have keeps it.
        keeps = alike[plain[source]] == 1 or parted(place)[1][1:] == naming.extension(place)
        if not (keeps and take(source, alone[source])):
            later.append(source)
    for source in later:
        next(stem for stem in longer(places[source]) if take(source, stem))
    return given


def folded(name: str) -> str:
    """A name as file systems compare it that keep neither case nor the composition of accents apart."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def folds_names(folder: Path) -> bool:
    """Whether the file system below a folder, which need not exist, takes a.png and A.PNG for one name."""
    here = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), Path("/"))
    try:
        with os.scandir(here) as entries:
            name = next((entry.name for entry in entries if entry.name.swapcase() != entry.name), None)
        if name is None:
            return os.path.normcase("A") == "a"
        return (here / name.swapcase()).samefile(here / name)
    except OSError:
        return False


def longer(stem: str) -> Iterator[str]:
    """a, a.2, a.3, ..."""
    yield stem
    for number in count(2):
        yield f"{stem}.{number}"


def _places(ordered: Sequence[Source], foreign: Callable[[Source, str], bool]) -> dict[Source, str]:
    """Each input's relative path; with as many of its folders in front as tell it from others of that path."""
    places = {source: source.relative for source in ordered}
    while True:
        many = Counter(places.values())
        further = {
            source: above
            for source, place in places.items()
            if (many[place] > 1 or foreign(source, place)) and (above := _above(source, place)) is not None
        }
        if not further:
            return places
        places.update(further)


def _above(source: Source, place: str) -> str | None:
    """The path with one more folder in front; None where there is none."""
    if source.picture is None:
        return None
    parts = Path(source.absolute).parts[1:]
    length = len(PurePosixPath(place).parts) + 1
    return "/".join(parts[-length:]) if length <= len(parts) and place == "/".join(parts[1 - length :]) else None
