"""Two ways to do the same, timed against each other in CPU time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Comparison:
    """How much faster a way is than the baseline, from rounds in which both ran."""

    ratio: float
    """Baseline's time / ours: the median of the rounds' ratios."""
    lowest: float
    highest: float
    baseline: float
    """Median CPU seconds of the baseline."""
    ours: float

    @property
    def cells(self) -> str:
        """Baseline, ours, ratio and its range as cells of a Markdown table."""
        times = (
            f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.2f} s" for seconds in (self.baseline, self.ours)
        )
        return " | ".join([*times, f"x{self.ratio:.2f}", f"{self.lowest:.2f} to {self.highest:.2f}"])


def compare(baseline: Callable[[], object], ours: Callable[[], object], *, rounds: int, repeat: int = 1) -> Comparison:
    """Runs both once to warm up, then `rounds` times one after the other, each `repeat` times in a row.

    CPU time of this process: what other programs do to the clock on the wall does not count. In every second round ours
    comes first, so that a drift (heat, somebody else's use of the caches) falls on both.
    """
    baseline()
    ours()
    pairs = []
    for number in range(rounds):
        if number % 2:
            mine, other = _seconds(ours, repeat), _seconds(baseline, repeat)
        else:
            other, mine = _seconds(baseline, repeat), _seconds(ours, repeat)
        pairs.append((other, mine))
    ratios = [other / mine for other, mine in pairs]
    times = [median(times) / repeat for times in zip(*pairs, strict=True)]
    return Comparison(median(ratios), min(ratios), max(ratios), *times)


def _seconds(function: Callable[[], object], repeat: int) -> float:
    started = time.process_time()
    for _ in range(repeat):
        function()
    return time.process_time() - started
