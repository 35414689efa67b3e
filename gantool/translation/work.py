"""The work of a plan: its pictures side by side, then its films, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, nullcontext

import torch

from gantool.inference.devices import choose, half_precision_note
from gantool.inference.engine import Engine
from gantool.inference.jobs import how_many, in_words
from gantool.pictures.threads import workers
from gantool.report.console import Console
from gantool.report.progress import files_progress
from gantool.translation.destination import Destination
from gantool.translation.films import Stopped, translate_film
from gantool.translation.parts import by_processes, of_pictures, pixels_of_each
from gantool.translation.pipeline import Failed, Recipe, default_batch
from gantool.translation.request import Plan
from gantool.translation.tally import Tally
from gantool.translation.writing import Outcome


def outcomes(
    plan: Plan,
    engine: Callable[[], Engine],
    destination: Destination,
    console: Console,
    tally: Tally,
    stdin: bytes = b"",
    *,
    jobs: int | None = None,
    bar: bool,
    go_on: Callable[[], bool] = lambda: True,
) -> Generator[Outcome, None, None]:
    """What comes of each job: of pictures first, then of those with frames, if these are wanted, then of films.

    So many processes share the pictures; None is this one alone with all its threads. `engine` is asked for where this
    process needs one. `bar` shows how far the pictures are; a film always has a bar. When `go_on` says no, what has
    begun is brought to an end, but for a film, which stays where it is.
    """
    recipe = recipe_of(plan, choose(plan.request.device))
    pictures = [job for job in plan.outputs.jobs if not job.is_film]

    def here() -> Generator[Outcome, None, None]:
        numbered = of_pictures(engine(), plan, recipe, destination, stdin, iter(enumerate(pictures)), go_on)
        with closing(numbered) as made:
            for _, outcome in made:
                if outcome is not None:
                    yield outcome

    if pictures:
        found = here() if jobs is None else by_processes(plan, recipe, destination, pictures, stdin, jobs)
        with closing(found), files_progress(console, len(pictures)) if bar else nullcontext() as shown:
            for outcome in found:
                yield outcome
                if shown is not None:
                    shown.advance(failed=isinstance(outcome, Failed))
    for job in plan.outputs.jobs:
        if job.is_film and go_on():
            try:
                yield translate_film(
                    engine(), job, recipe, destination, plan.request, plan.how[job.variant], console, go_on
                )
            except Stopped:
                return


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


def device_of(plan: Plan, console: Console) -> torch.device:
    """The plan's device, and a word where it is slow in the plan's precision."""
    device = choose(plan.request.device)
    if note := half_precision_note(device, plan.request.precision):
        console.warn(note)
    return device


def processes_of(plan: Plan, device: torch.device) -> int | None:
    """How many processes share the pictures; None for this one alone. A batch is for one."""
    if plan.request.jobs is None and (plan.inputs.single or plan.request.batch is not None):
        return None
    pictures = sum(not job.is_film for job in plan.outputs.jobs)
    return how_many(plan.request.jobs, device, pictures, pixels_of_each(plan))


def ahead(plan: Plan, device: torch.device, jobs: int | None = None) -> str:
    """The work ahead, in words."""
    spec = plan.facts.spec
    two = len(spec.domains) == 2 and not spec.attributes
    known = f"{plan.directions[0].source} " if two else ""
    ways = f"{known}to {', '.join(way.target for way in plan.directions)} on {device}{in_words(jobs)}"
    half = ", in bf16" if plan.request.precision == "bf16" else ""
    films = sum(job.is_film for job in plan.outputs.jobs)
    of_films = f" (films: {films})" if films else ""
    return f"{ways}{half}: {len(plan.outputs.jobs)} to do{of_films}, {len(plan.outputs.skipped)} done before"
