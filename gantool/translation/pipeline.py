"""Many pictures: decoding, the network and encoding at the same time, in bounded memory.

Threads decode ahead and encode behind (Pillow lets go of the interpreter meanwhile); the network runs in the caller's.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from gantool.errors import DataError, GantoolError, OutOfMemoryError
from gantool.inference.codes import Codes, seed_of
from gantool.inference.engine import Engine, Way, is_memory, matched, prepared
from gantool.pictures.file import Array, Picture, as_channels, can_hold, encode, to_uint8
from gantool.translation.companions import Deliver, beside, claim
from gantool.translation.outbox import OutputRefusedError
from gantool.translation.outputs import Job
from gantool.translation.variants import Variant

_HELD_BYTES = 200_000_000  # decoded pictures that may wait for the network or for a place on the disk
_LOOKAHEAD = 4  # of batches: pictures of how many may wait for others of their size


@dataclass(frozen=True)
class Request:
    """What is asked of every picture."""

    variants: tuple[Variant, ...]
    """The results that every picture gets, all from domains of one kind of pictures."""
    size: tuple[int, int] | None = None
    """(width, height) to resize to before the network."""
    batch: int = 1
    quality: int = 95
    overwrite: bool = False
    seed: int = 0
    sync: bool = False
    """The same random styles for all pictures."""
    workers: int = 2


@dataclass(frozen=True)
class Done:
    """A picture that is translated and in its place."""

    job: Job
    out: Path | None
    """Differs from the job's where the result did not fit into that format."""
    size_in: tuple[int, int]
    """(width, height) of the upright input."""
    size_out: tuple[int, int]
    seconds: float
    """Spent on this picture: decoding, its share of the network's pass, encoding."""
    sha256: str
    """Of the output file."""
    way: Way
    lost: str
    """What the output's format could not hold: "transparency", "16 bits"."""


@dataclass(frozen=True)
class Skipped:
    """A picture whose result turned out to need another name (PNG), under which there is a file already."""

    job: Job
    out: Path


@dataclass(frozen=True)
class Failed:
    """A picture that could not be read, translated or written; the others are not affected."""

    job: Job
    error: GantoolError


Outcome: TypeAlias = "Done | Skipped | Failed"


@dataclass(frozen=True)
class _Decoded:
    job: Job
    size: tuple[int, int]
    icc_profile: bytes | None
    pixels: Array
    alpha: Array | None
    seconds: float
    code: Tensor | None = None
    maps: Mapping[str, Array] = field(default_factory=dict)


def translate_all(
    engine: Engine,
    jobs: Sequence[Job],
    request: Request,
    deliver: Deliver,
    *,
    stdin: bytes = b"",
    owners: dict[str, str] | None = None,
) -> Generator[Outcome, None, None]:
    """One outcome a job, in the order in which they come about. `stdin` is the content of the picture without a path.

    `owners` says which input each output belongs to (see `Plan`), and grows.

    Pictures of one padded size share a pass of up to `request.batch`. Raises OutputRefusedError when the disk takes no
    more. However the loop ends, files in flight are finished or dropped whole before control returns.
    """
    owners = {} if owners is None else owners
    batch = request.batch if engine.batches else 1
    pool = ThreadPoolExecutor(request.workers, thread_name_prefix="gantool-translate")
    left = iter(jobs)
    decoding: deque[Future[_Decoded | Failed]] = deque()
    encoding: deque[tuple[int, Future[Outcome]]] = deque()
    groups: dict[tuple[int, int, str], list[_Decoded]] = {}
    codes = Codes(engine, request.seed, request.sync)
    more = True

    def waiting_bytes() -> int:
        ready = (future.result() for future in decoding if future.done())
        decoded = sum(item.pixels.nbytes for item in ready if isinstance(item, _Decoded))
        grouped = sum(item.pixels.nbytes for group in groups.values() for item in group)
        return decoded + grouped + sum(size for size, _ in encoding)

    def send(group: list[_Decoded]) -> Iterator[Outcome]:
        for item in _passes(engine, group, request, codes):
            if isinstance(item, Failed):
                yield item
            else:
                encoding.append((item[1].nbytes, pool.submit(_finish, *item, request, deliver, owners)))

    def collect(limit: int) -> Iterator[Outcome]:
        """What is encoded; waits while more than `limit` are not."""
        while encoding and (encoding[0][1].done() or len(encoding) > limit or waiting_bytes() > _HELD_BYTES):
            yield encoding.popleft()[1].result()

    try:
        while more or decoding:
            while more and len(decoding) < request.workers + batch and (not decoding or waiting_bytes() < _HELD_BYTES):
                job = next(left, None)
                if job is None:
                    more = False
                else:
                    decoding.append(pool.submit(_decode, job, engine, request, stdin))
            if decoding:
                item = decoding.popleft().result()
                if isinstance(item, Failed):
                    yield item
                else:
                    try:
                        like = (*engine.fitted(item.pixels), request.variants[item.job.variant].target)
                    except DataError as error:
                        yield Failed(item.job, _about(item.job, error))
                        continue
                    groups.setdefault(like, []).append(item)
                    if len(groups[like]) >= batch:
                        yield from send(groups.pop(like))
            while groups and (sum(map(len, groups.values())) > _LOOKAHEAD * batch or waiting_bytes() > _HELD_BYTES):
                yield from send(groups.pop(max(groups, key=lambda size: len(groups[size]))))
            yield from collect(2 * request.workers)
        for size in list(groups):
            yield from send(groups.pop(size))
            yield from collect(2 * request.workers)
        yield from collect(0)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def default_workers() -> int:
    """Threads for decoding and encoding: the processors that this process may use, between 2 and 16."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return min(max(usable, 2), 16)


def default_batch(device: str) -> int:
    """On a CPU a batch leaves its cache and is not faster; a GPU wants to be filled."""
    return 16 if device == "cuda" else 1


def _decode(job: Job, engine: Engine, request: Request, stdin: bytes) -> _Decoded | Failed:
    begun = time.perf_counter()
    try:
        source = request.variants[0].source
        picture = engine.read(stdin if job.source.picture is None else job.source.picture, source)
        pixels, alpha = prepared(picture, engine.channels(source), request.size)
    except DataError as error:
        return Failed(job, error)
    except MemoryError:
        return Failed(job, OutOfMemoryError(f"the memory does not suffice to read {job.source.name}"))
    height, width = picture.pixels.shape[:2]
    return _Decoded(job, (width, height), picture.icc_profile, pixels, alpha, time.perf_counter() - begun)


def _passes(
    engine: Engine, group: list[_Decoded], request: Request, codes: Codes
) -> Iterator[tuple[_Decoded, Array, Way, float] | Failed]:
    """The group through the network, in as many passes as the memory demands."""
    while group:
        begun = time.perf_counter()
        try:
            way = engine.way(*engine.fitted(group[0].pixels))
            part = [_styled(item, request, codes) for item in group[: way.together]]
            variant = request.variants[part[0].job.variant]
            rows = [item.code for item in part if item.code is not None]
            results = engine.translate(
                [item.pixels for item in part],
                source=variant.source,
                target=variant.target,
                styles=torch.cat(rows) if rows else None,
                seed=seed_of(request.seed, part[0].job.source.relative),
                way=way,
            )
            part = [_mapped(item, engine, variant) for item in part]
        except (DataError, OutOfMemoryError) as error:
            if len(group) > 1:  # whose fault it is shows when each goes alone
                for item in group:
                    yield from _passes(engine, [item], request, codes)
            else:
                yield Failed(group[0].job, _about(group[0].job, error))
            return
        seconds = (time.perf_counter() - begun) / len(part)
        for item, pixels in zip(part, results, strict=True):
            yield item, pixels, way, item.seconds + seconds
        group = group[len(part) :]


def _styled(item: _Decoded, request: Request, codes: Codes) -> _Decoded:
    return replace(item, code=codes.code(request.variants[item.job.variant], item.job.source.relative))


def _mapped(item: _Decoded, engine: Engine, variant: Variant) -> _Decoded:
    if item.job.maps is None:
        return item
    try:
        return replace(item, maps=engine.attention(item.pixels, source=variant.source, target=variant.target))
    except (MemoryError, RuntimeError) as error:
        if is_memory(error):
            raise OutOfMemoryError("the memory does not suffice for its maps of attention: try --size") from error
        raise DataError(f"the model fails on its maps of attention: {str(error).splitlines()[0]}") from error


def _finish(
    item: _Decoded, pixels: Array, way: Way, seconds: float, request: Request, deliver: Deliver, owners: dict[str, str]
) -> Outcome:
    begun = time.perf_counter()
    job, out, format = item.job, item.job.out, item.job.format
    try:
        pixels, alpha = matched(pixels, item.alpha)
        if job.may_change and not _fits(pixels, alpha, format):
            out, format = job.as_png, "PNG"
            if out is not None:
                claim(out, job, owners)
                if out.exists() and not request.overwrite:
                    return Skipped(job, out)
        pixels, alpha, lost = _reduced(pixels, alpha, format)
        data = encode(pixels, format, alpha=alpha, quality=request.quality, icc_profile=item.icc_profile)
        beside(job, item.code, item.maps, deliver, owners, overwrite=request.overwrite)
        deliver(out, data)
    except OutputRefusedError:
        raise
    except DataError as error:
        return Failed(job, _about(job, error))
    except MemoryError:
        return Failed(job, OutOfMemoryError(f"the memory does not suffice to write the result for {job.source.name}"))
    height, width = pixels.shape[:2]
    seconds += time.perf_counter() - begun
    return Done(job, out, item.size, (width, height), seconds, hashlib.sha256(data).hexdigest(), way, lost)


def _fits(pixels: Array, alpha: Array | None, format: str) -> bool:
    """Whether nothing but the 16 bits of a transparent picture would be lost, which no format holds."""
    sixteen_bit = pixels.itemsize == 2 and alpha is None
    return can_hold(format, channels=pixels.shape[2], sixteen_bit=sixteen_bit, alpha=alpha is not None)


def _reduced(pixels: Array, alpha: Array | None, format: str) -> tuple[Array, Array | None, str]:
    """The most that the format can hold, and what is lost. Transparency turns white."""
    channels, lost = pixels.shape[2], []
    if alpha is not None and not can_hold(format, channels=channels, sixteen_bit=False, alpha=True):
        pixels, alpha = as_channels(Picture(pixels, alpha, "", None), channels), None
        lost.append("transparency")
    if pixels.itemsize == 2 and not can_hold(format, channels=channels, sixteen_bit=True, alpha=alpha is not None):
        pixels, alpha = to_uint8(pixels), None if alpha is None else to_uint8(alpha)
        lost.append("16 bits")
    return pixels, alpha, " and ".join(lost)


def _about(job: Job, error: GantoolError) -> GantoolError:
    """The error with the picture's name in front, unless it names it."""
    text = str(error)
    return error if job.source.name in text else type(error)(f"{job.source.name}: {text}")
