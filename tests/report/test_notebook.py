"""What a notebook is shown."""

from __future__ import annotations

import pytest
from PIL import Image

import gantool
from gantool.errors import UsageError
from gantool.report import notebook
from gantool.report.console import Console
from gantool.report.progress import DRAWN_SECONDS, StepProgress


def test_a_line_is_drawn_anew_and_not_for_each_step():
    now = 0.0
    steps = StepProgress(Console(progress="none"), 1000, 0, "step", 100, lambda: now)
    drawn: list[str] = []
    steps.draw_in(lambda shown: lambda: drawn.append(repr(shown)))
    for step in range(1, 1001):
        now += DRAWN_SECONDS / 100
        steps.advance(step, {"gan": 0.5})
    steps.finish()
    assert 9 <= len(drawn) <= 12
    assert drawn[-1].startswith("step 1000/1000 100%")
    assert drawn[-1].endswith("gan=0.5")
    assert 'value="1.0000"' in steps._repr_html_()


def test_names_are_words_and_no_markup():
    assert "<script>" not in notebook.table("<script>", {"a": "<script>\x1b"})
    assert "\\x1b" in notebook.table("<script>", {"a": "<script>\x1b"})


def test_a_terminal_is_no_notebook():
    assert not notebook.in_notebook()
    assert not Console().in_cell


def test_a_model_shows_what_it_is(trained_tiny):
    page = gantool.load(trained_tiny)._repr_html_()
    assert "<caption>cyclegan</caption>" in page
    assert "A to B, B to A" in page


def test_pictures_stand_side_by_side():
    red, grey = Image.new("RGB", (20, 10), "red"), Image.new("L", (8, 30), 100)
    sheet = gantool.grid([[red, grey], [grey]], ["one", "other"])
    assert sheet._repr_png_().startswith(b"\x89PNG")
    assert sheet.getpixel((14, 40)) == (255, 0, 0)
    with pytest.raises(UsageError, match="at least one picture"):
        gantool.grid([])
    with pytest.raises(UsageError, match="2 columns but 1 labels"):
        gantool.grid([[red, grey]], ["one"])
