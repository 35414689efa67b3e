"""How far chance moves a metric: intervals by the bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap).

A set of pictures is drawn again from itself, with repetition, and measured again; what the metrics then do is what they
would do if other pictures of the same kind had been taken. Distances between sets grow where pictures are repeated. So
what is read off the draws is their spread: they are moved to have the metric itself as their mean. Imports no torch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gantool.evaluation.part import Weights
from gantool.evaluation.progress import Progress, silent
from gantool.evaluation.report import Evaluation, metric
from gantool.evaluation.request import TIMES

CONFIDENCE = 0.95
FEW = 20
"""With fewer pictures a side intervals are unreliable."""


class Interval(NamedTuple):
    """Where a metric lies with a confidence of 95 %."""

    low: float
    high: float

    def within(self, least: float, most: float) -> Interval:
        """That of a metric which has no values outside these."""
        return Interval(max(self.low, least), min(self.high, most))


def draws(count: int, times: int, seed: int) -> Weights:
    """How often each of `count` pictures is drawn, (times, count). The same for sets of equal counts, so that the
    translations of the same pictures by several models are drawn alike, and their differences compare.
    """
    rng = np.random.default_rng((seed, count))
    return rng.multinomial(count, np.full(count, 1 / count), size=times).astype(np.float64)


def replicates(
    found: Evaluation, *, times: int = TIMES, seed: int = 0, progress: Progress = silent
) -> dict[str, NDArray[np.float64]]:
    """The metrics of `times` draws, (times,) each; those that `found` can count again. None of sets of which one holds
    results of a single picture, or a single real one: chance has nothing to choose from.
    """
    reals, fakes = found.counts
    if min(reals, fakes // found.together) < 2:
        return {}
    # Real pictures and fake ones are drawn apart from each other, also where there are as many of both.
    real = draws(reals, times, 2 * seed)
    fake = draws(fakes // found.together, times, 2 * seed + 1).repeat(found.together, axis=1)
    drawn = []
    for done in range(times):
        progress("intervals", done, times)
        drawn.append(found.recount(real[done], fake[done]))
    return {name: np.array([one[name] for one in drawn]) for name in drawn[0]} if drawn else {}


def with_intervals(found: Evaluation, *, times: int = TIMES, seed: int = 0, progress: Progress = silent) -> Evaluation:
    """An evaluation whose metrics have intervals, those that can be counted again; its protocol says how they were
    made. An infinite metric has none.
    """
    drawn = replicates(found, times=times, seed=seed, progress=progress)
    intervals: dict[str, tuple[float, float]] = {
        name: moved_interval(value, drawn[name]).within(metric(name).least, metric(name).most)
        for name, value in found.metrics.items()
        if name in drawn and np.isfinite(value) and np.isfinite(drawn[name]).all()
    }
    protocol = {
        "confidence": f"{100 * CONFIDENCE:g} %",
        "draws": times,
        "drawn": "pictures of either side, with repetition",
    }
    told = replace(found, intervals=intervals, protocol={**found.protocol, "intervals": protocol})
    return replace(told, notes=[*found.notes, *few(found)])


def few(found: Evaluation) -> list[str]:
    """A note where there are too few pictures for intervals that can be relied on."""
    pictures = min(found.counts[0], found.counts[1] // found.together)
    if pictures >= FEW:
        return []
    if pictures < 2:
        return ["one picture a side: there are no intervals"]
    return [f"{pictures} pictures a side are few: with fewer than {FEW} intervals are unreliable"]


def moved_interval(value: float, drawn: NDArray[np.float64]) -> Interval:
    """The interval of a metric of this value and these replicates, or of a difference of metrics.

    Replicates of a distance lie above it, as pictures are repeated: so their percentiles are moved to it. Shares of
    answers, which repetition does not move, have plain percentiles: `gantool.studies.chance.percentile_interval`.
    """
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail)) - drawn.mean() + value
    return Interval(float(low), float(high))


def distinguishable(
    first: float, second: float, first_drawn: NDArray[np.float64], second_drawn: NDArray[np.float64]
) -> bool:
    """Whether two values of a metric differ by more than chance: the interval of their difference leaves out 0.

    Both come with the replicates of the same draws, (times,) each: what chance does to both alike is no difference.
    """
    if not np.isfinite([first, second]).all():  # PSNR of equal pictures
        return first != second
    low, high = moved_interval(first - second, first_drawn - second_drawn)
    return low > 0 or high < 0
