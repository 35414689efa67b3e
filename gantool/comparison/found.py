"""What a comparison found, as data: the figures of each model, how sure they are, and which are the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gantool.evaluation.report import better, flat, metric
from gantool.evaluation.resampling import CONFIDENCE, Interval, distinguishable, moved_interval
from gantool.report import notebook

Mark = Literal["best", "near"]
"""The best value of its column, or one that is not distinguishable from the best."""


@dataclass(frozen=True)
class Measured:
    """One model, measured."""

    name: str
    source: str
    """The weights file or the folder of results."""
    metrics: Mapping[str, float]
    """By the names of `gantool.evaluation.report.Evaluation`."""
    drawn: Mapping[str, NDArray[np.float64]]
    """The replicates of those that can be counted again; the draws are the same for all models."""
    protocol: dict[str, Any]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Row:
    """One model in the table."""

    name: str
    source: str
    """The weights file or the folder of results."""
    metrics: dict[str, float | None]
    """All that were measured, by the names of `gantool.evaluation.report.Evaluation`; None is infinite."""
    intervals: dict[str, Interval]
    """Of 95 %, of those that can be counted again."""
    marks: dict[str, Mark]
    protocol: dict[str, Any] = field(default_factory=dict)
    """Where it was measured otherwise than all."""


@dataclass(frozen=True)
class Comparison:
    """Models measured against each other on the same pictures."""

    data: str
    """The name of the data set."""
    columns: tuple[str, ...]
    """The metrics of the table, in its order."""
    rows: tuple[Row, ...]
    resamples: int
    """Draws for the intervals; 0: there are none."""
    protocol: dict[str, Any] = field(default_factory=dict)
    """How all were measured."""
    notes: tuple[str, ...] = ()
    """Warnings for the reader of the figures, a sentence each."""

    def _repr_html_(self) -> str:
        """What a notebook shows: the best values bold, 95 % intervals in brackets."""
        rows = [[row.name, *(_in_cell(row, name) for name in self.columns)] for row in self.rows]
        bold = [[False, *(row.marks.get(name) == "best" for name in self.columns)] for row in self.rows]
        return notebook.columns(self.data, ["model", *(metric(name).label for name in self.columns)], rows, bold)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what `gantool.comparison.saved` reads."""
        rows = [
            {**vars(row), "intervals": {name: list(ends) for name, ends in row.intervals.items()}} for row in self.rows
        ]
        return {**vars(self), "confidence": CONFIDENCE, "rows": rows}


def _in_cell(row: Row, name: str) -> str:
    if name not in row.metrics:
        return ""
    value, digits = row.metrics[name], metric(name).digits
    words = "inf" if value is None else f"{value:.{digits}f}"
    ends = row.intervals.get(name)
    return words if ends is None else f"{words} [{ends.low:.{digits}f}, {ends.high:.{digits}f}]"


def marks(measured: Sequence[Measured], name: str) -> list[Mark | None]:
    """The marks of a column: its best value or values, and those that are not distinguishable from the best.

    None of them where there is one value alone, or where neither way is better.
    """
    way = better(name)
    there = [one.metrics[name] for one in measured if name in one.metrics]
    if way is None or len(there) < 2:
        return [None] * len(measured)
    best = max(there) if way == "higher" else min(there)
    first = next(one for one in measured if one.metrics.get(name) == best)
    return [_mark(one, first, name) for one in measured]


def _mark(one: Measured, best: Measured, name: str) -> Mark | None:
    if name not in one.metrics:
        return None
    value, highest = one.metrics[name], best.metrics[name]
    if value == highest:
        return "best"
    if name not in one.drawn or name not in best.drawn:
        return None
    return None if distinguishable(value, highest, one.drawn[name], best.drawn[name]) else "near"


def rows(measured: Sequence[Measured], protocols: Sequence[dict[str, Any]]) -> tuple[Row, ...]:
    """The rows of the table, each with what its protocol has of its own."""
    names = dict.fromkeys(name for one in measured for name in one.metrics if not name.startswith("swd_"))
    columns = {name: marks(measured, name) for name in names}
    return tuple(
        Row(
            one.name,
            one.source,
            {name: value if math.isfinite(value) else None for name, value in one.metrics.items()},
            {
                name: moved_interval(one.metrics[name], drawn).within(metric(name).least, metric(name).most)
                for name, drawn in one.drawn.items()
                if math.isfinite(one.metrics.get(name, math.inf)) and np.isfinite(drawn).all()
            },
            {name: mark for name, column in columns.items() if (mark := column[place]) is not None},
            protocol,
        )
        for place, (one, protocol) in enumerate(zip(measured, protocols, strict=True))
    )


def own_protocols(found: Comparison) -> list[tuple[str, str]]:
    """How each model was measured otherwise than all: (its name and what, value)."""
    return [(f"{row.name}: {what}", value) for row in found.rows for what, value in flat("", row.protocol)]
