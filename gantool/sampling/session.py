"""Pictures made as planned. `gantool sample` and `gantool.sample` both come through here."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantool.capabilities import Mixes
from gantool.errors import DataError, Interrupted, argument
from gantool.inference.devices import choose, half_precision_note
from gantool.inference.sampler import Sampler
from gantool.pictures.file import Array, encode, to_uint8
from gantool.pictures.results import Recorder
from gantool.report.console import Console
from gantool.report.grids import grid
from gantool.report.progress import files_progress
from gantool.runs.checkpoint import load_model
from gantool.sampling.places import put_one
from gantool.sampling.request import Piece, Plan, Request
from gantool.sampling.vectors import Codes, codes_in, vectors_in
from gantool.signals import raised
from gantool.spec import Facts
from gantool.translation.jobs import Job
from gantool.translation.outbox import Outbox

_WAITING = 32  # pictures that may wait for a place on the disk


@dataclass(frozen=True)
class Made:
    """A picture that is in its place, or was before."""

    piece: Piece
    out: Path | None
    """None for stdout."""
    skipped: bool = False
    size: tuple[int, int] = (0, 0)
    """(width, height)."""
    seconds: float = 0.0
    sha256: str = ""


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
    for what, count in plan.stale.items():
        pictures = "1 picture is" if count == 1 else f"{count} pictures are"
        console.note(f"{pictures} kept, though of {what}: {argument('existing', 'newer')} makes them anew")
    for job in plan.skipped:
        console.event("skipped", **_about(plan.pieces[job.variant]), out=job.out)
        if report is not None:
            report(Made(plan.pieces[job.variant], job.out, skipped=True))
    written = 0

    def stopped(number: int) -> Interrupted:
        done = f"stopped: {written} of {len(plan.jobs)} pictures are written; the same command goes on from there"
        return Interrupted(done, 128 + number)

    with (
        raised(stopped),
        Outbox(plan.root) if plan.root and plan.jobs else nullcontext() as outbox,
        closing(Recorder(plan.root or Path())) as recorder,
    ):

        def write(job: Job, pixels: Array, seconds: float) -> Made:
            begun = time.perf_counter()
            data = encode(pixels, job.format, quality=plan.request.quality)
            digest = hashlib.sha256(data).hexdigest()
            if job.out is None or outbox is None:
                write_stdout(data)
            else:
                outbox.write(job.out, data)
                recorder.note(job.out, None, job.source.relative, plan.how[job.variant], digest)
            seconds += time.perf_counter() - begun
            height, width = pixels.shape[:2]
            return Made(plan.pieces[job.variant], job.out, False, (width, height), seconds, digest)

        if plan.jobs:
            sampler = ready_sampler(plan.weights, plan.request.device, plan.request.precision, console)
            if not plan.single:
                console.note(f"on {sampler.device}: {len(plan.jobs)} to make, {len(plan.skipped)} made before")
            done = _written(plan, sampler, write)
            with (
                closing(done),
                nullcontext() if plan.single else files_progress(console, len(plan.jobs)) as bar,
            ):
                for made in done:
                    written += 1
                    console.event(
                        "file",
                        **_about(made.piece),
                        out=made.out,
                        size_out=made.size,
                        seconds=round(made.seconds, 4),
                        sha256=made.sha256,
                    )
                    if report is not None:
                        report(made)
                    if bar is not None:
                        bar.advance()
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
    chosen = choose(device)
    if note := half_precision_note(chosen, precision):
        console.warn(note)
    facts, model = load_model(weights)
    return Sampler(model, chosen, precision, facts.can)


def _written(plan: Plan, sampler: Sampler, write: Callable[[Job, Array, float], Made]) -> Generator[Made, None, None]:
    """All pictures of the jobs, in their order: files are written by a thread while the network goes on."""
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(1, thread_name_prefix="gantool-sample")
    try:
        inputs = Inputs(plan.request, plan.pieces, plan.facts, sampler)
        for first in range(0, len(plan.jobs), sampler.together):
            jobs = plan.jobs[first : first + sampler.together]
            begun = time.perf_counter()
            pictures = inputs.pictures([plan.pieces[job.variant] for job in jobs])
            seconds = (time.perf_counter() - begun) / len(jobs)
            for job, pixels in zip(jobs, pictures, strict=True):
                waiting.append(pool.submit(write, job, pixels, seconds))
            while waiting and (waiting[0].done() or len(waiting) > _WAITING):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class Inputs:
    """What a network takes for each of some pieces: latents or styles, and labels."""

    def __init__(self, request: Request, pieces: Sequence[Piece], facts: Facts, sampler: Sampler) -> None:
        self.sampler, self.truncation = sampler, request.truncation
        self.codes = None if request.code is None else _codes(request.code, facts, sampler)
        self.labels = _labels(request, pieces, facts, sampler)

    def pictures(self, pieces: Sequence[Piece]) -> list[Array]:
        """(H, W, C) uint8 of each piece."""
        if self.codes is not None and self.codes.styles:
            return self.sampler.of_styles(self.points(pieces)[0])
        latents, labels = self.points(pieces)
        return self.sampler.pictures(latents, labels, self.truncation)

    def points(self, pieces: Sequence[Piece]) -> tuple[Tensor, Tensor | None]:
        """The latents (N, L), or the styles of a file of such, and the labels where the model is told something."""
        if self.codes is not None:
            codes = torch.from_numpy(self.codes.values[[piece.row for piece in pieces]])
        else:
            seeds = [piece.seed for piece in pieces if piece.seed is not None]
            codes = torch.cat([self.sampler.latent(seed, self.truncation) for seed in seeds])
        labels = [label for label in map(self.labels, pieces) if label is not None]
        return codes, torch.cat(labels) if labels else None


def _codes(file: Path, facts: Facts, sampler: Sampler) -> Codes:
    found = codes_in(file, facts)
    if found.styles and isinstance(sampler.model, Mixes):
        (layers, numbers), (own_layers, own_numbers) = found.values.shape[1:], sampler.model.style_shape
        if (layers, numbers) != (own_layers, own_numbers):
            raise DataError(
                f"{file} holds styles of {layers} layers and {numbers} numbers: these weights have {own_layers} and"
                f" {own_numbers}"
            )
    return found


def _labels(
    request: Request, pieces: Sequence[Piece], facts: Facts, sampler: Sampler
) -> Callable[[Piece], Tensor | None]:
    """The label (1, L) of each piece; None where the model is told nothing."""
    if not facts.told:
        return lambda piece: None
    if facts.told == "class":
        return lambda piece: sampler.label(piece.told.number)
    if request.vectors is not None:
        table = torch.from_numpy(vectors_in(request.vectors, facts.label_size))
    else:
        texts = {piece.told.number: piece.told.words for piece in pieces}
        lines = [texts[number] for number in sorted(texts)]
        table = sampler.read(lines)
    return lambda piece: table[piece.told.number : piece.told.number + 1]


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
