"""A whole translation: from a plan to files. `gantool translate` and `gantool.translate` both come through here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import cache
from pathlib import Path

import numpy as np

from gantool.counting import count_in_words
from gantool.errors import Interrupted
from gantool.files import write_atomically
from gantool.pictures.file import encode
from gantool.pictures.results import Recorder
from gantool.report.console import Console
from gantool.report.progress import files_progress, progress
from gantool.signals import raised
from gantool.translation.destination import Destination
from gantool.translation.outbox import Outbox, OutputRefusedError
from gantool.translation.parts import engine_of
from gantool.translation.raw import translate_raw
from gantool.translation.request import Plan
from gantool.translation.sheet import sheet
from gantool.translation.tally import Tally
from gantool.translation.watching import watch
from gantool.translation.work import ahead, device_of, outcomes, processes_of, recipe_of
from gantool.translation.writing import Outcome, Skipped


def start(
    plan: Plan,
    console: Console,
    *,
    read_stdin: Callable[[], bytes],
    write_stdout: Callable[[bytes], object],
    report: Callable[[Outcome], None] | None = None,
) -> None:
    """Translates as planned. `report` is told of each picture that is written, skipped or failed.

    Raises GantoolError at the end if pictures failed, the picture's own error where there is but one, OutOfMemoryError
    where the memory suffices for none, Interrupted after a signal, and OutputRefusedError when the disk takes no more.
    """
    if plan.request.watch:
        watch(plan, console, report)
        return
    stdin = read_stdin() if plan.reads_stdin else b""
    if plan.request.grid:
        _draw(plan, console, stdin, write_stdout)
        return
    outputs, single = plan.outputs, plan.inputs.single
    tally = Tally(console, total=len(outputs.jobs), single=single, fail_fast=plan.request.fail_fast)
    with (
        raised(lambda number: Interrupted(tally.stopped(), 128 + number)),
        Outbox(outputs.root) if outputs.root and outputs.jobs else nullcontext() as outbox,
        closing(Destination(plan, outbox, tally.in_place)) as destination,
        _with_sum(tally),
    ):
        tally.kept_though(outputs.stale)
        for job in outputs.skipped:
            if report is not None:
                report(Skipped(job, job.out))
            tally.skip(job, job.out)
        if outputs.jobs:
            device = device_of(plan, console)
            jobs = processes_of(plan, device)
            if not single:
                console.note(ahead(plan, device, jobs))
            engine = cache(lambda: engine_of(plan, device))
            work = outcomes(plan, engine, destination, console, tally, stdin, jobs=jobs, bar=not single)
            with closing(work) as found:
                for outcome in found:
                    if report is not None:
                        report(outcome)
                    tally.count(outcome)
            for data in destination.streamed:
                write_stdout(data)
    tally.end()


@contextmanager
def _with_sum(tally: Tally) -> Iterator[None]:
    """Where the disk takes no more the error says, behind its reason, how far the command came."""
    try:
        yield
    except OutputRefusedError as error:
        if tally.single:
            raise
        raise OutputRefusedError(f"{error.text}. {tally.stopped()}") from error


def pipe(
    plan: Plan, console: Console, *, read: Callable[[int], bytes], write_stdout: Callable[[bytes], object]
) -> None:
    """Translates raw frames, as planned, from a stream that `read` reads so many bytes of. Raises GantoolError."""
    assert plan.request.raw is not None
    done = 0

    def stopped(number: int) -> Interrupted:
        return Interrupted(f"stopped after {count_in_words(done, 'frame')}", 128 + number)

    with raised(stopped):
        device = device_of(plan, console)
        engine = engine_of(plan, device)
        with progress(console, None, what="frames") as bar:

            def tell(number: int) -> None:
                nonlocal done
                done = number
                bar.advance(number)

            translate_raw(engine, recipe_of(plan, device), plan.request.raw, read, write_stdout, tell)


def _draw(plan: Plan, console: Console, stdin: bytes, write_stdout: Callable[[bytes], object]) -> None:
    """The grid."""
    device = device_of(plan, console)
    engine, recipe = engine_of(plan, device), recipe_of(plan, device)
    with files_progress(console, len(plan.inputs.sources)) as bar:
        drawn = sheet(engine, plan.inputs.sources, recipe, stdin=stdin, advance=bar.advance)
    assert plan.sheet_format is not None
    data = encode(np.asarray(drawn), plan.sheet_format, quality=recipe.quality)
    if plan.to_stdout:
        write_stdout(data)
        return
    out = Path(str(plan.request.output))
    write_atomically(out, data)
    with closing(Recorder(out.parent)) as recorder:
        recorder.note(out, None, "", {"grid": "grid"}, hashlib.sha256(data).hexdigest())
    console.note(f"wrote {out}")
