"""The one resize, the one padding and the one scaling of values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from gantool.errors import UsageError
from gantool.pictures.resize import from_unit, pad, parse_size, resize, to_unit


def noise(height: int, width: int, *channels: int, high: int = 256, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, high, (height, width, *channels)).astype(dtype)


@pytest.mark.parametrize("filter", ["bicubic", "bilinear"])
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_8_bits_are_resized_by_pillow(channels, filter):
    pixels = noise(20, 30, *channels)
    made = resize(pixels, (17, 40), filter)
    expected = Image.fromarray(pixels.squeeze()).resize((17, 40), getattr(Image.Resampling, filter.upper()))
    assert made.shape == (40, 17, *channels)
    assert np.array_equal(made.squeeze(), np.asarray(expected))
    assert resize(pixels, (30, 20)) is pixels


def test_16_bits_are_resized_at_their_depth():
    deep = noise(20, 30, 1).astype(np.uint16) * 257
    made = resize(deep, (15, 10))
    assert made.dtype == np.uint16
    assert np.abs(made / 257 - resize((deep // 257).astype(np.uint8), (15, 10))).max() < 1
    edges = np.repeat(np.array([0, 65535], np.uint16), 8)[None, :, None].repeat(8, axis=0)
    wide = resize(edges, (64, 8))  # bicubic overshoots on both sides of an edge
    assert (wide.min(), wide.max()) == (0, 65535)


def test_ids_are_resized_by_pillows_nearest():
    ids = noise(24, 30, high=30_000, dtype=np.int32)
    for width, height in ((17, 40), (60, 11), (30, 24)):
        expected = np.asarray(Image.fromarray(ids).resize((width, height), Image.Resampling.NEAREST))
        assert np.array_equal(resize(ids, (width, height)), expected)
        assert np.array_equal(resize(np.stack([ids, ids + 7], axis=2), (width, height))[..., 1], expected + 7)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_are_padded_by_reflection_again_and_again(dtype):
    row = np.array([[1, 2, 3]], dtype)[..., None]
    made = pad(row, 2, 8)
    assert made[..., 0].tolist() == [[1, 2, 3, 2, 1, 2, 3, 2]] * 2
    assert made.dtype == dtype
    assert pad(row, 1, 3) is row


def test_ids_are_padded_by_their_edge():
    ids = np.arange(6, dtype=np.int32).reshape(2, 3, 1)
    assert pad(ids, 3, 5)[..., 0].tolist() == [[0, 1, 2, 2, 2], [3, 4, 5, 5, 5], [3, 4, 5, 5, 5]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_identity_network_returns_the_same_pixels(dtype):
    largest = np.iinfo(dtype).max
    every = np.arange(largest + 1).astype(dtype)
    unit = to_unit(every.astype(np.float32), largest)
    assert unit.dtype == np.float32
    assert (unit[0], unit[-1]) == (-1, 1)
    assert np.array_equal(to_unit(torch.from_numpy(every).float(), largest).numpy(), unit)
    assert np.array_equal(from_unit(unit, largest), every)
    assert from_unit(np.array([-3.0, 3.0], np.float32), largest).tolist() == [0, largest]
    drawn = np.random.default_rng(0).uniform(-1.1, 1.1, 100_000).astype(np.float32)
    values = np.concatenate([drawn, unit, ((np.arange(largest) + 0.5) / (largest / 2) - 1).astype(np.float32)])
    levels = from_unit(values, largest)
    assert levels.dtype == np.float32
    assert np.array_equal(from_unit(torch.from_numpy(values), largest).numpy(), levels)


def test_values_are_rounded_to_the_nearest_level():
    between = (np.array([9.4, 9.6]) / 127.5 - 1).astype(np.float32)
    assert from_unit(between).tolist() == [9, 10]


def test_sizes_in_words():
    assert (parse_size("512"), parse_size("640x480")) == ((512, 512), (640, 480))
    for wrong in ("x5", "5x", "-3", "big", "1x2x3"):
        with pytest.raises(UsageError, match=f'size wants N or WxH in pixels .*not "{wrong}"'):
            parse_size(wrong)
    for wrong in ("0", "99999", "1000000", "640x0", "9" * 5000):
        with pytest.raises(UsageError, match=r"size takes sides of 1 to 65535 pixels, not"):
            parse_size(wrong)
