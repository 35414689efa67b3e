"""Pictures made as planned. `gantool sample` and `gantool.sample` both come through here."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from pathlib import Path

import numpy as np
import torch

from gantool.counting import count_in_words
from gantool.errors import Interrupted, argument
from gantool.inference.devices import choose, half_precision_note
from gantool.inference.jobs import how_many, in_words
from gantool.inference.sampler import Sampler
from gantool.pictures.file import Array, encode, to_uint8
from gantool.pictures.results import Recorder
from gantool.report.console import Console
from gantool.report.grids import grid
from gantool.report.progress import files_progress
from gantool.sampling.making import Drawn, Inputs, Made, by_processes, made, sampler_of
from gantool.sampling.places import put_one
from gantool.sampling.request import Piece, Plan
from gantool.signals import raised
from gantool.translation.jobs import Job
from gantool.translation.outbox import Outbox


def start(
    plan: Plan,
    console: Console,
    *,
    write_stdout: Callable[[bytes], object],
    report: Callable[[Made], None] | None = None,
) -> None:
    """Makes the pictures of a plan. `report` is told of each that is written or was there.

    Raises DataError or OutOfMemoryError for a model that fails, Interrupted after a signal, and OutputRefusedError when
    the disk takes no more.
    """
    if plan.grid_format:
        _sheet(plan, console, write_stdout)
        return
    _tell_kept(plan, console, report)
    in_place: list[Job] = []

    def stopped(number: int) -> Interrupted:
        done = f"stopped: {len(in_place)} of {len(plan.jobs)} pictures are written; the same command goes on from there"
        return Interrupted(done, 128 + number)

    with (
        raised(stopped),
        Outbox(plan.root) if plan.root and plan.jobs else nullcontext() as outbox,
        closing(Recorder(plan.root or Path())) as recorder,
    ):

        def put(drawn: Drawn) -> Made:
            begun, job = time.perf_counter(), drawn.job
            digest = hashlib.sha256(drawn.data).hexdigest()
            if job.out is None or outbox is None:
                write_stdout(drawn.data)
            else:
                outbox.write(job.out, drawn.data)
                in_place.append(job)
                recorder.note(job.out, None, job.source.relative, plan.how[job.variant], digest)
            seconds = drawn.seconds + time.perf_counter() - begun
            return Made(plan.pieces[job.variant], job.out, False, drawn.size, seconds, digest)

        if plan.jobs:
            device = _device(plan.request.device, plan.request.precision, console)
            jobs = None if plan.single else how_many(plan.request.jobs, device, len(plan.jobs), plan.facts.spec.size**2)
            if not plan.single:
                console.note(f"on {device}{in_words(jobs)}: {len(plan.jobs)} to make, {len(plan.skipped)} made before")
            done = _made(plan, device, jobs, put)
            with (
                closing(done),
                nullcontext() if plan.single else files_progress(console, len(plan.jobs)) as bar,
            ):
                for one in done:
                    console.event(
                        "file",
                        **_about(one.piece),
                        out=one.out,
                        size_out=one.size,
                        seconds=round(one.seconds, 4),
                        sha256=one.sha256,
                    )
                    if report is not None:
                        report(one)
                    if bar is not None:
                        bar.advance()
    _tell_sum(plan, console)


def _tell_kept(plan: Plan, console: Console, report: Callable[[Made], None] | None) -> None:
    """Says which pictures are there already and stay."""
    for what, count in plan.stale.items():
        pictures = count_in_words(count, "picture is", "pictures are")
        console.note(f"{pictures} kept, though of {what}: {argument('existing', 'newer')} makes them anew")
    for job in plan.skipped:
        console.event("skipped", **_about(plan.pieces[job.variant]), out=job.out)
        if report is not None:
            report(Made(plan.pieces[job.variant], job.out, skipped=True))


def _tell_sum(plan: Plan, console: Console) -> None:
    """Says at the end how many pictures are written, and how many were there."""
    written = len(plan.jobs)
    console.event("done", written=written, skipped=len(plan.skipped), failed=0)
    if plan.single and plan.root is not None:
        overwrite = argument("existing", "overwrite")
        out = plan.request.output
        console.note(f"wrote {out}" if written else f"{out} exists and is kept: {overwrite} replaces it")
    elif plan.root is not None:
        skipped = f", {len(plan.skipped)} skipped (they exist)" if plan.skipped else ""
        console.note(f"{written} written{skipped}")


def ready_sampler(weights: Path, device: str, precision: str, console: Console) -> Sampler:
    """The model of a weights file on a device, ready to make pictures."""
    return sampler_of(weights, _device(device, precision, console), precision)


def _device(name: str, precision: str, console: Console) -> torch.device:
    device = choose(name)
    if note := half_precision_note(device, precision):
        console.warn(note)
    return device


def _made(
    plan: Plan, device: torch.device, jobs: int | None, put: Callable[[Drawn], Made]
) -> Generator[Made, None, None]:
    """The pictures, by so many processes, or None for this one alone."""
    if jobs is not None:
        yield from by_processes(plan, jobs, put)
        return
    sampler = sampler_of(plan.weights, device, plan.request.precision)
    with closing(made(plan, sampler, iter(enumerate(plan.jobs)), put)) as found:
        for _, one in found:
            yield one


def _sheet(plan: Plan, console: Console, write_stdout: Callable[[bytes], object]) -> None:
    """The grid: all pieces, row by row."""
    assert plan.request.grid is not None
    sampler = ready_sampler(plan.weights, plan.request.device, plan.request.precision, console)
    inputs = Inputs(plan.request, plan.pieces, plan.facts, sampler)
    columns, _ = plan.request.grid
    made: list[Array] = []
    with files_progress(console, len(plan.pieces)) as bar:
        for first in range(0, len(plan.pieces), sampler.together):
            for pixels in inputs.pictures(plan.pieces[first : first + sampler.together]):
                made.append(pixels)
                bar.advance()
    rows = [[to_uint8(pixels) for pixels in made[first : first + columns]] for first in range(0, len(made), columns)]
    data = encode(np.asarray(grid(rows)), plan.grid_format, quality=plan.request.quality)
    put_one(data, plan.request.output, console, write_stdout)


def _about(piece: Piece) -> dict[str, object]:
    """A piece, for JSON."""
    told = {piece.told.kind: piece.told.words or piece.told.number} if piece.told.kind else {}
    return {**({"row": piece.row} if piece.seed is None else {"seed": piece.seed}), **told}
