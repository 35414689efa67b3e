"""A folder translated by several processes: what each of them does, and what it asks of the first."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gantool.errors import GantoolError
from gantool.inference import memory
from gantool.inference.engine import Engine, Shared
from gantool.inference.processes import Place, shared
from gantool.pictures.file import picture_size
from gantool.pictures.opening import most_pixels
from gantool.runs.checkpoint import load_model
from gantool.translation.animation import is_animation, translate_animation
from gantool.translation.destination import Destination, Puts
from gantool.translation.inputs import Inputs
from gantool.translation.jobs import Job
from gantool.translation.outputs import Outputs
from gantool.translation.pipeline import Recipe, translate_all
from gantool.translation.request import Plan
from gantool.translation.writing import Outcome, writer

_LOOKED_AT = 16  # pictures


@dataclass(frozen=True)
class Given:
    """What every process has to know."""

    plan: Plan
    """Without inputs and outputs: jobs are handed out one by one."""
    recipe: Recipe
    stdin: bytes
    free: int
    """Bytes that were free before the work began."""


def by_processes(
    plan: Plan,
    recipe: Recipe,
    destination: Destination,
    pictures: Sequence[Job],
    stdin: bytes,
    jobs: int,
) -> Generator[Outcome, None, None]:
    """What comes of each picture, as `of_pictures` gives it: computed on a CPU by so many processes of one thread.

    A pass is as large as one of a process alone may be, and waits until it has room beside the others: so a picture
    goes through the network the same way, however many they are.
    """
    free = memory.available("cpu")
    bare = replace(plan, inputs=Inputs([], single=plan.inputs.single), outputs=Outputs([]))
    given = Given(bare, replace(recipe, workers=1), stdin, free)
    together = int(memory.SHARE * free) if plan.request.memory is None else plan.request.memory
    return shared(_part, given, pictures, jobs, destination, together)


def of_pictures(
    engine: Engine,
    plan: Plan,
    recipe: Recipe,
    destination: Puts,
    stdin: bytes,
    jobs: Iterator[tuple[int, Job]],
    go_on: Callable[[], bool] = lambda: True,
) -> Generator[tuple[int, Outcome | None], None, None]:
    """What comes of each numbered job, until `go_on` says no: of pictures first, then of those with frames, if these
    are wanted; for such the first is None.
    """
    numbers: dict[Job, int] = {}
    animations: list[Job] = []

    def still() -> Iterator[Job]:
        for number, job in jobs:
            if not go_on():
                return
            numbers[job] = number
            if plan.request.frames and is_animation(job, engine, recipe, stdin):
                animations.append(job)
            else:
                yield job

    with closing(translate_all(engine, still(), recipe, writer(recipe, destination), stdin=stdin)) as made:
        for outcome in made:
            yield numbers.pop(outcome.job), outcome
    for job in animations:
        yield numbers[job], None
    for job in animations:
        if go_on():
            yield numbers[job], translate_animation(engine, job, recipe, destination, stdin)


def engine_of(plan: Plan, device: torch.device | str, together: Shared | None = None) -> Engine:
    """The plan's model on a device."""
    request = plan.request
    facts, model = load_model(plan.weights)
    most = request.max_pixels or most_pixels()
    return Engine(model, device, request.precision, request.memory, facts.can, most, together)


def pixels_of_each(plan: Plan) -> int:
    """About how many pixels a picture has, by the request, the model or the files' headers, of which a few are read."""
    if plan.request.size is not None:
        return plan.request.size[0] * plan.request.size[1]
    if plan.facts.sizes.exact is not None:
        return plan.facts.sizes.exact**2
    pictures = [job.source.picture for job in plan.outputs.jobs if job.source.picture is not None and not job.is_film]
    few = pictures[:: -(-len(pictures) // _LOOKED_AT)] if pictures else []
    sizes = [width * height for width, height in map(_size, few)]
    return sum(sizes) // max(1, len(sizes))


def _part(given: Given, place: Place[Job, Outcome]) -> Generator[tuple[int, Outcome | None], None, None]:
    """The work of one process."""
    engine = engine_of(given.plan, "cpu", Shared(given.free, place.room))
    yield from of_pictures(engine, given.plan, given.recipe, _Asked(place), given.stdin, place.items())


class _Asked:
    """The first process's `Destination`, from any of them."""

    def __init__(self, place: Place[Job, Outcome]) -> None:
        self._place = place

    def claim(self, path: Path, job: Job) -> None:
        self._place.ask(Destination.claim, path, job)

    def put(self, job: Job, path: Path | None, data: bytes) -> str:
        return self._place.ask(Destination.put, job, path, data)

    def put_map(self, job: Job, path: Path, data: bytes) -> None:
        self._place.ask(Destination.put_map, job, path, data)


def _size(picture: Path) -> tuple[int, int]:
    try:
        return picture_size(picture)
    except GantoolError:  # reading it says why
        return 0, 0
