"""What was measured of a run's saves, as the run's log keeps it, and which save is best by it.

A record of the log may have a table "measured". Several of one step and set are one: the last one counts. So whoever
measures only ever appends, also beside a training that is at work.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gantool import schema


@dataclass(frozen=True)
class Measured:
    """The figures of one save."""

    metrics: Mapping[str, float | None]
    """By the names of `gantool.evaluation`; None for what is not finite."""
    better: Mapping[str, str]
    """"higher" or "lower", for the metrics that tell good saves from bad ones."""
    on: str
    """The pictures it was measured on, for a person."""
    set: str
    """A hash of all that figures must have in common to be compared: pictures, sizes, seeds, networks."""
    by: str = ""
    """Of a validation: the metric that decides."""
    notes: Sequence[str] = field(default=(), compare=False)
    """Warnings for the reader of the figures. Not in the log."""

    def as_record(self) -> dict[str, Any]:
        """For the log, under "measured"."""
        found = {"on": self.on, "set": self.set, "metrics": dict(self.metrics), "better": dict(self.better)}
        return {**found, "by": self.by} if self.by else found


@dataclass(frozen=True)
class Standing:
    """The best of some validations."""

    metric: str
    better: str
    """ "higher" or "lower"."""
    step: int
    value: float
    since: int
    """Validations that came later and were not better."""


def measures(records: Iterable[Mapping[str, Any]]) -> list[tuple[int, Measured]]:
    """All (step, figures) in a log, in its order. What is none is passed over."""
    found = []
    for record in records:
        if "measured" in record:
            try:
                found.append((record["step"], Measured(**_MEASURED(record["measured"], "measured"))))
            except ValueError:
                continue
    return found


def best_step(values: Mapping[int, float | None], better: str) -> int | None:
    """The step with the best of these values, the first of several; None where none is finite."""
    finite = {step: value for step, value in values.items() if value is not None and math.isfinite(value)}
    sign = -1 if better == "higher" else 1
    return min(finite, key=lambda step: (sign * finite[step], step), default=None)


def standing(
    records: Iterable[Mapping[str, Any]], metric: str = "", there: Collection[int] | None = None
) -> Standing | None:
    """Which save is best, and how many validations came after it; None where that cannot be said.

    Validations compare with the newest one if their set is the same. `metric` decides (empty: that of the newest one).
    `there` are the steps whose saves are still there; None for all.
    """
    validations = [(step, one) for step, one in measures(records) if one.by]
    if not validations:
        return None
    _, newest = validations[-1]
    metric = metric or newest.by
    better = newest.better.get(metric)
    values = {step: one.metrics.get(metric) for step, one in validations if one.set == newest.set}
    if better is None:
        return None
    best = best_step({step: value for step, value in values.items() if there is None or step in there}, better)
    value = None if best is None else values[best]
    if best is None or value is None:
        return None
    return Standing(metric, better, best, value, sum(step > best for step in values))


_WORD = schema.text(100)
_MEASURED = schema.record(
    {
        "metrics": schema.table(schema.nullable(schema.number), high=200, longest=100),
        "better": schema.table(schema.one_of("higher", "lower"), high=200, longest=100),
        "on": schema.text(20_000),
        "set": _WORD,
        "by": schema.optional(_WORD, ""),
    }
)
