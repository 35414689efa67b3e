"""Raw frames through a pipe: rgb24 in and out, as FFmpeg reads and writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gantool.errors import DataError, argument
from gantool.films.reading import Frame
from gantool.inference.codes import Codes
from gantool.inference.engine import Engine
from gantool.translation.frames import translated
from gantool.translation.inputs import Source
from gantool.translation.jobs import Job
from gantool.translation.pipeline import Recipe


def translate_raw(
    engine: Engine,
    recipe: Recipe,
    size: tuple[int, int],
    read: Callable[[int], bytes],
    write: Callable[[bytes], object],
    done: Callable[[int], object],
) -> None:
    """Translates frames of `size`, (width, height), until there are no more; `done` is told how many are.

    `read` gives so many bytes, and fewer at the end alone. Raises DataError for no frame or for part of one.
    """
    job = Job(Source(None, "stdin"), None, "", may_change=False)
    codes = Codes(engine, recipe.seed, recipe.sync)
    number = 0
    for frame in translated(engine, job, recipe, codes, _frames(size, read), recipe.size or size):
        write(frame.pixels.tobytes())
        number += 1
        done(number)
    if number == 0:
        raise DataError("stdin holds no frame")


def _frames(size: tuple[int, int], read: Callable[[int], bytes]) -> Iterator[Frame]:
    width, height = size
    wanted, number = width * height * 3, 0
    while data := read(wanted):
        if len(data) < wanted:
            raise DataError(
                f"stdin ends within frame {number + 1}, {len(data)} of {wanted} bytes of which came: do the frames have"
                f" the size of {argument('raw', size)}, and rgb24?"
            )
        yield Frame(number, np.frombuffer(data, np.uint8).reshape(height, width, 3))
        number += 1
