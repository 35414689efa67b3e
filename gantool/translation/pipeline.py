"""Many pictures: decoding, the network and finishing at the same time, in bounded memory.

Threads decode ahead and finish behind (Pillow lets go of the interpreter meanwhile); the network runs in the caller's.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from gantool.errors import DataError, GantoolError, OutOfMemoryError
from gantool.inference.codes import Codes, seed_of
from gantool.inference.engine import Engine
from gantool.inference.pixels import matched, prepared
from gantool.inference.styles import Style
from gantool.inference.ways import Way
from gantool.pictures.file import Array, Picture
from gantool.translation.jobs import Job
from gantool.translation.variants import Variant

T = TypeVar("T")

_NO_PIXELS = np.empty((0, 0, 3), np.uint8)

_HELD_BYTES = 200_000_000  # decoded pictures that may wait for the network or for a place on the disk
_LOOKAHEAD = 4  # of batches: pictures of how many may wait for others of their size


@dataclass(frozen=True)
class Recipe:
    """How every picture is translated."""

    variants: tuple[Variant, ...]
    """The results that every picture gets, all from domains of one kind of pictures."""
    size: tuple[int, int] | None = None
    """(width, height) to resize to before the network."""
    batch: int = 1
    quality: int = 95
    seed: int = 0
    sync: bool = False
    """The same random styles for all pictures."""
    workers: int = 2


@dataclass(frozen=True)
class Failed:
    """A picture that could not be read, translated or written; the others are not affected."""

    job: Job
    error: GantoolError


@dataclass(frozen=True)
class Decoded:
    """A picture as the network gets it."""

    job: Job
    size: tuple[int, int]
    """(width, height) of the upright input."""
    picture: Picture
    """What the file says; its pixels are not kept."""
    pixels: Array
    alpha: Array | None
    seconds: float
    """Spent on this picture so far."""
    code: Tensor | None = None
    """Its style code (1, S)."""
    maps: Mapping[str, Array] = field(default_factory=dict)
    """Maps of attention (H, W, 3 or 1) by name."""


@dataclass(frozen=True)
class Translated:
    """A picture behind the network."""

    given: Decoded
    pixels: Array
    """The result, 8 or 16 bits."""
    alpha: Array | None
    way: Way
    seconds: float


class Chooser(Protocol):
    """Chooses style codes."""

    def code(self, style: Style | None, target: str, relative: str) -> Tensor | None:
        """(1, S) in this style of domain `target` for the picture of this path; None for a model without styles."""


def translate_all(
    engine: Engine,
    jobs: Iterable[Job],
    recipe: Recipe,
    finish: Callable[[Translated], T],
    *,
    codes: Chooser | None = None,
    stdin: bytes = b"",
) -> Generator[T | Failed, None, None]:
    """Translates pictures and yields `finish(picture)` for each, in the order in which they come about.

    `finish` is called in other threads. `codes` chooses style codes; None for those that the variants name. `stdin` is
    the content of the picture without a path. Pictures of one padded size share a pass of up to `recipe.batch`. However
    the loop ends, pictures in flight are finished or dropped whole before control returns.
    """
    batch = recipe.batch if engine.batches else 1
    pool = ThreadPoolExecutor(recipe.workers, thread_name_prefix="gantool-translate")
    left = iter(jobs)
    decoding: deque[Future[Decoded | Failed]] = deque()
    finishing: deque[tuple[int, Future[T | Failed]]] = deque()
    groups: dict[tuple[int, int, str], list[Decoded]] = {}
    codes = codes or Codes(engine, recipe.seed, recipe.sync)
    more = True

    def waiting_bytes() -> int:
        ready = (future.result() for future in decoding if future.done())
        decoded = sum(item.pixels.nbytes for item in ready if isinstance(item, Decoded))
        grouped = sum(item.pixels.nbytes for group in groups.values() for item in group)
        return decoded + grouped + sum(size for size, _ in finishing)

    def send(group: list[Decoded]) -> Iterator[T | Failed]:
        for item in passes(engine, group, recipe, codes):
            if isinstance(item, Failed):
                yield item
            else:
                finishing.append((item.pixels.nbytes, pool.submit(finish, item)))

    def collect(limit: int) -> Iterator[T | Failed]:
        """Those that are finished; waits while more than `limit` are not."""
        while finishing and (finishing[0][1].done() or len(finishing) > limit or waiting_bytes() > _HELD_BYTES):
            yield finishing.popleft()[1].result()

    try:
        while more or decoding:
            while more and len(decoding) < recipe.workers + batch and (not decoding or waiting_bytes() < _HELD_BYTES):
                job = next(left, None)
                if job is None:
                    more = False
                else:
                    decoding.append(pool.submit(_decode, job, engine, recipe, stdin))
            if decoding:
                item = decoding.popleft().result()
                if isinstance(item, Failed):
                    yield item
                else:
                    try:
                        like = (*engine.fitted(item.pixels), recipe.variants[item.job.variant].direction.target)
                    except DataError as error:
                        yield Failed(item.job, about(item.job, error))
                        continue
                    groups.setdefault(like, []).append(item)
                    if len(groups[like]) >= batch:
                        yield from send(groups.pop(like))
            while groups and (sum(map(len, groups.values())) > _LOOKAHEAD * batch or waiting_bytes() > _HELD_BYTES):
                yield from send(groups.pop(max(groups, key=lambda size: len(groups[size]))))
            yield from collect(2 * recipe.workers)
        for size in list(groups):
            yield from send(groups.pop(size))
            yield from collect(2 * recipe.workers)
        yield from collect(0)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def default_batch(device: str) -> int:
    """On a CPU a batch leaves its cache and is not faster; a GPU wants to be filled."""
    return 16 if device == "cuda" else 1


def _decode(job: Job, engine: Engine, recipe: Recipe, stdin: bytes) -> Decoded | Failed:
    begun = time.perf_counter()
    try:
        source = recipe.variants[0].direction.source
        picture = engine.read(job.source.content(stdin), source, recipe.size)
        pixels, alpha = prepared(picture, engine.channels(source), recipe.size)
    except (DataError, OutOfMemoryError) as error:
        return Failed(job, about(job, error))
    except MemoryError:
        return Failed(job, OutOfMemoryError(f"the memory does not suffice to read {job.source.name}"))
    height, width = picture.pixels.shape[:2]
    facts = replace(picture, pixels=_NO_PIXELS, alpha=None)
    return Decoded(job, (width, height), facts, pixels, alpha, time.perf_counter() - begun)


def passes(engine: Engine, group: list[Decoded], recipe: Recipe, codes: Chooser) -> Iterator[Translated | Failed]:
    """The group through the network, in as many passes as the memory demands."""
    size = engine.fitted(group[0].pixels)
    while group:
        try:
            way = engine.way(*size)
        except OutOfMemoryError as error:
            yield from [Failed(item.job, about(item.job, error)) for item in group]
            return
        part, rest = group[: way.together], group[way.together :]
        made = _pass(engine, part, way, recipe, codes)
        if not isinstance(made, GantoolError):
            yield from made
        elif len(part) == 1:
            yield Failed(part[0].job, about(part[0].job, made))
        elif engine.learnt(way, *size).together < way.together:
            continue  # they were too many
        else:
            for item in part:  # each alone: then the one at fault shows
                yield from passes(engine, [item], recipe, codes)
        group = rest


def _pass(
    engine: Engine, part: list[Decoded], way: Way, recipe: Recipe, codes: Chooser
) -> list[Translated] | GantoolError:
    """Pictures in one pass; or why it failed, in an error that does not keep the pass's tensors."""
    begun = time.perf_counter()
    try:
        part = [_styled(item, recipe, codes) for item in part]
        variant = recipe.variants[part[0].job.variant]
        rows = [item.code for item in part if item.code is not None]
        results = engine.translate(
            [item.pixels for item in part],
            variant.direction,
            codes=torch.cat(rows) if rows else None,
            seed=seed_of(recipe.seed, part[0].job.source.relative),
            way=way,
        )
        part = [_mapped(item, engine, variant) for item in part]
    except (DataError, OutOfMemoryError) as error:
        return type(error)(error.text)
    seconds = (time.perf_counter() - begun) / len(part)
    way = engine.learnt(way, *engine.fitted(part[0].pixels))
    finished = []
    for item, pixels in zip(part, results, strict=True):
        made, alpha = matched(pixels, item.alpha)
        finished.append(Translated(item, made, alpha, way, item.seconds + seconds))
    return finished


def _styled(item: Decoded, recipe: Recipe, codes: Chooser) -> Decoded:
    variant = recipe.variants[item.job.variant]
    return replace(item, code=codes.code(variant.style, variant.direction.target, item.job.source.relative))


def _mapped(item: Decoded, engine: Engine, variant: Variant) -> Decoded:
    if item.job.maps is None:
        return item
    return replace(item, maps=engine.attention(item.pixels, variant.direction))


def about(job: Job, error: GantoolError) -> GantoolError:
    """The error with the picture's name in front, unless it names it."""
    text = error.text
    return error if job.source.name in text else type(error)(f"{job.source.name}: {text}")
