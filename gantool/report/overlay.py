"""Curves of several runs in one chart each, grouped as a gallery groups them: numbers for a template, or for Pillow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gantool.report.curves import HEIGHT, LEFT, RIGHT, WIDTH, Frame, Series, frame, path, smooth, thinned
from gantool.report.legend import Meaning, meaning
from gantool.report.measures import Measured, measures

COLOURS = ("#3b7ddd", "#e07b1f", "#2c9c5a", "#cf3f6b", "#8a64d6", "#94712f", "#1297a8", "#808080")
"""Legible on light ground and on dark."""
DASHES = ("", "6 3", "2 2")
"""Of the first eight runs, of the next eight, and so on."""
MOST = len(COLOURS) * len(DASHES)
"""Runs that can be told apart."""


@dataclass(frozen=True)
class Line:
    """The curve of one run in a chart."""

    run: str
    colour: str
    dash: str
    pieces: list[list[tuple[float, float]]]
    """Places in pixels, parted where a value is not finite."""

    @property
    def path(self) -> str:
        """The curve as an SVG path."""
        return path(self.pieces)


@dataclass(frozen=True)
class Chart:
    """One loss or metric of all runs that have it."""

    name: str
    label: str
    """The whole chart in words."""
    rows: list[tuple[float, str]]
    columns: list[tuple[float, str, str]]
    lines: list[Line]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


def style(number: int) -> tuple[str, str]:
    """Colour and dash of a run, by its place among all."""
    return COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]


def overlays(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[tuple[Meaning, list[Chart]]]:
    """The charts of the logs of runs, by name: metrics by the pictures they were measured on, then losses by meaning.

    Metrics share a chart where they compare: measured on the same set.
    """
    groups: dict[Meaning, dict[str, dict[str, Series]]] = {}
    for run, records in runs.items():
        for title, name, series in [*_metrics(records), *_losses(records)]:
            groups.setdefault(title, {}).setdefault(name, {})[run] = series
    drawn = [
        (title, [_chart(name, several, list(runs)) for name, several in charts.items()])
        for title, charts in groups.items()
    ]
    return sorted(drawn, key=lambda group: not group[0].title.startswith(_MEASURED))


_MEASURED = "Measured on "


def _metrics(records: Sequence[Mapping[str, Any]]) -> list[tuple[Meaning, str, Series]]:
    sets: dict[str, dict[int, Measured]] = {}
    for step, one in measures(records):
        sets.setdefault(one.set, {})[step] = one
    found = []
    for key, by_step in sets.items():
        newest = list(by_step.values())[-1]
        reading = f"Each save of a run, on the same pictures and in the same way ({key[:8]})."
        for name, better in newest.better.items():
            series: Series = [(step, by_step[step].metrics.get(name)) for step in sorted(by_step)]
            found.append((Meaning(f"{_MEASURED}{newest.on}", reading), f"{name}, {better} is better", series))
    return [one for one in found if _finite(one[2])]


def _losses(records: Sequence[Mapping[str, Any]]) -> list[tuple[Meaning, str, Series]]:
    found: dict[str, Series] = {}
    for record in records:
        for name, value in (record.get("losses") or {}).items():
            found.setdefault(name, []).append((record["step"], value))
    return [
        (meaning(name), name, smooth(thinned(series))) for name, series in found.items() if _finite(thinned(series))
    ]


def _finite(series: Series) -> bool:
    return any(value is not None for _, value in series)


def _chart(name: str, several: Mapping[str, Series], runs: Sequence[str]) -> Chart:
    there = frame(list(several.values()), from_zero=", " not in name)
    lines = [Line(run, *style(runs.index(run)), _seen(there, series)) for run, series in several.items()]
    ends = ", ".join(f"{run} ends at step {series[-1][0]:g}" for run, series in several.items())
    return Chart(name, f"{name} of {len(several)} runs: {ends}", there.rows, there.columns, lines)


def _seen(there: Frame, series: Series) -> list[list[tuple[float, float]]]:
    """A curve of a single point as a short line: a point would not be seen."""
    pieces = there.pieces(series)
    return [[*piece, (piece[0][0] + 3, piece[0][1])] if len(piece) == 1 else piece for piece in pieces]
