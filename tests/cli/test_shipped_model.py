"""`--model demo`: the trained model that comes with gantool."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gantool import examples
from gantool.pictures.file import read_pixels

MOST_BYTES = 3 * 2**20


def test_it_makes_noto_more_like_twemoji_and_keeps_the_size(main, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main("translate", "--model", "demo", "--to", "twemoji", str(examples.EMOJI / "testA"), "out")[0] == 0
    before, after = [], []
    for file in sorted((examples.EMOJI / "testA").glob("*.png")):
        noto, made, twemoji = (
            read_pixels(path, 3).astype(float)
            for path in (file, tmp_path / "out" / file.name, examples.EMOJI / "testB" / file.name)
        )
        assert made.shape == noto.shape
        before.append(np.abs(noto - twemoji).mean())
        after.append(np.abs(made - twemoji).mean())
    assert np.mean(after) < 0.97 * np.mean(before)


def test_a_run_of_that_name_goes_first(main, trained_tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").symlink_to(trained_tiny)
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    _, _, err = main("translate", "--model", "demo", "--to", "twemoji", "a.png", "b.png", code=2)
    assert "Domains: A (A), B (B)" in err


def test_it_is_small():
    assert examples.DEMO.stat().st_size <= MOST_BYTES
