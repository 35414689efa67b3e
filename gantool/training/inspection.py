"""Broken pictures are found before the first step, not in the night after it.

Every file is opened and looked at from both ends; one that does not look whole is decoded, which decides. With the
seconds that are left all others are decoded, too. What has passed is remembered in the run folder, so that a run that
is continued looks at new and changed files alone.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from gantool.data.source import Domain, Source
from gantool.data.transforms import Preparation
from gantool.errors import DataError
from gantool.files import write_atomically
from gantool.pictures.looks_whole import size_if_whole
from gantool.pictures.threads import workers

LOOK_SECONDS, OTHER_SECONDS = 10.0, 2.0
"""So long may it take to look at all files and decode those that do not look whole, and to decode others."""
_THREADS = 16  # a network's folder answers many at once
_NAMED = 3
_ENLARGED = 1.25


@dataclass(frozen=True)
class Inspection:
    """What was found."""

    broken: tuple[str, ...]
    """The error of each picture that cannot be read."""
    total: int
    """Files of the run."""
    left: int
    """Files that do not look whole and that no time was left to decode."""
    passed: frozenset[str]
    """Marks of the files that a later start need not look at."""
    sizes: tuple[tuple[int, int], ...]
    """(width, height) of the files that were looked at and tell."""

    @property
    def error(self) -> str | None:
        """One line about the broken ones."""
        if not self.broken:
            return None
        named = "; ".join(self.broken[:_NAMED]) + ("; ..." if len(self.broken) > _NAMED else "")
        count = f"{len(self.broken)} of {self.total} pictures cannot be used: "
        return f"{count if self.total > 1 else ''}{named}. Replace or remove them (all of them: gantool data check)"

    def enlarged(self, preparation: Preparation) -> str | None:
        """A line about pictures that are much smaller than what training makes of them."""
        if preparation.preprocess in ("crop", "none"):
            return None
        wide = preparation.preprocess.startswith("scale_width")
        sides = [width if wide else min(width, height) for width, height in self.sizes]
        small = [side for side in sides if side * _ENLARGED < preparation.size]
        if not small:
            return None
        many = "all pictures" if len(small) == len(sides) else f"{len(small)} of {len(sides)} pictures"
        if len(sides) < self.total:  # some formats tell their size to a decoder alone, and known files are not opened
            many = f"{len(small)} of the {len(sides)} pictures whose sizes were read ({self.total} in all)"
        return f"{many} are enlarged to {preparation.size} pixels: the smallest has {min(small)}"


def inspect(
    domains: Iterable[Domain],
    channels: Sequence[int],
    known: frozenset[str] = frozenset(),
    clock: Callable[[], float] = time.monotonic,
) -> Inspection:
    """Looks at all files of the domains. `known` are the marks of those that have passed before."""
    until = clock() + LOOK_SECONDS
    sources = {source.path: source for source in _all(domains, channels)}
    marks = {source: _mark(source) for source in sources.values()}
    new = [source for source, mark in marks.items() if mark not in known]
    with ThreadPoolExecutor(_THREADS) as pool:
        looked = pool.map(lambda some: [_look(s) if clock() < until else None for s in some], _parts(new))
        sizes = dict(zip(new, chain.from_iterable(looked), strict=True))
    suspects = [source for source, size in sizes.items() if size is None]
    others = [source for source, size in sizes.items() if size is not None]
    errors: dict[Source, str] = {}
    undecided = _decode(suspects, until, errors, clock)
    _decode(others, clock() + OTHER_SECONDS, errors, clock)
    return Inspection(
        tuple(errors[source] for source in new if source in errors),
        len(sources),
        len(undecided),
        frozenset(mark for source, mark in marks.items() if source not in errors and source not in undecided) - {""},
        tuple(size for size in sizes.values() if size is not None),
    )


def remembered(file: Path) -> frozenset[str]:
    """The marks in this file; none where there is no such file."""
    try:
        return frozenset(file.read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError):
        return frozenset()


def remember(file: Path, inspection: Inspection) -> None:
    """Writes the marks. The folder is made if need be. Raises DataError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, "".join(f"{mark}\n" for mark in sorted(inspection.passed)).encode("ascii"))


def _all(domains: Iterable[Domain], channels: Sequence[int]) -> Iterable[Source]:
    """The sources of the domains. Attributes have one set of pictures: those with the first, and those without it."""
    for domain, count in zip(domains, channels, strict=True):
        yield from domain.sources(count)
        if domain.without is not None:
            yield from (Source(file, count) for file in domain.without)
            return


def _parts(sources: list[Source], size: int = 64) -> Iterable[list[Source]]:
    return (sources[at : at + size] for at in range(0, len(sources), size))


def _look(source: Source) -> tuple[int, int] | None:
    try:
        sizes = [size_if_whole(file) for file in (source.path, source.instances) if file is not None]
    except (OSError, ValueError):
        return None
    return None if None in sizes else sizes[0]


def _decode(
    sources: Sequence[Source], until: float, errors: dict[Source, str], clock: Callable[[], float]
) -> set[Source]:
    """Decodes as many as there is time for; fills `errors` and returns those that are left."""

    def read(source: Source) -> bool:
        if clock() > until:
            return False
        try:
            source.read()
        except DataError as error:
            errors[source] = error.text
        return True

    with ThreadPoolExecutor(workers()) as pool:
        return {source for source, done in zip(sources, pool.map(read, sources), strict=True) if not done}


def _mark(source: Source) -> str:
    """A hash of path, size and time of last change; "" for a file that is not there."""
    try:
        facts = [
            (os.fspath(file.absolute()), status.st_size, status.st_mtime_ns)
            for file in (source.path, source.instances)
            if file is not None
            for status in [file.stat()]
        ]
    except (OSError, ValueError):
        return ""
    how = (source.half, source.classes)
    return hashlib.blake2b(repr((facts, how)).encode(errors="surrogateescape"), digest_size=8).hexdigest()
