"""Loss curves as inline SVG, one small chart a loss, grouped by how they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from statistics import median
from typing import Any

from gantool.report.legend import Meaning, meaning
from gantool.report.text import figure

WIDTH, HEIGHT = 340, 170
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 8, 22
POINTS = 300
"""A chart draws at most this many points; each is the mean of a stretch of the log."""

Series = list[tuple[float, float | None]]
"""(step, value); None where the value was not finite."""


def curves(records: Sequence[Mapping[str, Any]], legend: Mapping[str, str]) -> str:
    """HTML of the charts of all losses in a run's log; empty if it holds none."""
    series: dict[str, Series] = {}
    for record in records:
        for name, value in (record.get("losses") or {}).items():
            series.setdefault(name, []).append((record["step"], value))
    groups: dict[Meaning, list[str]] = {}
    for name in series:
        groups.setdefault(meaning(name, legend), []).append(name)
    return "\n".join(
        f"<section class=group><h3>{escape(kind.title)}</h3><p>{escape(kind.reading)}</p><div class=charts>"
        + "".join(_chart(name, series[name]) for name in names)
        + "</div></section>"
        for kind, names in groups.items()
    )


def _chart(name: str, series: Series) -> str:
    values = [value for _, value in series if value is not None]
    bad = len(series) - len(values)
    last = f"{figure(values[-1])} at step {series[-1][0]}" if series[-1][1] is not None else "not finite"
    notes = [f"{bad} of {len(series)} values were not finite"] if bad else []
    drawing = ""
    if values:
        thinned = _thin(series)
        drawing, cut = _svg(thinned, f"{name}: {len(series)} values, last {last}")
        notes += ["higher peaks are cut off"] if cut else []
    return (
        f"<figure><figcaption><b>{escape(name)}</b> <span>{escape(last)}</span></figcaption>{drawing}"
        + (f"<p class=warn>{escape('; '.join(notes))}</p>" if notes else "")
        + "</figure>"
    )


def _thin(series: Series) -> Series:
    size = ceil(len(series) / POINTS)
    thinned: Series = []
    for begin in range(0, len(series), size):
        chunk = series[begin : begin + size]
        values = [value for _, value in chunk if value is not None]
        thinned.append((chunk[-1][0], sum(values) / len(values) if values else None))
    return thinned


def _svg(series: Series, label: str) -> tuple[str, bool]:
    """The drawing, and whether peaks lie outside its frame."""
    values = sorted(value for _, value in series if value is not None)
    # A few peaks (the first steps, mostly) would press the rest of the curve flat.
    top, bottom = values[floor(0.98 * (len(values) - 1))], values[ceil(0.02 * (len(values) - 1))]
    high = top * 1.15 if values[-1] > 2 * top > 0 else values[-1]
    low = bottom * 1.15 if values[0] < 2 * bottom < 0 else values[0]
    y_ticks = _ticks(min(low, 0.0), max(high, 0.0) if high > 0 or low < 0 else 1.0)
    y0, y1 = min(low, y_ticks[0]), max(high, y_ticks[-1])
    x0 = 0.0 if series[0][0] < 0.1 * series[-1][0] else series[0][0]
    x1 = max(series[-1][0], x0 + 1)

    def x(step: float) -> float:
        return LEFT + (step - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        share = (min(max(value, y0), y1) - y0) / (y1 - y0)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def path(points: Series) -> str:
        words, pen = [], "M"
        for step, value in points:
            if value is None:
                pen = "M"
                continue
            words.append(f"{pen}{x(step):.1f} {y(value):.1f}")
            pen = "L"
        return "".join(words)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">']
    for tick in y_ticks:
        parts.append(f'<line class=rule x1={LEFT} x2={WIDTH - RIGHT} y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text x={LEFT - 6} y="{y(tick) + 4:.1f}" text-anchor=end>{tick:g}</text>')
    for tick in [tick for tick in _ticks(x0, x1) if x0 <= tick <= x1]:
        anchor = "middle" if x(tick) < WIDTH - 30 else "end"
        parts.append(f'<text x="{x(tick):.1f}" y={HEIGHT - 6} text-anchor={anchor}>{_step(tick)}</text>')
    smooth = _smooth(series)
    if len(series) > 1:
        parts.append(f'<path class=raw d="{path(series)}"/><path class=middle d="{path(smooth)}"/>')
    step, value = smooth[-1]
    if value is not None:
        parts.append(f'<circle class=dot cx="{x(step):.1f}" cy="{y(value):.1f}" r=2.5 />')
    return "".join([*parts, "</svg>"]), values[-1] > y1 or values[0] < y0


def _smooth(series: Series) -> Series:
    """The median over a window of a tenth of the curve: single peaks do not move it."""
    half = len(series) // 20
    smooth: Series = []
    for i, (step, value) in enumerate(series):
        around = [v for _, v in series[max(0, i - half) : i + half + 1] if v is not None]
        smooth.append((step, None if value is None else median(around)))
    return smooth


def _ticks(low: float, high: float) -> list[float]:
    """Two to six round numbers that lie around [low, high]."""
    span = high - low
    step: float = 10 ** floor(log10(span / 3))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 4)
    return [round(i * step, 12) for i in range(floor(low / step), ceil(high / step) + 1)]


def _step(step: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if step >= size:
            return f"{step / size:g}{letter}"
    return f"{step:g}"
