"""Frames of one job through the network, in their order and in one style."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from gantool.films.reading import Frame
from gantool.inference.engine import Engine
from gantool.inference.pixels import prepared
from gantool.pictures.file import Picture, as_channels, to_uint8
from gantool.translation.jobs import Job
from gantool.translation.pipeline import Chooser, Decoded, Failed, Recipe, passes


def translated(
    engine: Engine, job: Job, recipe: Recipe, codes: Chooser, frames: Iterable[Frame], size: tuple[int, int]
) -> Iterator[Frame]:
    """Frames of any size as results of this one, (width, height), at the same moments.

    A batch of them is in memory at a time. Raises DataError and OutOfMemoryError.
    """
    channels = engine.channels(recipe.variants[job.variant].direction.source)
    waiting = iter(frames)
    while batch := list(islice(waiting, recipe.batch if engine.batches else 1)):
        group = []
        for frame in batch:
            height, width = frame.pixels.shape[:2]
            picture = Picture(frame.pixels, None, "", None)
            pixels, _ = prepared(picture, channels, size)
            group.append(Decoded(job, (width, height), picture, pixels, None, 0.0))
        for frame, made in zip(batch, passes(engine, group, recipe, codes), strict=True):
            if isinstance(made, Failed):
                raise made.error
            yield Frame(frame.moment, to_uint8(as_channels(Picture(made.pixels, None, "", None), 3)))
