"""`gantool.load(...).translate(...)` with Pillow's pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import gantool
from gantool.errors import CheckpointError, UsageError
from tests.runs import untrained
from tests.translation.small_models import noise


def test_pictures_keep_their_size_transparency_and_orientation(tmp_path):
    translator = gantool.load(untrained(tmp_path / "run"), device="cpu")
    assert translator.domains == ("horses", "zebras")
    rgba = noise(35, 50, 4)
    there, back = (translator.translate(Image.fromarray(rgba), to=to) for to in ("B", "horses"))
    assert (there.mode, there.size) == (back.mode, back.size) == ("RGBA", (50, 35))
    assert np.array_equal(np.array(there)[..., 3], rgba[..., 3])
    assert not np.array_equal(np.array(there), np.array(back))

    turned = Image.fromarray(noise(35, 50))
    turned.getexif()[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=turned.getexif())
    with Image.open(tmp_path / "turned.jpg") as image:
        assert translator.translate(image).size == (35, 50)
        assert translator.translate(image, size=(64, 20)).size == (64, 20)


def test_a_path_where_a_picture_is_wanted_is_refused_with_what_opens_it(tmp_path):
    """Pillow's own AttributeError said nothing to a person."""
    translator = gantool.load(untrained(tmp_path / "run"), device="cpu")
    calls = [translator.translate, translator.style, lambda image: gantool.grid([[image]])]
    for call in calls:
        with pytest.raises(UsageError, match=r"not a path: PIL\.Image\.open\('x\.png'\)"):
            call("x.png")
        with pytest.raises(UsageError, match="opened, not ndarray"):
            call(noise(8, 8))


def test_grey_keeps_its_16_bits(tmp_path):
    translator = gantool.load(untrained(tmp_path / "run", channels_a=1, channels_b=1, identity=0.0), device="cpu")
    result = translator.translate(Image.fromarray(np.arange(1600, dtype=np.uint16).reshape(40, 40) * 40))
    assert result.mode.startswith("I;16")
    assert np.array(result).max() > 255


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        gantool.load(tmp_path / "nowhere")
    run = untrained(tmp_path / "run").parents[2]
    with pytest.raises(UsageError, match="horses"):
        gantool.load(run, device="cpu").translate(Image.new("RGB", (9, 9)), to="dogs")
    with pytest.raises(UsageError, match="tpu"):
        gantool.load(run, device="tpu")
