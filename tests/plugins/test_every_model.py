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


AUTHORS = {
    "aggan": ("resize_and_crop", "bilinear", True, 286, 256),
    "ali": ("square", "bicubic", False, 64, 64),
    "bicyclegan": ("resize_and_crop", "bicubic", True, 286, 256),
    "biggan": ("square", "bilinear", False, 128, 128),
    "cartoongan": ("resize_and_crop", "bilinear", True, 256, 256),
    "cut": ("resize_and_crop", "bicubic", True, 286, 256),
    "cyclegan": ("resize_and_crop", "bicubic", True, 286, 256),
    "dcgan": ("square", "bilinear", False, 64, 64),
    "discogan": ("resize_and_crop", "bilinear", False, 64, 64),
    "drit": ("resize_and_crop", "bicubic", True, 256, 216),
    "dualgan": ("resize_and_crop", "bilinear", False, 256, 256),
    "munit": ("shorter_side_and_crop", "bilinear", True, 256, 256),
    "pix2pix": ("resize_and_crop", "bicubic", True, 286, 256),
    "pix2pixhd": ("scale_width", "bicubic", True, 1024, 512),
    "stackgan": ("resize_and_crop", "bilinear", True, 76, 64),
    "stargan": ("center_crop_and_resize", "bilinear", True, 178, 128),
    "starganv2": ("random_resized_crop", "bilinear", True, 512, 256),
    "stylegan": ("square", "bicubic", False, 256, 256),
    "ugatit": ("resize_and_crop", "bilinear", True, 286, 256),
    "unit": ("shorter_side_and_crop", "bilinear", True, 256, 256),
    "wgan": ("square", "bicubic", False, 64, 64),
}
"""How the preset `paper` prepares pictures: way, filter, whether it mirrors, size, crop. Where the authors' filter is
not known, or none of ours, it is bicubic."""


def test_the_paper_s_preset_prepares_pictures_as_the_authors_do(name, subject):
    p = subject.plan("paper").preparation
    assert (p.preprocess, p.filter, p.flip, p.size, p.crop) == AUTHORS[name]


def test_it_has_a_page(name):
    pages = Path(__file__).parents[2] / "docs" / "models"
    assert (pages / f"{name}.md").is_file()
    text = "".join(page.read_text(encoding="utf-8") for page in pages.rglob(f"{name}.md"))
    for row in options.describe(registry.plugin(name).load().Options):
        assert f"`{row.name}`" in text, f"docs/models does not explain the option {row.name}"
