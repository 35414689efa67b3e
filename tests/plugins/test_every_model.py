"""One suite for every installed model, `gantool plugins check` itself, and what a model of this repository has beside.

A new plugin gets all of this by being registered. It needs pictures in gantool/checking/pictures.py for a new layout.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gantool import options, registry
from gantool.checking.session import CHECKS
from gantool.checking.subject import Subject
from gantool.checking.translates import NotChecked

pytestmark = [
    pytest.mark.parametrize("name", sorted(registry.plugins()), scope="module"),
    pytest.mark.usefixtures("one_exporter"),
]


@pytest.fixture(scope="module")
def subject(name, pictures_of, trained, tmp_path_factory) -> Subject:
    """The model with the pictures and the run that all tests share."""
    return Subject(registry.plugin(name), pictures_of, tmp_path_factory.mktemp(name), made=trained(name))


@pytest.mark.parametrize("check", CHECKS)
def test_it_passes_the_check(subject, check):
    try:
        assert not CHECKS[check](subject)
    except NotChecked as lacking:
        pytest.skip(str(lacking))


def test_it_has_the_paper_s_preset_and_others_that_say_how_long_they_train(name, subject):
    presets = registry.plugin(name).presets()
    assert "paper" in presets
    lengths = {preset: subject.plan(preset).total_steps(1000, world=1) for preset in presets if preset != "smoke"}
    assert all(steps >= 100 for steps in lengths.values()), lengths


def test_it_has_a_page(name):
    pages = Path(__file__).parents[2] / "docs" / "models"
    assert (pages / f"{name}.md").is_file()
    text = "".join(page.read_text(encoding="utf-8") for page in pages.rglob(f"{name}.md"))
    for row in options.describe(registry.plugin(name).load().Options):
        assert f"`{row.name}`" in text, f"docs/models does not explain the option {row.name}"
