"""Animations and files of several pages: all frames translated in one style, and written as one file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from gantool.errors import DataError, GantoolError, OutOfMemoryError
from gantool.inference.codes import Codes
from gantool.inference.engine import Engine
from gantool.inference.pixels import prepared
from gantool.pictures.file import Array
from gantool.pictures.frames import SEVERAL, Animation, count_frames, encode_frames, read_frames
from gantool.spec import Pictures
from gantool.translation.companions import beside
from gantool.translation.destination import Puts
from gantool.translation.jobs import Job
from gantool.translation.outbox import OutputRefusedError
from gantool.translation.pipeline import Decoded, Failed, Recipe, Translated, about, passes
from gantool.translation.writing import Done, Outcome, Skipped, fits, reduced


def is_animation(job: Job, engine: Engine, recipe: Recipe, stdin: bytes = b"") -> bool:
    """Whether a job's picture has several frames that go into a file which can hold them."""
    domain = recipe.variants[0].direction.source
    if not isinstance(engine.spec.kind(domain), Pictures):
        return False
    try:
        many = count_frames(job.source.content(stdin), engine.admit(recipe.size)) > 1
    except GantoolError:
        return False  # reading it says why
    if job.format == "GIF" and not job.may_change:
        return True
    return many and (job.format in SEVERAL or job.may_change)


def translate_animation(engine: Engine, job: Job, recipe: Recipe, destination: Puts, stdin: bytes = b"") -> Outcome:
    """Translates all frames and delivers the file. Raises OutputRefusedError when the disk takes no more."""
    begun = time.perf_counter()
    out, format = job.out, job.format
    try:
        animation = read_frames(job.source.content(stdin), engine.admit(recipe.size))
        made: list[Translated] = []
        for found in _translated(engine, job, recipe, animation):
            if isinstance(found, Failed):
                return found
            made.append(found)
        wanted = [(one.pixels, one.alpha) for one in made]
        if format not in SEVERAL or (job.may_change and not all(_fits(*layers, format) for layers in wanted)):
            out, format = job.as_png, "PNG"
            if out is not None:
                destination.claim(out, job)
                if out.exists() and not job.replaces_png:
                    return Skipped(job, out)
        layers, lost = [], dict[str, None]()
        for pixels, alpha in wanted:
            deep_format = "WEBP" if format == "GIF" else format  # what GIF cannot hold either
            one, over, missing = reduced(pixels, alpha, deep_format)
            layers.append((one, over))
            lost.update(dict.fromkeys(missing))
        first = animation.frames[0]
        data = encode_frames(
            layers, format, animation, quality=recipe.quality, icc_profile=first.icc_profile, dpi=first.dpi
        )
        beside(job, made[0].given.code, {}, destination)
        digest = destination.put(job, out, data)
    except OutputRefusedError:
        raise
    except (DataError, OutOfMemoryError) as error:
        return Failed(job, about(job, error))
    except MemoryError:
        return Failed(job, OutOfMemoryError(f"the memory does not suffice for the frames of {job.source.name}"))
    height, width = layers[0][0].shape[:2]
    return Done(
        job=job,
        out=out,
        size_in=made[0].given.size,
        size_out=(width, height),
        seconds=time.perf_counter() - begun,
        sha256=digest,
        way=made[0].way,
        lost=" and ".join(lost),
        translated=len(layers),
        reduced=first.format if any(frame.reduced for frame in animation.frames) else "",
    )


def _translated(engine: Engine, job: Job, recipe: Recipe, animation: Animation) -> Iterator[Translated | Failed]:
    codes = Codes(engine, recipe.seed, recipe.sync)
    channels = engine.channels(recipe.variants[0].direction.source)

    def decoded() -> Iterator[Decoded]:
        for picture in animation.frames:
            height, width = picture.pixels.shape[:2]
            pixels, alpha = prepared(picture, channels, recipe.size)
            yield Decoded(job, (width, height), replace(picture, alpha=None), pixels, alpha, 0.0)

    for _, group in groupby(decoded(), lambda item: (engine.fitted(item.pixels), item.pixels.dtype)):
        for part in _parts(group, recipe.batch if engine.batches else 1):
            yield from passes(engine, part, recipe, codes)


def _parts(items: Iterator[Decoded], size: int) -> Iterator[list[Decoded]]:
    """The items in lists of this length; the last may be shorter."""
    part: list[Decoded] = []
    for item in items:
        part.append(item)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def _fits(pixels: Array, alpha: Array | None, format: str) -> bool:
    return pixels.itemsize < 2 if format == "GIF" else fits(pixels, alpha, format)
