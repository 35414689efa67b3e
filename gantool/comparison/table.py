"""A table as it is shown: heads, values, what stands behind ±, and marks; of one comparison, or of several joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from gantool.comparison.columns import ARROWS, heading
from gantool.comparison.found import Comparison, Mark, Row
from gantool.errors import UsageError, argument
from gantool.evaluation.report import Better, better, metric

HUNDRED = "kid"
"""The beginning of the names of metrics that papers multiply by 100."""


class Column(NamedTuple):
    """The head of a column."""

    key: str
    """For programs: kid, kid_x100, or the name of a data set."""
    label: str
    better: Better | None
    digits: int


class Cell(NamedTuple):
    """A value, with what stands behind it."""

    value: float | None
    """None is infinite."""
    low: float | None
    high: float | None
    """The ends of the interval."""
    deviation: float | None
    """What papers print behind ±."""
    mark: Mark | None

    @property
    def spread(self) -> float | None:
        """Half of the interval, or the deviation."""
        if self.deviation is not None:
            return self.deviation
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


@dataclass(frozen=True)
class Table:
    """What all forms are written from."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    """(model, cells); None where it was not measured."""
    spread: str
    """What stands behind ±; empty where nothing does."""

    @property
    def legend(self) -> dict[str, str]:
        """The signs of the table, and what they mean; only those that it has."""
        cells = [cell for _, row in self.rows for cell in row if cell is not None]
        there = {cell.mark for cell in cells}
        return {
            **({"±": self.spread} if any(cell.spread is not None for cell in cells) else {}),
            **({"best": "the best of its column"} if "best" in there else {}),
            **({"near": "not distinguishable from the best"} if "near" in there else {}),
        }

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        rows = [
            {
                "name": name,
                "cells": {
                    column.key: None if cell is None else cell._asdict()
                    for column, cell in zip(self.columns, cells, strict=True)
                },
            }
            for name, cells in self.rows
        ]
        return {"title": self.title, "columns": [column.key for column in self.columns], "rows": rows}


def table(found: Comparison, *, papers: bool = False) -> Table:
    """A row a model, a column a metric. For `papers` KID is multiplied by 100, and behind ± stand the deviations that
    papers print: of KID over its subsets, of the Inception score over ten parts.
    """
    columns = tuple(_column(name, papers) for name in found.columns)
    rows = tuple((row.name, tuple(_cell(row, name, papers) for name in found.columns)) for row in found.rows)
    return Table(found.data, columns, rows, _spread([found], papers))


def joined(found: Sequence[Comparison], metrics: Sequence[str] = (), *, papers: bool = False) -> Table:
    """A row a model, a column a data set, of one metric: the one of `metrics`, or the first that all files have.

    Raises UsageError for several metrics, for one that a file lacks, and for two files of one data set.
    """
    if len(metrics) > 1:
        raise UsageError(f"a joined table is of one metric, not {len(metrics)}: {argument('metrics', metrics[0])}")
    for name, count in Counter(one.data for one in found).items():
        if count > 1:
            raise UsageError(f"{count} files are of the data set {name}: give each a name of its own, as in NAME=FILE")
    common = [name for name in found[0].columns if all(name in one.columns for one in found)]
    if metrics:
        lacking = [one.data for one in found if not any(metrics[0] in row.metrics for row in one.rows)]
        if lacking:
            raise UsageError(f"{argument('metrics', metrics[0])} was not measured on {', '.join(lacking)}")
    elif not common:
        raise UsageError(f"these files have no column in common: choose one with {argument('metrics')}")
    name = metrics[0] if metrics else common[0]
    how = _column(name, papers)
    models = dict.fromkeys(row.name for one in found for row in one.rows)
    of = [{row.name: _cell(row, name, papers) for row in one.rows} for one in found]
    return Table(
        f"{how.label} {ARROWS[how.better]}".rstrip(),
        tuple(Column(one.data, one.data, None, how.digits) for one in found),
        tuple((model, tuple(cells.get(model) for cells in of)) for model in models),
        _spread(found, papers),
    )


def chosen(found: Comparison, metrics: Sequence[str]) -> Comparison:
    """A saved comparison with these columns, or with its own. Raises UsageError for what was not measured."""
    for name in metrics:
        if not any(name in row.metrics for row in found.rows):
            raise UsageError(f"{argument('metrics', name)} was not measured on {found.data}")
    return replace(found, columns=tuple(metrics)) if metrics else found


def _column(name: str, papers: bool) -> Column:
    digits = metric(name).digits
    if papers and name.startswith(HUNDRED):
        return Column(f"{name}_x100", f"{heading(name)} x100", better(name), 2)
    return Column(name, heading(name), better(name), digits)


def _cell(row: Row, name: str, papers: bool) -> Cell | None:
    if name not in row.metrics:
        return None
    if papers:
        shown = "is_10" if name == "is" and "is_10" in row.metrics else name
        factor = 100 if name.startswith(HUNDRED) else 1
        value, deviation = (_times(factor, row.metrics.get(each)) for each in (shown, f"{shown}_std"))
        return Cell(value, None, None, deviation, row.marks.get(shown))
    low, high = row.intervals.get(name, (None, None))
    return Cell(row.metrics[name], low, high, None, row.marks.get(name))


def _times(factor: int, value: float | None) -> float | None:
    return None if value is None else factor * value


def _spread(found: Sequence[Comparison], papers: bool) -> str:
    if papers:
        return "the deviation over subsets (KID) or over ten parts (Inception score)"
    times = sorted({one.resamples for one in found})
    return f"half of the 95 % interval, of {' or '.join(map(str, times))} draws"
