"""The curves of several runs as a page, as an SVG file, or as a PNG file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

from gantool.errors import UsageError, argument
from gantool.files import write_atomically
from gantool.report.origin import origin
from gantool.report.overlay import MOST, Chart, overlays, style
from gantool.report.page import write_page
from gantool.report.text import visible

KINDS = (".html", ".svg", ".png")
_COLUMNS, _GAP, _HEAD, _LINE = 3, 24, 28, 18
_SCALE, _FINER = 2, 2
"""Pixels of a PNG file for one of a page, and how much finer it is drawn before it is made smaller."""


def check(path: Path, runs: int) -> None:
    """Raises UsageError for a file that is no page and no picture, and for more runs than can be told apart."""
    if path.suffix.lower() not in KINDS:
        raise UsageError(f"{argument('out', path)} is a page or a picture: NAME.html, NAME.svg or NAME.png")
    if runs > MOST:
        raise UsageError(f"{runs} runs in one chart cannot be told apart: name at most {MOST}")


def write(path: Path, runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> Path:
    """Writes the curves of runs: the records of their logs by name. The suffix of the path says in which form."""
    groups = overlays(runs)
    title = f"Curves of {', '.join(runs)}" if len(runs) < 4 else f"Curves of {len(runs)} runs"
    styles = {run: style(number) for number, run in enumerate(runs)}
    if path.suffix.lower() == ".html":
        return write_page(path, "plot.html", title=title, facts=origin(), link=None, runs=styles, groups=groups)
    charts = [chart for _, charts in groups for chart in charts]
    sheet = _Sheet(charts, styles)
    if path.suffix.lower() == ".svg":
        values = {"width": sheet.width, "height": sheet.height, "legend": sheet.legend, "placed": sheet.placed}
        return write_page(path, "plot.svg", title=title, **values)
    write_atomically(path, sheet.png())
    return path


class _Sheet:
    """Charts and a legend, each in its place on a sheet, in pixels of a page."""

    def __init__(self, charts: Sequence[Chart], styles: Mapping[str, tuple[str, str]]) -> None:
        size = (charts[0].width, charts[0].height) if charts else (340, 0)
        columns = max(1, min(_COLUMNS, len(charts)))
        self.width = columns * (size[0] + _GAP) + _GAP
        self.legend = [(run, how, _GAP, _GAP + _LINE * row) for row, (run, how) in enumerate(styles.items())]
        top = _GAP + _LINE * len(self.legend)
        self.placed = [
            (
                chart,
                _GAP + number % columns * (size[0] + _GAP),
                top + _HEAD + number // columns * (size[1] + _HEAD + _GAP),
            )
            for number, chart in enumerate(charts)
        ]
        self.height = top + ceil(len(charts) / columns) * (size[1] + _HEAD + _GAP)

    def png(self) -> bytes:
        """The sheet as a PNG file."""
        from PIL import Image, ImageDraw, ImageFont

        fine = _SCALE * _FINER
        sheet = Image.new("RGB", (self.width * _SCALE, self.height * _SCALE), "white")
        font = ImageFont.load_default(11 * fine)

        def paste(tile: Image.Image, x: int, y: int) -> None:
            sheet.paste(tile.resize((tile.width // _FINER, tile.height // _FINER), Image.Resampling.BOX), (x, y))

        for run, (colour, dash), x, y in self.legend:
            tile = Image.new("RGB", ((self.width - x) * fine, _LINE * fine), "white")
            pen = ImageDraw.Draw(tile)
            _curve(pen, [(0.0, 10.0), (18.0, 10.0)], colour, dash, fine)
            pen.text((24 * fine, 14 * fine), visible(run), "#62666b", font, anchor="ls")
            paste(tile, x * _SCALE, (y - 14) * _SCALE)
        for chart, x, y in self.placed:
            tile = Image.new("RGB", (chart.width * fine, (chart.height + _HEAD) * fine), "white")
            pen = ImageDraw.Draw(tile)
            pen.text((chart.left * fine, (_HEAD - 6) * fine), chart.name, "#1d1f21", font, anchor="ls")
            for row, text in chart.rows:
                at = (row + _HEAD) * fine
                pen.line([(chart.left * fine, at), (chart.right * fine, at)], "#dcdcd8", fine)
                pen.text(((chart.left - 6) * fine, at + 4 * fine), text, "#62666b", font, anchor="rs")
            for place, text, anchor in chart.columns:
                at = (chart.height - 6 + _HEAD) * fine
                pen.text((place * fine, at), text, "#62666b", font, anchor="ms" if anchor == "middle" else "rs")
            for line in chart.lines:
                for piece in line.pieces:
                    _curve(pen, [(x, y + _HEAD) for x, y in piece], line.colour, line.dash, fine)
            paste(tile, x * _SCALE, (y - _HEAD) * _SCALE)
        buffer = BytesIO()
        sheet.save(buffer, format="PNG")
        return buffer.getvalue()


def _curve(pen: Any, points: Sequence[tuple[float, float]], colour: str, dash: str, scale: int) -> None:
    """A curve, dashed as SVG's stroke-dasharray has it."""
    if not dash:
        pen.line([(x * scale, y * scale) for x, y in points], colour, 2 * scale, joint="curve")
        return
    lengths = [float(part) for part in dash.split()]
    drawn, left = 0, lengths[0]
    for (x0, y0), (x1, y1) in pairwise(points):
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        at = 0.0
        while at < length:
            to = min(length, at + left)
            if drawn % 2 == 0:
                ends = [(x0 + (x1 - x0) * part / length, y0 + (y1 - y0) * part / length) for part in (at, to)]
                pen.line([(x * scale, y * scale) for x, y in ends], colour, 2 * scale)
            left -= to - at
            at = to
            if left <= 1e-9:
                drawn += 1
                left = lengths[drawn % 2]
