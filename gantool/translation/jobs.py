"""One picture and where its translation goes, with whatever lies beside it. Imports no torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from gantool.errors import argument
from gantool.translation.distinct_names import longer
from gantool.translation.inputs import Source
from gantool.translation.naming import parted
from gantool.translation.unfit import UnfitError


@dataclass(frozen=True)
class Job:
    """One picture and where its translation goes."""

    source: Source
    out: Path | None
    """None: the bytes go to stdout."""
    format: str
    """Pillow's name of the output's format; of a film, FFmpeg's."""
    may_change: bool
    """Whether a result that the format cannot hold becomes a PNG file instead of losing what does not fit."""
    variant: int = 0
    """Which of a picture's results this is."""
    spelled_out: bool = False
    """Whether the result has a longer name than it would have alone (a.gif.png), because of another picture."""
    as_png: Path | None = None
    """Where a result goes that has to become a PNG file; None where it never has to, or for stdout."""
    code: Path | None = None
    """Where the style code goes, if it is kept."""
    maps: Path | None = None
    """Where heat maps go, if they are wanted: what their names begin with."""
    replaces: bool = False
    """Whether files that exist are replaced."""
    replaces_png: bool = False
    """The same, of a result that has to become a PNG file."""

    @property
    def is_film(self) -> bool:
        """Whether the input is a film."""
        return self.source.is_film

    @cached_property
    def key(self) -> str:
        """The `key` of `out`; empty for stdout."""
        return "" if self.out is None else key(self.out)


def map_path(maps: Path, name: str) -> Path:
    """The file of the map of this name, for a job's `maps`."""
    return maps.with_name(f"{maps.name}.{name}.png")


def key(path: Path) -> str:
    """A path in the one spelling by which outputs are compared."""
    return os.path.normcase(os.path.abspath(str(path)))


def input_key(source: Source) -> str:
    """The `key` of an input."""
    return os.path.normcase(source.absolute)


def with_more(jobs: Sequence[Job], variants: Sequence[str], codes: bool, maps: Path | None) -> list[Job]:
    """The jobs with the names of whatever else may be written for them.

    Where results differ in their extension alone, these files have the extension in their names, too.
    """

    def apart(job: Job) -> str:
        return parted(job.source.relative)[0] + variants[job.variant]

    if not codes and maps is None and all(job.key.lower().endswith(".png") or not job.may_change for job in jobs):
        return list(jobs)
    used = {job.key for job in jobs}
    stems = Counter(os.path.splitext(job.key)[0] for job in jobs)
    inputs = Counter(os.path.normcase(apart(job)) for job in jobs) if maps is not None else Counter[str]()

    def free(paths: Sequence[Path]) -> Path:
        """The first that is free; with a number where none is."""
        last = paths[-1]
        numbered = (last.with_name(f"{stem}{last.suffix}") for stem in longer(last.stem))
        found = next(path for path in chain(paths, numbered) if key(path) not in used)
        used.add(key(found))
        return found

    more: dict[int, Job] = {}
    for job in sorted(jobs, key=lambda job: (job.source.relative, job.source.name, job.variant)):
        made, relative = job, job.source.relative
        if job.out is not None:
            alike = stems[os.path.splitext(job.key)[0]] > 1
            if job.may_change and not job.key.lower().endswith(".png"):
                name = relative.rpartition("/")[2]
                spelled = name + job.out.stem.removeprefix(name).removeprefix(parted(name)[0])
                made = replace(
                    job,
                    as_png=free([job.out.with_suffix(".png")] * (not alike) + [job.out.with_name(f"{spelled}.png")]),
                )
            if codes:
                made = replace(
                    made,
                    code=free([job.out.with_suffix(".npy")] * (not alike) + [job.out.with_name(f"{job.out.name}.npy")]),
                )
        if maps is not None:
            alike = inputs[os.path.normcase(apart(job))] > 1
            made = replace(made, maps=maps / (f"{relative}{variants[job.variant]}" if alike else apart(job)))
        more[id(job)] = made
    return [more[id(job)] for job in jobs]


def owners_of(jobs: Sequence[Job]) -> dict[str, str]:
    """The owner of each file. Raises UnfitError where a result would be written over an input."""
    inputs = {input_key(job.source) for job in jobs if job.source.picture}
    owners: dict[str, str] = {}
    unfit: dict[Source, str] = {}
    for job in jobs:
        assert job.out is not None
        name = job.source.name
        if job.key in inputs:
            unfit[job.source] = (
                f"the result for {name} would be written over the input {job.out}:"
                f" use {argument('suffix')} or another OUT"
            )
        owners[job.key] = name
        if job.code is not None:
            owners[key(job.code)] = name
    if unfit:
        raise UnfitError(unfit)
    for job in jobs:
        if job.source.picture is not None:
            owners.setdefault(input_key(job.source), f"the input {job.source.name}")
    return owners
