"""A whole translation: from a plan to files. `gantool translate` and `gantool.translate` both come through here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from pathlib import Path

import numpy as np
import torch

from gantool.errors import Interrupted
from gantool.files import write_atomically
from gantool.inference.devices import choose, half_precision_note
from gantool.inference.jobs import how_many, in_words
from gantool.pictures.file import encode
from gantool.pictures.results import Recorder
from gantool.pictures.threads import workers
from gantool.report.console import Console
from gantool.report.progress import files_progress
from gantool.signals import raised
from gantool.translation.destination import Destination
from gantool.translation.outbox import Outbox
from gantool.translation.parts import by_processes, engine_of, outcomes, pixels_of_each
from gantool.translation.pipeline import Failed, Recipe, default_batch
from gantool.translation.request import Plan
from gantool.translation.sheet import sheet
from gantool.translation.tally import Tally
from gantool.translation.writing import Done, Outcome, Skipped


def start(
    plan: Plan,
    console: Console,
    *,
    read_stdin: Callable[[], bytes],
    write_stdout: Callable[[bytes], object],
    report: Callable[[Outcome], None] | None = None,
) -> None:
    """Translates as planned. `report` is told of each picture that is written, skipped or failed.

    Raises GantoolError at the end if pictures failed, the picture's own error where there is but one, Interrupted after
    a signal, and OutputRefusedError when the disk takes no more.
    """
    stdin = read_stdin() if plan.reads_stdin else b""
    if plan.request.grid:
        _draw(plan, console, stdin, write_stdout)
        return
    outputs, single = plan.outputs, plan.inputs.single
    tally = Tally(console, total=len(outputs.jobs), single=single, fail_fast=plan.request.fail_fast)
    with (
        raised(lambda number: Interrupted(tally.stopped(), 128 + number)),
        Outbox(outputs.root) if outputs.root and outputs.jobs else nullcontext() as outbox,
        closing(Destination(plan, outbox)) as destination,
    ):
        tally.kept_though(outputs.stale)
        for job in outputs.skipped:
            if report is not None:
                report(Skipped(job, job.out))
            tally.skip(job, job.out)
        if outputs.jobs:
            device = _device(plan, console)
            jobs = _jobs(plan, device)
            if not single:
                console.note(_ahead(plan, device, jobs))
            found = _outcomes(plan, device, jobs, destination, stdin, tally)
            with (
                closing(found),
                nullcontext() if single else files_progress(console, len(outputs.jobs)) as progress,
            ):
                for outcome in found:
                    if report is not None:
                        report(outcome)
                    if isinstance(outcome, Failed):
                        tally.fail(outcome)
                    elif isinstance(outcome, Done):
                        tally.done(outcome)
                    else:
                        tally.skip(outcome.job, outcome.out)
                    if progress is not None:
                        progress.advance(failed=isinstance(outcome, Failed))
            for data in destination.streamed:
                write_stdout(data)
    tally.end()


def _outcomes(
    plan: Plan, device: torch.device, jobs: int | None, destination: Destination, stdin: bytes, tally: Tally
) -> Generator[Outcome, None, None]:
    """What comes of each job, by so many processes, or None for this one alone with all its threads."""
    recipe = recipe_of(plan, device)

    def arrived(outcome: Outcome) -> None:
        if isinstance(outcome, Done):
            tally.in_place()

    if jobs is not None:
        yield from by_processes(plan, recipe, destination, stdin, jobs, arrived)
        return
    engine = engine_of(plan, device)
    with closing(outcomes(engine, plan, recipe, destination, stdin, iter(enumerate(plan.outputs.jobs)))) as made:
        for _, outcome in made:
            if outcome is not None:
                arrived(outcome)
                yield outcome


def recipe_of(plan: Plan, device: torch.device) -> Recipe:
    """How every picture of the plan is translated on this device."""
    request = plan.request
    return Recipe(
        plan.variants,
        size=request.size,
        batch=request.batch or default_batch(device.type),
        quality=request.quality,
        seed=request.seed,
        sync=request.sync,
        workers=workers(),
    )


def _device(plan: Plan, console: Console) -> torch.device:
    device = choose(plan.request.device)
    if note := half_precision_note(device, plan.request.precision):
        console.warn(note)
    return device


def _jobs(plan: Plan, device: torch.device) -> int | None:
    """How many processes share the work; None for this one alone. A batch is for one."""
    if plan.request.jobs is None and (plan.inputs.single or plan.request.batch is not None):
        return None
    return how_many(plan.request.jobs, device, len(plan.outputs.jobs), pixels_of_each(plan))


def _ahead(plan: Plan, device: torch.device, jobs: int | None) -> str:
    """The work ahead, in words."""
    spec = plan.facts.spec
    two = len(spec.domains) == 2 and not spec.attributes
    known = f"{plan.directions[0].source} " if two else ""
    ways = f"{known}to {', '.join(way.target for way in plan.directions)} on {device}{in_words(jobs)}"
    half = ", in bf16" if plan.request.precision == "bf16" else ""
    return f"{ways}{half}: {len(plan.outputs.jobs)} to do, {len(plan.outputs.skipped)} done before"


def _draw(plan: Plan, console: Console, stdin: bytes, write_stdout: Callable[[bytes], object]) -> None:
    """The grid."""
    device = _device(plan, console)
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
