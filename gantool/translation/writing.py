"""Results as files: encoded as their format allows, and delivered with what belongs to them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from gantool.errors import DataError, OutOfMemoryError
from gantool.inference.ways import Way
from gantool.pictures.file import Array, Picture, as_channels, can_hold, encode, to_uint8
from gantool.translation.companions import beside
from gantool.translation.destination import Puts
from gantool.translation.jobs import Job
from gantool.translation.outbox import OutputRefusedError
from gantool.translation.pipeline import Failed, Recipe, Translated, about


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
    """Lost because the output's format cannot hold it: "transparency", "16 bits"."""
    frames: int = 1
    """Frames or pages of the input, of which the first is translated."""
    translated: int = 1
    """Frames or pages that are translated."""
    reduced: str = ""
    """The input's format (Pillow's name) where 8 of its 16 bits were read."""


@dataclass(frozen=True)
class Skipped:
    """A picture whose result is there already."""

    job: Job
    out: Path | None
    """Differs from the job's where the result turned out to need another name (PNG)."""


Outcome: TypeAlias = Done | Skipped | Failed


def writer(recipe: Recipe, destination: Puts) -> Callable[[Translated], Outcome]:
    """A function that encodes a translated picture and puts it in its place, for `translate_all`.

    The function raises OutputRefusedError when the disk takes no more.
    """

    def write(translated: Translated) -> Outcome:
        begun = time.perf_counter()
        given, pixels, alpha = translated.given, translated.pixels, translated.alpha
        job, out, format = given.job, given.job.out, given.job.format
        try:
            if job.may_change and not fits(pixels, alpha, format):
                out, format = job.as_png, "PNG"
                if out is not None:
                    destination.claim(out, job)
                    if os.path.exists(out) and not job.replaces_png:
                        return Skipped(job, out)
            pixels, alpha, lost = reduced(pixels, alpha, format)
            file = given.picture
            data = encode(
                pixels, format, alpha=alpha, quality=recipe.quality, icc_profile=file.icc_profile, dpi=file.dpi
            )
            beside(job, given.code, given.maps, destination)
            digest = destination.put(job, out, data)
        except OutputRefusedError:
            raise
        except DataError as error:
            return Failed(job, about(job, error))
        except MemoryError:
            name = job.source.name
            return Failed(job, OutOfMemoryError(f"the memory does not suffice to write the result for {name}"))
        height, width = pixels.shape[:2]
        seconds = translated.seconds + time.perf_counter() - begun
        return Done(
            job=job,
            out=out,
            size_in=given.size,
            size_out=(width, height),
            seconds=seconds,
            sha256=digest,
            way=translated.way,
            lost=" and ".join(lost),
            frames=file.frames,
            reduced=file.format if file.reduced else "",
        )

    return write


def fits(pixels: Array, alpha: Array | None, format: str) -> bool:
    """Whether the format can hold a result as it is."""
    return can_hold(format, channels=pixels.shape[2], sixteen_bit=pixels.itemsize == 2, alpha=alpha is not None)


def reduced(pixels: Array, alpha: Array | None, format: str) -> tuple[Array, Array | None, list[str]]:
    """The most that the format can hold, and what is lost. Transparency turns white."""
    channels, lost = pixels.shape[2], []
    if alpha is not None and not can_hold(format, channels=channels, sixteen_bit=False, alpha=True):
        pixels, alpha = as_channels(Picture(pixels, alpha, "", None), channels), None
        lost.append("transparency")
    if pixels.itemsize == 2 and not can_hold(format, channels=channels, sixteen_bit=True, alpha=alpha is not None):
        pixels, alpha = to_uint8(pixels), None if alpha is None else to_uint8(alpha)
        lost.append("16 bits")
    return pixels, alpha, lost
