"""What happens to files that stand where results go: kept, replaced or refused. Imports no torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from gantool.counting import and_more
from gantool.errors import UsageError, argument
from gantool.pictures.results import Made, Results
from gantool.translation.inputs import Source
from gantool.translation.jobs import Job, map_path
from gantool.translation.unfit import UnfitError

Existing = Literal["overwrite", "skip", "fail", "newer"]
"""The policy for an output that exists. "newer" replaces a result that is older than its input or made otherwise."""

_OTHERWISE = {"model": "another model", "to": "another domain", "style": "another style", "seed": "another seed"}
_CHANGED = "an earlier state of the picture"


@dataclass(frozen=True)
class Before:
    """What was there before this command."""

    results: Results = field(default_factory=Results)
    how: Sequence[Mapping[str, str]] = ()
    """How each variant is made now; empty to leave that out of account."""
    only_last_word: bool = False
    """Whether the output is named by its place alone: then files that gantool did not write are not replaced."""
    maps: Sequence[str] = ()
    """Names of the maps that each result may have."""

    def files(self, job: Job) -> list[Path]:
        """All files that a job may write, but for a result that has to become a PNG file."""
        heat = [] if job.maps is None else [map_path(job.maps, name) for name in self.maps]
        return [path for path in (job.out, job.code, *heat) if path is not None]

    def foreign(self, path: str, source: Source, pictures: Collection[str]) -> bool:
        """Whether a file is the result of another picture that is not among these (absolute paths)."""
        made = self.results.noted(path)
        return (
            made is not None
            and not _of(made, source)
            and made.picture not in pictures
            and self.results.of(path) is not None
        )


def sorted_out(jobs: Sequence[Job], policy: Existing, before: Before) -> tuple[list[Job], list[Job], Counter[str]]:
    """Jobs to do, jobs whose results are kept, and how many of those were made of or by something else, by what."""
    todo: list[Job] = []
    kept: list[Job] = []
    stale: Counter[str] = Counter()
    for job in jobs:
        standing = _standing(job, before)
        if policy == "overwrite" or standing is None:
            todo.append(_replacing(job, before) if policy in ("overwrite", "newer") else job)
            continue
        made = before.results.of(standing)
        if made is not None and not _of(made, job.source):
            todo.append(_replacing(job, before))  # another picture of this command, whose result has another name now
            continue
        reason = _stale(standing, made, job, before)
        if policy == "newer" and reason:
            todo.append(_replacing(job, before))
            continue
        kept.append(replace(job, out=standing))
        if reason:
            stale[reason] += made is not None
    return todo, kept, +stale


def refuse_existing(jobs: Sequence[Job], before: Before) -> None:
    """Raises UsageError if a file exists."""
    outs = [path for job in jobs for path in before.files(job) if os.path.exists(path)]
    if outs:
        raise UsageError(
            f"{outs[0]} exists already{and_more(outs)}: {argument('existing', 'overwrite')} replaces,"
            f" {argument('existing', 'skip')} keeps, or name another OUT"
        )


def refuse_strangers(jobs: Sequence[Job], before: Before) -> None:
    """Raises UnfitError if a file would be replaced that gantool did not write, at a place that is not named as OUT."""
    if not before.only_last_word:
        return
    strangers = {job.source: outs for job in jobs if (outs := before.results.strangers(before.files(job)))}
    if strangers:
        raise UnfitError(
            {
                source: f"name an output last, a new folder or file: {outs[0]} exists{and_more(outs)}, and gantool did"
                f" not write it. To replace files that are there, name the output with {argument('out')}"
                for source, outs in strangers.items()
            }
        )


def _standing(job: Job, before: Before) -> Path | None:
    """The file that is this job's result by its name, if there is one."""
    if job.out is None or os.path.exists(job.out):
        return job.out
    if job.may_change and job.as_png is not None and (made := before.results.noted(job.as_png)) is not None:
        return job.as_png if _of(made, job.source) and os.path.exists(job.as_png) else None
    return None


def _replacing(job: Job, before: Before) -> Job:
    stranger = before.only_last_word and job.as_png is not None and before.results.of(job.as_png) is None
    return replace(job, replaces=True, replaces_png=not stranger)


def _of(made: Made, source: Source) -> bool:
    """Whether a result belongs to this picture, which may have been moved with all its folder."""
    if source.picture is None:
        return made.picture == ""
    if made.picture == os.path.abspath(source.picture):
        return True
    return made.relative == source.relative and made.of == _like(source.picture)


def _stale(out: Path, made: Made | None, job: Job, before: Before) -> str:
    """Why a result is not what would be made now; empty if nothing is known against it."""
    now = before.how[job.variant] if before.how else {}
    if made is not None and now:
        for name in (*_OTHERWISE, *now):
            if made.how.get(name) != now.get(name):
                return _OTHERWISE.get(name, f"another {name}")
    if job.source.picture is None:
        return ""
    like = _like(job.source.picture)
    changed = like != made.of if made is not None else like[1] > _like(out)[1]
    return _CHANGED if changed and like != (-1, -1) else ""


def _like(path: Path) -> tuple[int, int]:
    """Bytes and time of change; (-1, -1) of a file that is not there."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns
