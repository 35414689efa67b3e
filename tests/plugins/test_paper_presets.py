"""The presets `paper` against what the fact sheets say of the authors' data."""

from __future__ import annotations

import pytest

from gantool import registry
from gantool.checking.subject import Subject

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


@pytest.mark.parametrize("name", AUTHORS)
def test_the_paper_s_preset_prepares_pictures_as_the_authors_do(name, pictures_of, tmp_path):
    p = Subject(registry.plugin(name), pictures_of, tmp_path).plan("paper").preparation
    assert (p.preprocess, p.filter, p.flip, p.size, p.crop) == AUTHORS[name]
