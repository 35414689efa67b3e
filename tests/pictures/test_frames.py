from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from gantool.pictures.frames import SEVERAL, Animation, count_frames, encode_frames, read_frames

RNG = np.random.default_rng(0)
COLOUR = [RNG.integers(0, 256, (24, 36, 3), dtype=np.uint8) for _ in range(3)]
ALPHA = [np.where(RNG.random((24, 36)) < 0.5, 0, 255).astype(np.uint8) for _ in range(3)]


@pytest.mark.parametrize("format", SEVERAL)
@pytest.mark.parametrize("transparent", [False, True])
def test_frames_come_through_writing_and_reading(format, transparent):
    animation = Animation((), (100, 200, 300), 3)
    layers = list(zip(COLOUR, ALPHA if transparent else [None] * 3, strict=True))
    data = encode_frames(layers, format, animation, quality=100)
    again = read_frames(data)
    assert count_frames(data) == len(again.frames) == 3
    if format != "TIFF":
        assert (again.durations, again.loop) == ((100, 200, 300), 3)
    for picture, (pixels, alpha) in zip(again.frames, layers, strict=True):
        seen = np.ones((24, 36), bool) if alpha is None else alpha > 0
        if alpha is not None:
            assert np.array_equal(picture.alpha, alpha)
        if format == "GIF":  # 256 colours
            assert np.abs(picture.pixels.astype(int) - pixels)[seen].mean() < 40
        else:
            assert np.array_equal(picture.pixels[seen], pixels[seen])


@pytest.mark.parametrize("format", SEVERAL)
def test_frames_that_are_alike_stay_frames(format):
    data = encode_frames([(COLOUR[0], None)] * 4, format, Animation((), (40,) * 4, 0))
    assert count_frames(data) == 4
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 4


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_frames_of_16_bit_colour(format):
    deep = [RNG.integers(0, 65536, (24, 36, 3), dtype=np.uint16) for _ in range(2)]
    data = encode_frames([(one, None) for one in deep], format, Animation((), (50, 50), 0))
    again = read_frames(data).frames
    assert len(again) == 2
    if format == "PNG":  # an animation's 16 bits are written, and read as 8: it is said
        assert all(picture.reduced and picture.pixels.dtype == np.uint8 for picture in again)
    else:
        assert all(np.array_equal(picture.pixels, one) for picture, one in zip(again, deep, strict=True))
