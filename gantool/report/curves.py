"""Curves of losses and of metrics as small charts, grouped by how they are read: numbers for a template to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from statistics import median
from typing import Any

from gantool.report.legend import Meaning, meaning
from gantool.report.measures import Measured, best_step, measures
from gantool.report.text import figure

WIDTH, HEIGHT = 340, 170
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 8, 22
POINTS = 300
"""A chart draws at most this many points; each is the mean of a stretch of the log."""

Series = list[tuple[float, float | None]]
"""(step, value); None where the value was not finite."""


@dataclass(frozen=True)
class Drawing:
    """Places in a chart, in pixels."""

    rows: list[tuple[float, str]]
    """Lines of equal value: (y, value)."""
    columns: list[tuple[float, str, str]]
    """Steps on the axis: (x, step, anchor)."""
    raw: str
    """The log as an SVG path; empty for a single point."""
    smooth: str
    """Its running median."""
    end: tuple[float, float] | None
    """Where the running median ends; of a metric its best point."""
    cut: bool
    """Whether peaks lie outside the frame."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


@dataclass(frozen=True)
class Chart:
    """The curve of one loss or metric."""

    name: str
    last: str
    """Its last value, in words; of a metric its best one."""
    label: str
    """The whole chart in words."""
    notes: list[str]
    drawing: Drawing | None
    """None where no value was finite."""


def curves(records: Sequence[Mapping[str, Any]]) -> list[tuple[Meaning, list[Chart]]]:
    """The charts of all losses in a run's log, by what they mean."""
    series: dict[str, Series] = {}
    for record in records:
        for name, value in (record.get("losses") or {}).items():
            series.setdefault(name, []).append((record["step"], value))
    groups: dict[Meaning, list[Chart]] = {}
    for name, points in series.items():
        groups.setdefault(meaning(name), []).append(_chart(name, points))
    return list(groups.items())


def metric_curves(records: Sequence[Mapping[str, Any]], best: int | None) -> list[tuple[Meaning, list[Chart]]]:
    """The charts of all metrics in a run's log that tell good saves from bad ones, by what they were measured on.

    `best` is the step of `RUN/best`; None for a run without.
    """
    sets: dict[str, dict[int, Measured]] = {}
    decides: dict[str, str] = {}
    for step, one in measures(records):
        sets.setdefault(one.set, {})[step] = one
        if one.by and best is not None:
            decides = {one.set: f"{one.by} decides: RUN/best is the save of step {best}. "}
    groups = []
    for name_of_set, by_step in sets.items():
        newest = list(by_step.values())[-1]
        charts = [
            _metric_chart(name, better, {step: by_step[step].metrics.get(name) for step in sorted(by_step)})
            for name, better in newest.better.items()
        ]
        reading = "A dot is the best by its chart's metric alone. Figures compare within this group only."
        groups.append((Meaning(f"Measured on {newest.on}", decides.get(name_of_set, "") + reading), charts))
    return groups


def _metric_chart(name: str, better: str, values: Mapping[int, float | None]) -> Chart:
    series: Series = [(step, value) for step, value in values.items()]
    best = best_step(values, better)
    if best is None:
        return Chart(name, "not finite", f"{name}: not finite", [], None)
    words = f"{better} is better; the dot is the best by {name}: {figure(values[best] or 0.0, digits=4)} at step {best}"
    drawing = _drawing(series, dot=(best, values[best]), from_zero=False)
    notes = ["higher peaks are cut off"] if drawing.cut else []
    return Chart(name, words, f"{name} of {len(series)} saves: {words}", notes, drawing)


def _chart(name: str, series: Series) -> Chart:
    values = [value for _, value in series if value is not None]
    bad = len(series) - len(values)
    last = f"{figure(values[-1])} at step {series[-1][0]}" if series[-1][1] is not None else "not finite"
    drawing = _drawing(thinned(series)) if values else None
    notes = [f"{bad} of {len(series)} values were not finite"] if bad else []
    notes += ["higher peaks are cut off"] if drawing is not None and drawing.cut else []
    return Chart(name, last, f"{name}: {len(series)} values, last {last}", notes, drawing)


def thinned(series: Series) -> Series:
    """At most `POINTS` points, each the mean of a stretch of the curve."""
    size = ceil(len(series) / POINTS)
    found: Series = []
    for begin in range(0, len(series), size):
        chunk = series[begin : begin + size]
        values = [value for _, value in chunk if value is not None]
        found.append((chunk[-1][0], sum(values) / len(values) if values else None))
    return found


@dataclass(frozen=True)
class Frame:
    """What a chart's places stand for: steps from x0 to x1, values from y0 to y1."""

    x0: float
    x1: float
    y0: float
    y1: float
    ticks: list[float]
    """Values that have a line."""

    def x(self, step: float) -> float:
        """The place of a step, in pixels from the left."""
        return LEFT + (step - self.x0) / (self.x1 - self.x0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """The place of a value, in pixels from the top; of one outside the frame its edge."""
        share = (min(max(value, self.y0), self.y1) - self.y0) / (self.y1 - self.y0)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def pieces(self, points: Series) -> list[list[tuple[float, float]]]:
        """A curve as places, parted where a value is not finite."""
        found: list[list[tuple[float, float]]] = [[]]
        for step, value in points:
            if value is None:
                found.append([])
            else:
                found[-1].append((round(self.x(step), 1), round(self.y(value), 1)))
        return [piece for piece in found if piece]

    def path(self, points: Series) -> str:
        """A curve as an SVG path."""
        return path(self.pieces(points))

    @property
    def rows(self) -> list[tuple[float, str]]:
        """Lines of equal value: (y, value)."""
        return [(round(self.y(tick), 1), f"{tick:g}") for tick in self.ticks]

    @property
    def columns(self) -> list[tuple[float, str, str]]:
        """Steps on the axis: (x, step, anchor)."""
        steps = [tick for tick in _ticks(self.x0, self.x1) if self.x0 <= tick <= self.x1]
        return [
            (round(self.x(tick), 1), _step(tick), "middle" if self.x(tick) < WIDTH - 30 else "end") for tick in steps
        ]


def path(pieces: Sequence[Sequence[tuple[float, float]]]) -> str:
    """Places as an SVG path."""
    return "".join(f"{'L' if place else 'M'}{x:.1f} {y:.1f}" for piece in pieces for place, (x, y) in enumerate(piece))


def frame(several: Sequence[Series], *, from_zero: bool) -> Frame:
    """The frame of curves that share a chart; each has a finite value."""
    ends = [_ends([value for _, value in series if value is not None]) for series in several]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if from_zero:
        ticks = _ticks(min(low, 0.0), max(high, 0.0) if high > 0 or low < 0 else 1.0)
    else:
        around = max(0.05 * abs(high), 1e-6) if high == low else 0.0
        ticks = _ticks(low - around, high + around)
    first, last = min(series[0][0] for series in several), max(series[-1][0] for series in several)
    x0 = 0.0 if first < 0.1 * last else first
    return Frame(x0, max(last, x0 + 1), min(low, ticks[0]), max(high, ticks[-1]), ticks)


def _ends(found: Sequence[float]) -> tuple[float, float]:
    """Where a curve's values begin and end, without a few peaks (of the first steps, mostly), which would press the
    rest of it flat.
    """
    values = sorted(found)
    top, bottom = values[floor(0.98 * (len(values) - 1))], values[ceil(0.02 * (len(values) - 1))]
    high = top * 1.15 if values[-1] > 2 * top > 0 else values[-1]
    low = bottom * 1.15 if values[0] < 2 * bottom < 0 else values[0]
    return low, high


def _drawing(series: Series, dot: tuple[float, float | None] | None = None, *, from_zero: bool = True) -> Drawing:
    """`dot` is the point to mark; None for the end of the running median."""
    there = frame([series], from_zero=from_zero)
    values = [value for _, value in series if value is not None]
    middle = smooth(series)
    step, value = dot or middle[-1]
    return Drawing(
        rows=there.rows,
        columns=there.columns,
        raw=there.path(series) if len(series) > 1 else "",
        smooth=there.path(middle),
        end=None if value is None else (round(there.x(step), 1), round(there.y(value), 1)),
        cut=max(values) > there.y1 or min(values) < there.y0,
    )


def smooth(series: Series) -> Series:
    """The median over a window of a tenth of the curve: single peaks do not move it."""
    half = len(series) // 20
    found: Series = []
    for i, (step, value) in enumerate(series):
        around = [v for _, v in series[max(0, i - half) : i + half + 1] if v is not None]
        found.append((step, None if value is None else median(around)))
    return found


def _ticks(low: float, high: float) -> list[float]:
    """Two to six round numbers that lie around [low, high]."""
    span = max(high - low, 1e-200)  # a third of the smallest numbers is 0
    step: float = 10 ** floor(log10(span / 3))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 4)
    return [round(i * step, 12) for i in range(floor(low / step), ceil(high / step) + 1)]


def _step(step: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if step >= size:
            return f"{step / size:g}{letter}"
    return f"{step:g}"
