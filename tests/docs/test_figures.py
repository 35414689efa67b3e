"""Figures that pages and summaries give of presets are those of the presets."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import yaml

from gantool import examples, registry
from gantool.cli import demo

from .pages import DOCS

PRESETS = [
    pytest.param(plugin.name, preset, path, id=f"{plugin.name}-{preset}")
    for plugin in registry.plugins().values()
    if plugin.distribution == "gantool"
    for preset, path in plugin.presets().items()
]
KEYS = {"steps": ("steps",), "pixels": ("crop", "size"), "epochs": ("epochs",)}


def figures(text: str) -> list[tuple[str, float]]:
    """What a text says of steps, pixels, epochs and the batch: ("steps", 400.0)."""
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    found = [(unit, float(number)) for number, unit in re.findall(r"(\d+)(?: |-)?(steps|pixels|epochs)\b", text)]
    sums = re.findall(r"(\d+) \+ (\d+) epochs", text)
    if sums:
        found = [(unit, number) for unit, number in found if unit != "epochs"]
        found += [("epochs", float(a) + float(b)) for a, b in sums]
    return found + [("batch", float(number)) for number in re.findall(r"batch (\d+)\b", text)]


def row(name: str, preset: str) -> str:
    *_, line = re.findall(rf"^\| `{preset}` \|.*$", (DOCS / "models" / f"{name}.md").read_text(encoding="utf-8"), re.M)
    return line


@pytest.mark.parametrize(("name", "preset", "path"), PRESETS)
def test_figures_of_presets(name: str, preset: str, path: Path):
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    for text in (row(name, preset), values["summary"]):
        for unit, number in figures(text):
            given = [values[key] for key in KEYS.get(unit, (unit,)) if values.get(key) is not None]
            assert not given or number in given, f"{name} {preset}: {number:g} {unit}, but {given}: {text}"


@pytest.mark.parametrize(("name", "preset", "path"), [one for one in PRESETS if one.values[1] == "paper"])
def test_presets_of_papers_name_the_machine_and_no_time(name: str, preset: str, path: Path):
    """Nobody has measured it: it depends on the GPU and on the number of pictures, and a dry run tells it."""
    summary = yaml.safe_load(path.read_text(encoding="utf-8"))["summary"]
    for text in (summary, row(name, preset)):
        assert not re.search(r"\b(hours?|days?|weeks?)\b", text, re.I)
    assert re.search(r" For (a GPU|large GPUs)\.$", summary)


def test_figures_of_the_demo():
    text = (DOCS / "demo.md").read_text(encoding="utf-8")
    steps = yaml.safe_load(registry.plugin("cyclegan").presets()["demo"].read_text(encoding="utf-8"))["steps"]
    assert f"{steps} steps" in text
    assert inspect.signature(demo.demo).parameters["steps"].default == steps
    counts = {folder: len(list((examples.EMOJI / folder).glob("*.png"))) for folder in ("trainA", "trainB", "testA")}
    assert f"{counts['trainA']} Noto and {counts['trainB']} Twemoji" in text
    assert f"{counts['testA']} emoji that were not trained on" in text
