"""A whole translation: from a plan to files. `gantool translate` and `gantool.translate` both come through here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import numpy as np

from gantool.errors import Interrupted
from gantool.files import write_atomically
from gantool.inference.devices import choose, half_precision_note
from gantool.inference.engine import Engine
from gantool.pictures.file import encode
from gantool.pictures.opening import most_pixels
from gantool.pictures.results import Recorder
from gantool.pictures.threads import workers
from gantool.report.console import Console
from gantool.report.progress import files_progress
from gantool.runs.checkpoint import load_model
from gantool.signals import raised
from gantool.translation.animation import is_film, translate_film
from gantool.translation.destination import Destination
from gantool.translation.jobs import Job
from gantool.translation.outbox import Outbox
from gantool.translation.pipeline import Failed, Recipe, default_batch, translate_all
from gantool.translation.request import Plan
from gantool.translation.sheet import sheet
from gantool.translation.tally import Tally
from gantool.translation.writing import Done, Outcome, Skipped, writer


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
            engine = _engine(plan, console)
            if not single:
                console.note(_ahead(plan, engine))
            recipe = recipe_of(plan, engine)
            outcomes = _outcomes(plan, engine, recipe, destination, stdin)
            with (
                closing(outcomes),
                nullcontext() if single else files_progress(console, len(outputs.jobs)) as progress,
            ):
                for outcome in outcomes:
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
    plan: Plan, engine: Engine, recipe: Recipe, destination: Destination, stdin: bytes
) -> Generator[Outcome, None, None]:
    """What comes of each job: of pictures first, then of those with frames, if these are wanted."""
    films: list[Job] = []

    def pictures() -> Iterator[Job]:
        for job in plan.outputs.jobs:
            if plan.request.frames and is_film(job, engine, recipe, stdin):
                films.append(job)
            else:
                yield job

    write = writer(recipe, destination)
    with closing(translate_all(engine, pictures(), recipe, write, stdin=stdin)) as outcomes:
        yield from outcomes
    for job in films:
        yield translate_film(engine, job, recipe, destination, stdin)


def recipe_of(plan: Plan, engine: Engine) -> Recipe:
    """How every picture of the plan is translated on this engine."""
    request = plan.request
    return Recipe(
        plan.variants,
        size=request.size,
        batch=request.batch or default_batch(engine.device.type),
        quality=request.quality,
        seed=request.seed,
        sync=request.sync,
        workers=workers(),
    )


def _engine(plan: Plan, console: Console) -> Engine:
    request, device = plan.request, choose(plan.request.device)
    if note := half_precision_note(device, request.precision):
        console.warn(note)
    facts, model = load_model(plan.weights)
    most = request.max_pixels or most_pixels()
    return Engine(model, device, request.precision, request.memory, facts.can, most)


def _ahead(plan: Plan, engine: Engine) -> str:
    """The work ahead, in words."""
    spec = plan.facts.spec
    two = len(spec.domains) == 2 and not spec.attributes
    known = f"{plan.directions[0].source} " if two else ""
    ways = f"{known}to {', '.join(way.target for way in plan.directions)} on {engine.device}"
    half = ", in bf16" if plan.request.precision == "bf16" else ""
    return f"{ways}{half}: {len(plan.outputs.jobs)} to do, {len(plan.outputs.skipped)} done before"


def _draw(plan: Plan, console: Console, stdin: bytes, write_stdout: Callable[[bytes], object]) -> None:
    """The grid."""
    engine = _engine(plan, console)
    recipe = recipe_of(plan, engine)
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
