"""How a picture goes through a network in the memory at hand, decided from its size alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from PIL import Image

from gantool.byte_sizes import bytes_in_words
from gantool.errors import OutOfMemoryError, argument
from gantool.inference import memory
from gantool.networks.strips import InStrips
from gantool.pictures.opening import beyond, bytes_to_decode, refuse_large, upright_size
from gantool.spec import Sizes

ROWS = 32
"""Rows of a strip, at least: on a CPU the fastest and the leanest of those measured."""
_MANY = 64  # pictures in one pass, at most


@dataclass(frozen=True)
class Way:
    """How pictures of one size go through the network."""

    rows: int | None
    """Rows of the strips that it goes in, for the same result in less memory; None for as a whole."""
    together: int
    """How many such pictures may share a pass."""
    needed: int = 0
    """Bytes that one picture takes as a whole; 0 where that is not known."""
    budget: int = 0
    """Bytes that a pass may take."""
    takes: int = 0
    """Bytes that one picture takes this way; 0 where that is not known."""

    @property
    def strips(self) -> bool:
        """In strips instead of as a whole."""
        return self.rows is not None


@dataclass(frozen=True)
class Ways:
    """What decides on the way. `memory` is how many bytes a picture may take; None for what is free at that moment."""

    sizes: Sizes
    device: torch.device
    memory: int | None
    max_pixels: int | None
    """How many a file may have; None for as many as Pillow allows."""
    in_strips: Callable[[], Sequence[InStrips]]
    """The networks that can run in strips at this moment."""
    of_a_pixel: int
    """Bytes that a pass takes a pixel, for networks that do not say; 0 where that is not known."""
    batches: bool
    """Whether pictures may share a pass."""
    free: int | None = None
    """Bytes that were free for all processes that share the work; None asks for what is free at that moment."""
    failed: dict[tuple[int, int], int] = field(default_factory=dict)
    """For (height, width) the fewest pictures whose pass ran out of memory."""

    def ran_out(self, height: int, width: int, count: int) -> None:
        """Remembers that so many pictures of this size do not fit: from now on half as many share a pass, and one that
        failed alone goes in the smallest strips.
        """
        self.failed[height, width] = min(count, self.failed.get((height, width), count))

    def of(self, height: int, width: int) -> Way:
        """The way for pictures of this padded size. Raises OutOfMemoryError where there is none."""
        return self.learnt(self._estimated(height, width), height, width)

    def learnt(self, way: Way, height: int, width: int) -> Way:
        """This way of pictures of this size, or the leaner one that failures have taught since."""
        failed = self.failed.get((height, width))
        if failed is None:
            return way
        if failed == 1 and self.in_strips():
            return replace(way, rows=ROWS, together=1)
        return replace(way, together=min(way.together, max(1, failed // 2)))

    def _estimated(self, height: int, width: int) -> Way:
        networks = self.in_strips()
        if not networks and not self.of_a_pixel:
            return Way(rows=None, together=_MANY if self.batches else 1)

        def needs(height: int, width: int, rows: int | None) -> int:
            if not networks:
                return height * width * self.of_a_pixel
            return max(network.bytes_of_pass(height, width, rows) for network in networks)

        budget = int(memory.SHARE * self._available(self.device)) if self.memory is None else self.memory
        needed = needs(height, width, None)
        if needed <= budget:
            return Way(None, min(budget // needed, _MANY) if self.batches else 1, needed, budget, needed)
        lean = needs(height, width, ROWS)
        if lean <= budget:
            # A GPU is quick with much at a time, and slow with many small launches.
            more = range(2 * ROWS, height, ROWS) if self.device.type != "cpu" else range(0)
            fitting = bisect_right(more, budget, key=lambda rows: needs(height, width, rows))
            return Way(ROWS * (1 + fitting), 1, needed, budget, lean)
        smaller = (height, width)
        while max(smaller) > 1 and self.sizes.exact is None and needs(*self.sizes.fit(*smaller), ROWS) > budget:
            smaller = (max(1, smaller[0] * 15 // 16), max(1, smaller[1] * 15 // 16))
        size = argument("size", smaller[::-1])
        remedy = f"make it smaller ({size}) or allow more" if self.sizes.exact is None else "allow more"
        strips = " even in strips" if networks else ""
        raise OutOfMemoryError(
            f"a picture of {width}x{height} takes about {bytes_in_words(lean)}{strips}, and"
            f" {bytes_in_words(budget)} are at hand: {remedy} ({argument('memory')})"
        )

    def admit(self, image: Image.Image, size: tuple[int, int] | None, *, translated: bool) -> None:
        """Refuses a file by its header: more pixels than are allowed, or more memory, to read it or, if it is to be
        translated, for its pass at `size` (width, height; None for its own).

        Raises ValueError, OutOfMemoryError, or DataError for a size that the model does not take.
        """
        pixels = image.width * image.height
        if self.max_pixels is None:
            refuse_large(image)
        elif pixels > self.max_pixels:
            allow = argument("max_pixels", pixels)
            raise ValueError(f"{beyond(image, self.max_pixels)}: {allow} allows it, or cut it into smaller pictures")
        budget = self._available("cpu") if self.memory is None else self.memory
        if (needed := bytes_to_decode(image)) > budget:
            raise OutOfMemoryError(
                f"a picture of {image.width}x{image.height} takes about {bytes_in_words(needed)} to read, and"
                f" {bytes_in_words(budget)} are at hand: make the file smaller or allow more ({argument('memory')})"
            )
        if translated:
            width, height = size or upright_size(image)
            self.of(*self.sizes.fit(height, width))

    def _available(self, device: torch.device | str) -> int:
        return memory.available(device) if self.free is None else self.free
