"""One picture and where its translation goes, with whatever lies beside it. Imports no torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath

from gantool.errors import UsageError, argument
from gantool.translation.inputs import Source
from gantool.translation.names import longer


@dataclass(frozen=True)
class Job:
    """One picture and where its translation goes."""

    source: Source
    out: Path | None
    """None: the bytes go to stdout."""
    format: str
    """Pillow's name of the output's format."""
    may_change: bool
    """Whether a result that the format cannot hold becomes a PNG file instead of losing what does not fit."""
    variant: int = 0
    """Which of a picture's results this is."""
    spelled_out: bool = False
    """Whether the result has a longer name than it would have alone (a.gif.png), because of another picture."""
    as_png: Path | None = None
    """Where a result goes that has to become a PNG file."""
    code: Path | None = None
    """Where the style code goes, if it is kept."""
    maps: Path | None = None
    """Where heat maps go, if they are wanted: what their names begin with."""
    replaces: bool = False
    """Whether files that exist are replaced."""
    replaces_png: bool = False
    """The same, of a result that has to become a PNG file."""


def map_path(maps: Path, name: str) -> Path:
    """The file of the map of this name, for a job's `maps`."""
    return maps.with_name(f"{maps.name}.{name}.png")


def key(path: Path) -> str:
    """A path in the one spelling by which outputs are compared."""
    return os.path.normcase(os.path.abspath(path))


def with_more(jobs: Sequence[Job], variants: Sequence[str], codes: bool, maps: Path | None) -> list[Job]:
    """The jobs with the names of whatever else may be written for them.

    Where results differ in their extension alone, these files have the extension in their names, too.
    """

    def apart(job: Job) -> str:
        return str(PurePosixPath(job.source.relative).with_suffix("")) + variants[job.variant]

    stems = Counter(key(job.out.with_suffix("")) for job in jobs if job.out)
    inputs = Counter(os.path.normcase(apart(job)) for job in jobs)
    used = {key(job.out) for job in jobs if job.out}

    def free(paths: Sequence[Path]) -> Path:
        """The first that is free; with a number where none is."""
        last = paths[-1]
        numbered = (last.with_name(f"{stem}{last.suffix}") for stem in longer(last.stem))
        found = next(path for path in chain(paths, numbered) if key(path) not in used)
        used.add(key(found))
        return found

    more = {}
    for job in sorted(jobs, key=lambda job: (job.source.relative, str(job.source.picture), job.variant)):
        made, name = job, PurePosixPath(job.source.relative)
        if job.out is not None:
            alike = stems[key(job.out.with_suffix(""))] > 1
            png = job.out
            if png.suffix.lower() != ".png":
                spelled = job.out.with_name(name.name + job.out.stem.removeprefix(name.name).removeprefix(name.stem))
                png = free([job.out.with_suffix(".png")] * (not alike) + [spelled.with_name(f"{spelled.name}.png")])
            code = None
            if codes:
                code = free([job.out.with_suffix(".npy")] * (not alike) + [job.out.with_name(f"{job.out.name}.npy")])
            made = replace(job, as_png=png, code=code)
        if maps is not None:
            alike = inputs[os.path.normcase(apart(job))] > 1
            made = replace(made, maps=maps / (f"{name}{variants[job.variant]}" if alike else apart(job)))
        more[job] = made
    return [more[job] for job in jobs]


def owners_of(jobs: Sequence[Job]) -> dict[str, str]:
    """The owner of each file. Raises UsageError where a result would be written over an input."""
    inputs = {key(job.source.picture) for job in jobs if job.source.picture}
    owners: dict[str, str] = {}
    for job in jobs:
        assert job.out is not None
        name = job.source.name
        if key(job.out) in inputs:
            raise UsageError(
                f"the result for {name} would be written over the input {job.out}:"
                f" use {argument('suffix')} or another OUT"
            )
        owners[key(job.out)] = name
        if job.code is not None:
            owners[key(job.code)] = name
    for job in jobs:
        if job.source.picture is not None:
            owners.setdefault(key(job.source.picture), f"the input {job.source.name}")
    return owners
