"""The work of a plan: its pictures side by side, then its films, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, nullcontext

from gantool.inference.devices import choose, half_precision_note
from gantool.inference.engine import Engine
from gantool.pictures.opening import most_pixels
from gantool.pictures.threads import workers
from gantool.report.console import Console
from gantool.report.progress import files_progress
from gantool.runs.checkpoint import load_model
from gantool.translation.animation import is_animation, translate_animation
from gantool.translation.destination import Destination
from gantool.translation.films import Stopped, translate_film
from gantool.translation.jobs import Job
from gantool.translation.pipeline import Failed, Recipe, default_batch, translate_all
from gantool.translation.request import Plan
from gantool.translation.writing import Outcome, writer


def outcomes(
    plan: Plan,
    engine: Engine,
    destination: Destination,
    console: Console,
    stdin: bytes = b"",
    *,
    bar: bool,
    go_on: Callable[[], bool] = lambda: True,
) -> Generator[Outcome, None, None]:
    """What comes of each job: of pictures first, then of those with frames, if these are wanted, then of films.

    `bar` shows how far the pictures are; a film always has a bar. When `go_on` says no, what has begun is brought to an
    end, but for a film, which stays where it is.
    """
    recipe, jobs = recipe_of(plan, engine), plan.outputs.jobs
    pictures = [job for job in jobs if not job.is_film]
    with files_progress(console, len(pictures)) if bar and pictures else nullcontext() as shown:
        for outcome in _of_pictures(plan, engine, recipe, destination, pictures, stdin, go_on):
            yield outcome
            if shown is not None:
                shown.advance(failed=isinstance(outcome, Failed))
    for job in jobs:
        if job.is_film and go_on():
            try:
                yield translate_film(
                    engine, job, recipe, destination, plan.request, plan.how[job.variant], console, go_on
                )
            except Stopped:
                return


def _of_pictures(
    plan: Plan,
    engine: Engine,
    recipe: Recipe,
    destination: Destination,
    jobs: list[Job],
    stdin: bytes,
    go_on: Callable[[], bool],
) -> Iterator[Outcome]:
    animations: list[Job] = []

    def still() -> Iterator[Job]:
        for job in jobs:
            if not go_on():
                return
            if plan.request.frames and is_animation(job, engine, recipe, stdin):
                animations.append(job)
            else:
                yield job

    write = writer(recipe, destination)
    with closing(translate_all(engine, still(), recipe, write, stdin=stdin)) as found:
        yield from found
    for job in animations:
        if go_on():
            yield translate_animation(engine, job, recipe, destination, stdin)


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


def engine_of(plan: Plan, console: Console) -> Engine:
    """The plan's model on its device."""
    request, device = plan.request, choose(plan.request.device)
    if note := half_precision_note(device, request.precision):
        console.warn(note)
    facts, model = load_model(plan.weights)
    most = request.max_pixels or most_pixels()
    return Engine(model, device, request.precision, request.memory, facts.can, most)


def ahead(plan: Plan, engine: Engine) -> str:
    """The work ahead, in words."""
    spec = plan.facts.spec
    two = len(spec.domains) == 2 and not spec.attributes
    known = f"{plan.directions[0].source} " if two else ""
    ways = f"{known}to {', '.join(way.target for way in plan.directions)} on {engine.device}"
    half = ", in bf16" if plan.request.precision == "bf16" else ""
    films = sum(job.is_film for job in plan.outputs.jobs)
    of_films = f" (films: {films})" if films else ""
    return f"{ways}{half}: {len(plan.outputs.jobs)} to do{of_films}, {len(plan.outputs.skipped)} done before"
