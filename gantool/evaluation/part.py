"""What one kind of measurement finds, in a form that can be counted again for other weights of the pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import fsum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]
"""How often each picture of a set counts, (N,): all ones for the set as it is."""


class Recount(Protocol):
    """The metrics of the same pictures, where each counts as often as its weight says; nothing is computed anew that
    does not depend on weights.
    """

    def __call__(self, real: Weights, fake: Weights) -> dict[str, float]: ...


@dataclass(frozen=True)
class Part:
    """One kind of measurement: a part of an `Evaluation`."""

    metrics: dict[str, float]
    """By the names of `gantool.evaluation.report`."""
    protocol: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    recount: Recount | None = None
    """None for what is not counted again: its metrics have no intervals."""
    classes: dict[str, dict[str, float]] = field(default_factory=dict)
    """Counts and metrics of classes, each by itself."""


def averages(values: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    """The metrics that `means` counts again: means over values (N,), of all pictures alike."""
    return {name: fsum(each) / len(each) for name, each in values.items()}


def means(values: dict[str, NDArray[np.float64]], *, of_fakes: bool = True) -> Recount:
    """The recount of metrics that are means over values (N,) of the fake pictures, or of the real ones."""

    def recount(real: Weights, fake: Weights) -> dict[str, float]:
        weights = fake if of_fakes else real
        return {name: float(each @ weights / weights.sum()) for name, each in values.items()}

    return recount
