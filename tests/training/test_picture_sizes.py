"""Sizes that a training could not take are refused before anything is written, by model, preprocess and layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gantool
from gantool.errors import UsageError
from tests.conftest import draw

U_GAT_IT = {"width": 4, "blocks": 1, "d_width": 4, "global_layers": 4, "local_layers": 3}


def two(folder: Path, a: int = 40, b: int = 40) -> list[Path]:
    return [draw(folder / "trainA", 2, seed=1, size=a), draw(folder / "trainB", 2, seed=2, size=b)]


def side_by_side(folder: Path, width: int, height: int) -> Path:
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": 42, "crop": 42}, "exactly 42|multiples of 4"),
        ({"preprocess": "none", "crop": 32}, "takes at least"),
    ],
)
def test_a_network_of_one_size(tmp_path, settings, said):
    with pytest.raises(UsageError, match=said):
        gantool.train("ugatit", two(tmp_path), out=tmp_path / "run", steps=1, set=U_GAT_IT, **settings)
    assert not (tmp_path / "run").exists()


def test_batches_of_pictures_that_keep_their_sizes(tmp_path):
    tiny = {"width": 4, "blocks": 1, "d_width": 4, "d_layers": 1}
    data = two(tmp_path, 40, 48)
    with pytest.raises(UsageError, match="cannot share a batch"):
        gantool.train("cyclegan", data, out=tmp_path / "run", steps=1, batch=2, preprocess="none", set=tiny)
    gantool.train("cyclegan", data, out=tmp_path / "run", steps=1, batch=1, preprocess="none", workers=0, set=tiny)


def test_u_gat_it_trains_on_domains_of_two_sizes(tmp_path):
    more = {"steps": 1, "workers": 0, "preprocess": "none", "set": {**U_GAT_IT, "light": True}}
    gantool.train("ugatit", two(tmp_path, 40, 48), out=tmp_path / "run", **more)


def test_drit_says_that_it_cannot(tmp_path):
    data = two(tmp_path, 80, 96)
    with pytest.raises(UsageError, match="one size"):
        gantool.train(
            "drit", data, out=tmp_path / "run", preset="smoke", steps=3, workers=0, preprocess="none", batch=1
        )


def test_each_half_of_a_pair_is_measured(tmp_path):
    options = {"depth": 4, "width": 4, "d_width": 4, "d_layers": 1}
    good = side_by_side(tmp_path / "good", 128, 64)
    scaled = {"preprocess": "scale_width", "size": 16, "crop": 8, "aligned": "AB"}
    gantool.train("pix2pix", good, out=tmp_path / "run", steps=1, workers=0, set=options, **scaled)
    bad = side_by_side(tmp_path / "bad", 48, 16)
    with pytest.raises(UsageError, match="24x16"):
        gantool.train("pix2pix", bad, out=tmp_path / "no", steps=1, set=options, preprocess="none", aligned="AB")
