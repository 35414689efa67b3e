"""Watched folders: the same translation again for whatever arrives, until a signal ends it.

By looking again and again, as every file system allows. A file that is taken too early fails to decode: that is no
failure, for it changes then, and comes again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import NamedTuple

from gantool.errors import UsageError, argument
from gantool.pictures.looks_whole import size_if_whole
from gantool.report.console import Console
from gantool.signals import noted
from gantool.translation.destination import Destination
from gantool.translation.inputs import STREAM, find_inputs
from gantool.translation.jobs import Job
from gantool.translation.outbox import Outbox
from gantool.translation.parts import engine_of
from gantool.translation.pipeline import Failed
from gantool.translation.request import Plan, fitting
from gantool.translation.tally import Tally
from gantool.translation.work import ahead, device_of, outcomes
from gantool.translation.writing import Done, Outcome, Skipped

_LOOK_SECONDS = 0.5
_SHARE = 10  # looking takes at most one part in so many of the time: large folders are looked at less often
_REST_SECONDS = 2.0  # a file that has not changed for so long is whole


class _State(NamedTuple):
    """What a file is like: while it is written, this changes."""

    size: int
    changed: int
    """Nanoseconds, as those of `moved`."""
    moved: int
    """When its name, rights or content changed last."""


def watch(plan: Plan, console: Console, report: Callable[[Outcome], None] | None) -> None:
    """Translates what is in the folders and what arrives. `report` is told of each outcome, at once.

    Returns after a signal. Raises GantoolError then if pictures failed, and OutputRefusedError, DataError or
    CheckpointError at once where nothing can go on.
    """
    assert plan.outputs.root is not None
    tally = Tally(console, total=None, single=False, fail_fast=plan.request.fail_fast)
    over = Event()
    with noted(over.set), Outbox(plan.outputs.root) as outbox:
        device = device_of(plan, console)
        engine = engine_of(plan, device)
        console.note(ahead(plan, device))
        folders = ", ".join(plan.request.inputs)
        console.note(f"watching {folders} for more: Ctrl-C or SIGTERM ends it")
        seen: dict[Path, tuple[_State, float]] = {}
        settled: dict[Path, _State] = {}
        first = True

        def work(now: Plan, destination: Destination) -> Generator[Outcome, None, None]:
            return outcomes(
                now, lambda: engine, destination, console, tally, bar=False, go_on=lambda: not over.is_set()
            )

        while not over.is_set():
            begun = time.monotonic()
            ready = _ready(plan, seen, settled)
            now, unfit = _planned(plan, ready) if ready else (None, [])
            looked = time.monotonic() - begun
            for failed in unfit:
                if report is not None:
                    report(failed)
                tally.count(failed)
            if now is not None:
                if first:
                    tally.kept_though(now.outputs.stale)
                _say_kept(now, tally, console, report, again=not first)
                with (
                    closing(Destination(now, outbox, tally.in_place)) as destination,
                    closing(work(now, destination)) as found,
                ):
                    for outcome in found:
                        picture = outcome.job.source.picture
                        if isinstance(outcome, Failed) and picture is not None and _state(picture) != ready[picture]:
                            continue  # it was not whole, or is gone
                        if isinstance(outcome, Done):
                            console.note(f"wrote {outcome.out}")
                        if report is not None:
                            report(outcome)
                        tally.count(outcome)
                settled.update(ready)
            first = False
            over.wait(max(_LOOK_SECONDS, _SHARE * looked))
    tally.end()


def _ready(plan: Plan, seen: dict[Path, tuple[_State, float]], settled: dict[Path, _State]) -> dict[Path, _State]:
    """The files that are whole and not dealt with as they are now. `seen` is brought up to date."""
    out = plan.request.output
    sources = find_inputs(plan.request.inputs, None if out == STREAM else Path(str(out)), bytes, demand=False).sources
    now, ready = time.monotonic(), {}
    there = {picture: state for source in sources if (picture := source.picture) and (state := _state(picture))}
    for gone in [picture for picture in seen if picture not in there]:
        del seen[gone]
        settled.pop(gone, None)
    for picture, state in there.items():
        if settled.get(picture) == state:
            continue
        if picture not in seen or seen[picture][0] != state:
            seen[picture] = state, now
        if _is_whole(picture, state, now - seen[picture][1]):
            ready[picture] = state
    return ready


def _is_whole(picture: Path, state: _State, rested: float) -> bool:
    """Whether a file that has been like this for so many seconds is whole, as far as can be seen."""
    if rested >= _REST_SECONDS:
        return True
    if state.size == 0:
        return False
    # Writing moves both times, a rename the second one alone: renamed into place, a file is whole.
    if state.moved > state.changed or time.time() - state.changed / 1e9 > _REST_SECONDS:
        return True
    try:
        return size_if_whole(picture) is not None
    except OSError:
        return False


def _state(picture: Path) -> _State | None:
    try:
        status = os.stat(picture)
    except OSError:
        return None
    return _State(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _planned(plan: Plan, ready: Collection[Path]) -> tuple[Plan, list[Failed]]:
    """What is to be done for these files, and those among them that do not go with the others."""
    now, wrong = fitting(plan)
    outputs = now.outputs
    jobs = [job for job in outputs.jobs if job.source.picture in ready]
    skipped = [job for job in outputs.skipped if job.source.picture in ready]
    unfit = [
        Failed(Job(source, None, "", may_change=False), UsageError(text))
        for source, text in wrong.items()
        if source.picture in ready
    ]
    return replace(now, outputs=replace(outputs, jobs=jobs, skipped=skipped)), unfit


def _say_kept(
    plan: Plan, tally: Tally, console: Console, report: Callable[[Outcome], None] | None, *, again: bool
) -> None:
    for job in plan.outputs.skipped:
        if again:
            newer = argument("existing", "newer")
            console.note(f"{job.source.name} arrived, and its result {job.out} is kept: {newer} would make it anew")
        if report is not None:
            report(Skipped(job, job.out))
        tally.skip(job, job.out)
