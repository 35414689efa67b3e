"""Pictures of a comparison, for its page: the same ones of all models, taken while they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gantool.evaluation.pictures import Pictures
from gantool.pictures.file import to_uint8

Shown = NDArray[np.uint8]
"""A picture (H, W, C) of 8 bits."""


class Place(NamedTuple):
    """Which input. A model of many domains is measured in every direction; elsewhere the domains are left empty."""

    source: str
    target: str
    number: int


class Shelf:
    """Keeps some pictures of each measurement of a model. `look` is a `gantool.evaluation.pictures.Look`."""

    def __init__(self, wanted: int, together: int = 1) -> None:
        """`wanted` pictures of each measurement, the first of `together` that are made of one input."""
        self._wanted, self._together = wanted, together
        self._sets: list[dict[int, Shown]] = []
        self.reals: Pictures | None = None
        """The real pictures of the last measurement."""

    def look(self, real: Pictures, fake: Pictures) -> None:
        self.reals = real
        inputs = evenly(len(fake) // self._together, self._wanted)
        self._sets.append({number: to_uint8(fake[number * self._together]) for number in inputs})

    def pictures(self, directions: Sequence[tuple[str, str]], first: int = 0) -> dict[Place, Shown]:
        """Those of as many measurements as there are directions (source, target), from the first one on."""
        some = zip(directions, self._sets[first:], strict=False)
        return {Place(*way, number): picture for way, one in some for number, picture in one.items()}


def evenly(count: int, wanted: int) -> list[int]:
    """So many places of `count`, from the first to the last in even steps; all where there are fewer."""
    if wanted >= count:
        return list(range(count))
    return [round(place * (count - 1) / max(1, wanted - 1)) for place in range(wanted)]
