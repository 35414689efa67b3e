"""The page of a comparison as people use it: by mouse and keyboard, on a phone, without a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gantool.report.page import BUDGET
from gantool.report.side_by_side import Figure, Figures, write_comparison

LONG = "results of another program, whose name is longer than a phone is wide"
NAMES = ("input", "cyclegan", "<cut>", "real")


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """Two rows of four pictures, and two models that were measured."""
    rng = np.random.default_rng(0)
    lines = [
        (name, [(caption, rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)) for caption in NAMES])
        for name in ("horse.png", "zebra.png")
    ]
    best, near = Figure("1.25", "± 0.10", "best"), Figure("1.30", "± 0.12", "near")
    legend = {"±": "half of the interval", "best": "the best", "near": "not distinguishable"}
    figures = Figures(
        ["KID ↓", *[f"metric {k}" for k in range(8)]],
        [("cyclegan", [best] * 9), ("<cut>", [near] * 9), (LONG, [near] * 9)],
        legend,
    )
    return write_comparison(
        tmp_path_factory.mktemp("page") / "compare.html",
        "horses: <two> models",
        facts={"models": "2"},
        figures=figures,
        lines=lines,
        protocol=[("seed", "0")],
        notes=["few pictures"],
    )


@pytest.fixture
def opened(browser, page):
    """The page in a browser, and what it asked of a network or complained of."""
    asked: list[str] = []

    def open_(**more):
        tab = browser.new_context(**more).new_page()
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: asked.append(str(error)))
        tab.on("console", lambda message: asked.append(message.text))
        tab.goto(page.as_uri())
        return tab

    yield open_
    assert [one for one in asked if not one.startswith(("data:", page.as_uri()))] == []


def test_a_row_is_zoomed_together_and_wiped_by_keyboard(opened):
    tab = opened(viewport={"width": 1200, "height": 800})
    tab.get_by_role("button", name="horse.png: <cut>: compare").focus()
    tab.keyboard.press("Enter")
    dialog = tab.get_by_role("dialog", name="horse.png")
    assert dialog.locator(".pane").count() == 4
    shown = dialog.locator(".pane img").evaluate_all("all => all.map(one => [one.style.width, one.style.left])")
    assert len({width for width, _ in shown}) == 1
    before = dialog.locator("output").inner_text()
    tab.keyboard.press("+")
    assert dialog.locator("output").inner_text() != before
    widened = dialog.locator(".pane img").evaluate_all("all => all.map(one => one.style.left)")
    tab.keyboard.press("ArrowLeft")
    moved = dialog.locator(".pane img").evaluate_all("all => all.map(one => one.style.left)")
    assert len(set(moved)) == 1  # all pictures move together
    assert moved[0] != widened[0]
    tab.keyboard.press("w")
    assert dialog.locator(".pane").count() == 1
    # The picture that was chosen is beside the input; any two can be.
    left, right = (dialog.get_by_role("combobox", name=f"{side} picture") for side in ("Left", "Right"))
    assert [side.evaluate("one => one.selectedOptions[0].text") for side in (left, right)] == ["input", "<cut>"]
    upper = dialog.locator(".pane > div").nth(1)
    sources = [upper.locator("img").get_attribute("src")]
    right.select_option("real")
    sources.append(dialog.locator(".pane > div").nth(1).locator("img").get_attribute("src"))
    assert sources[0] != sources[1]
    slider = dialog.get_by_role("slider", name="Where the left picture ends")
    slider.focus()
    tab.keyboard.press("Home")
    assert upper.evaluate("one => one.style.clipPath") == "inset(0px 0px 0px 0%)"
    tab.keyboard.press("End")
    assert upper.evaluate("one => one.style.clipPath") == "inset(0px 0px 0px 100%)"
    tab.keyboard.press("n")
    assert tab.get_by_role("dialog", name="zebra.png").is_visible()
    tab.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "horse.png: <cut>: compare"


def test_on_a_phone_nothing_is_wider_than_the_screen(opened):
    tab = opened(viewport={"width": 360, "height": 700}, has_touch=True, color_scheme="dark")
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    assert tab.get_by_role("row", name="cyclegan").get_by_role("cell").first.inner_text().startswith("1.25 ± 0.10")
    box = tab.get_by_role("row", name=LONG).get_by_role("cell").first.bounding_box()
    assert box["x"] + box["width"] <= 360, "a long name leaves room for figures"
    tab.get_by_role("button", name="zebra.png: cyclegan: compare").tap()
    dialog = tab.get_by_role("dialog", name="zebra.png")
    dialog.get_by_role("button", name="Wipe").tap()
    for button in (
        *dialog.get_by_role("button").all(),
        dialog.get_by_role("slider"),
        *dialog.get_by_role("combobox").all(),
    ):
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
    dialog.get_by_role("button", name="Close").tap()
    assert not dialog.is_visible()


def test_rows_that_would_make_the_page_too_large_are_counted(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3)).astype(np.uint8)
    rows = [(str(number), [("a", noise)] * 10) for number in range(10)]
    path = write_comparison(
        tmp_path / "x.html", "x", facts={}, figures=Figures([], [], {}), lines=rows, protocol=[], notes=[]
    )
    text = path.read_text()
    assert "more rows are not shown" in text
    assert BUDGET < len(text) < 1.6 * BUDGET
