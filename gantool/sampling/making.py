"""Pictures of latents as files: by one process, or by several that share them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from gantool.capabilities import Mixes
from gantool.errors import DataError
from gantool.inference.processes import Place, shared
from gantool.inference.sampler import Sampler
from gantool.pictures.file import Array, encode
from gantool.runs.checkpoint import load_model
from gantool.sampling.request import Piece, Plan, Request
from gantool.sampling.vectors import Codes, codes_in, vectors_in
from gantool.spec import Facts
from gantool.translation.jobs import Job

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


@dataclass(frozen=True)
class Drawn:
    """A picture as a file that is not yet in its place."""

    job: Job
    data: bytes
    size: tuple[int, int]
    """(width, height)."""
    seconds: float


Put = Callable[[Drawn], Made]
"""Puts a picture in its place."""


def made(
    plan: Plan, sampler: Sampler, jobs: Iterator[tuple[int, Job]], put: Put
) -> Generator[tuple[int, Made], None, None]:
    """The pictures of numbered jobs, in their order: files are written by a thread while the network goes on."""
    waiting: deque[tuple[int, Future[Made]]] = deque()
    pool = ThreadPoolExecutor(1, thread_name_prefix="gantool-sample")

    def written(job: Job, pixels: Array, seconds: float) -> Made:
        begun = time.perf_counter()
        data = encode(pixels, job.format, quality=plan.request.quality)
        height, width = pixels.shape[:2]
        return put(Drawn(job, data, (width, height), seconds + time.perf_counter() - begun))

    try:
        inputs = Inputs(plan.request, plan.pieces, plan.facts, sampler)
        while some := list(islice(jobs, sampler.together)):
            begun = time.perf_counter()
            pictures = inputs.pictures([plan.pieces[job.variant] for _, job in some])
            seconds = (time.perf_counter() - begun) / len(some)
            for (number, job), pixels in zip(some, pictures, strict=True):
                waiting.append((number, pool.submit(written, job, pixels, seconds)))
            while waiting and (waiting[0][1].done() or len(waiting) > _WAITING):
                number, future = waiting.popleft()
                yield number, future.result()
        for number, future in waiting:
            yield number, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def by_processes(plan: Plan, jobs: int, put: Put) -> Generator[Made, None, None]:
    """The pictures of the plan's jobs, in their order, made on a CPU by so many processes of one thread."""
    return shared(_part, replace(plan, jobs=(), skipped=()), plan.jobs, jobs, put, 0)


def sampler_of(weights: Path, device: torch.device | str, precision: str) -> Sampler:
    """The model of a weights file on a device, ready to make pictures."""
    facts, model = load_model(weights)
    return Sampler(model, device, precision, facts.can)


def _part(plan: Plan, place: Place[Job, Made]) -> Generator[tuple[int, Made | None], None, None]:
    """The work of one process."""
    sampler = sampler_of(plan.weights, "cpu", plan.request.precision)
    yield from made(plan, sampler, place.items(), lambda drawn: place.ask(_put, drawn))


def _put(put: Put, drawn: Drawn) -> Made:
    return put(drawn)


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
