"""The figures are those of the reference implementation's data pipeline (Pillow and torchvision)."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gantool.data.modes import FILTERS, PREPROCESS
from gantool.data.transforms import (
    Augmentation,
    Preparation,
    crop_and_flip,
    crop_square,
    draw,
    resize,
    resized_size,
)
from gantool.errors import UsageError


def photo(width: int, height: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth waves with noise on them: has detail at every scale, as photographs do."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (5 + 9 * c) + c) + np.cos(y / (7 + 4 * c)) for c in range(channels)]
    noisy = 128 + 50 * np.stack(waves, axis=2) + rng.normal(0, 20, (height, width, channels))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def planes(width: int, height: int) -> np.ndarray:
    """A photo (C, H, W), as it is after the resize."""
    return photo(width, height).transpose(2, 0, 1)


def test_crops_lie_all_over_the_resized_picture_and_nowhere_else():
    rng = np.random.default_rng(0)
    shorter, middle = Preparation("shorter_side_and_crop", 10, 8), Preparation("center_crop_and_resize", 10, 8)
    drawn = [draw(rng, *resized_size(60, 20, shorter), shorter) for _ in range(500)]
    assert {(p.x, p.y) for p in drawn} == {(x, y) for x in range(23) for y in range(3)}
    drawn = [draw(rng, *resized_size(60, 20, middle), middle) for _ in range(50)]
    assert {(p.x, p.y) for p in drawn} == {(0, 0)}


@pytest.mark.parametrize(
    ("preprocess", "size", "size_option", "crop", "expected"),
    [
        ("scale_width", (640, 360), 400, 200, (400, 225)),
        ("scale_width", (640, 360), 400, 256, (400, 256)),
        ("scale_width", (400, 180), 400, 200, (400, 200)),
        ("scale_width", (400, 225), 400, 200, (400, 225)),
        ("scale_width", (333, 500), 286, 256, (286, 429)),
        ("none", (6, 10), 286, 256, (8, 8)),
        ("none", (14, 18), 286, 256, (16, 16)),
        ("none", (894, 1300), 286, 256, (896, 1300)),
        ("none", (255, 253), 286, 256, (256, 252)),
        ("none", (256, 128), 286, 256, (256, 128)),
        ("none", (3, 5), 286, 256, (4, 4)),
        ("none", (1, 1), 286, 256, (4, 4)),  # ours: the reference fails
        ("resize_and_crop", (640, 360), 286, 256, (286, 286)),
        ("shorter_side_and_crop", (640, 360), 286, 256, (508, 286)),  # 508.4
        ("shorter_side_and_crop", (333, 500), 286, 256, (286, 429)),
        ("shorter_side_and_crop", (286, 300), 286, 256, (286, 300)),
        ("shorter_side_and_crop", (20, 20), 286, 256, (286, 286)),
        ("center_crop_and_resize", (178, 218), 178, 128, (128, 128)),
        ("center_crop_and_resize", (50, 218), 178, 128, (128, 128)),
        ("crop", (640, 360), 286, 256, (640, 360)),
    ],
)
def test_sizes_after_the_resize(preprocess, size, size_option, crop, expected):
    preparation = Preparation(preprocess, size_option, crop)
    assert resized_size(*size, preparation) == expected
    resized = resize(np.zeros((size[1], size[0], 3), np.uint8), preparation)
    assert resized.shape == (3, expected[1], expected[0])


def test_crops_of_small_pictures():
    wide = planes(64, 64)
    assert np.array_equal(crop_square(wide, 3, 4, 32), wide[:, 4:36, 3:35])
    narrow = planes(20, 64)
    padded = crop_square(narrow, 0, 4, 32)
    assert padded.shape == (3, 32, 32)
    assert np.array_equal(padded[..., :20], narrow[:, 4:36])
    assert not padded[..., 20:].any()
    small = planes(20, 30)
    assert np.array_equal(crop_square(small, 0, 0, 32), small)


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_resize_is_pillows(channels, filter):
    pixels = photo(100, 80, channels)
    resized = resize(pixels, Preparation("resize_and_crop", 72, 64, filter=filter))
    expected = Image.fromarray(pixels.squeeze()).resize((72, 72), getattr(Image.Resampling, filter.upper()))
    assert np.array_equal(resized.transpose(1, 2, 0).squeeze(), np.asarray(expected))
    assert resized.flags.c_contiguous


def test_the_filter_is_bicubic_unless_asked_otherwise():
    assert Preparation("resize_and_crop", 72, 64) == Preparation("resize_and_crop", 72, 64, filter="bicubic")


@pytest.mark.parametrize(
    ("width", "height", "size", "x", "y", "side"),
    [
        (178, 218, 178, 0, 20, 178),  # CelebA
        (101, 104, 90, 6, 7, 90),  # 5.5 is rounded to even, upwards
        (103, 104, 90, 6, 7, 90),  # 6.5 is, too, downwards
        (50, 70, 90, 0, 10, 50),  # smaller than asked for: the largest square there is
    ],
)
def test_the_middle_is_cropped_before_the_resize(width, height, size, x, y, side):
    pixels = photo(width, height)
    expected = Image.fromarray(pixels[y : y + side, x : x + side]).resize((32, 32), Image.Resampling.BICUBIC)
    resized = resize(pixels, Preparation("center_crop_and_resize", size, 32))
    assert np.array_equal(resized.transpose(1, 2, 0), np.asarray(expected))
    if side >= size:  # without a resize: the place itself
        place = resize(pixels, Preparation("center_crop_and_resize", size, size))
        assert np.array_equal(place.transpose(1, 2, 0), pixels[y : y + side, x : x + side])


@pytest.mark.parametrize("preprocess", sorted({*PREPROCESS} - {"random_resized_crop"}))  # of another scale
def test_crop_and_mirror(preprocess):
    preparation = Preparation(preprocess, 72, 56)
    resized = resize(photo(100, 80), preparation)
    x, y = (3, 1) if preparation.crops and resized.shape[1] > 56 else (0, 0)
    side = 56 if preparation.crops else 1000
    expected = resized[:, y : y + side, x : x + side]
    assert np.array_equal(crop_and_flip(resized, preparation, Augmentation(3, 1, False)), expected)
    assert np.array_equal(crop_and_flip(resized, preparation, Augmentation(3, 1, True)), expected[..., ::-1])


def test_draws_reach_every_place_and_both_mirrors_and_nothing_else():
    preparation = Preparation("resize_and_crop", 6, 4)
    rng = np.random.default_rng(0)
    drawn = {draw(rng, 6, 6, preparation) for _ in range(500)}
    assert drawn == {Augmentation(x, y, f) for x in range(3) for y in range(3) for f in (False, True)}
    unmirrored = Preparation("resize_and_crop", 6, 4, flip=False)
    assert not any(draw(rng, 6, 6, unmirrored).flip for _ in range(50))


@pytest.mark.parametrize(
    ("preprocess", "size", "crop", "said"),
    [
        ("resize_and_crop", 100, 128, "crop 128 is larger than size 100"),
        ("scale_width_and_crop", 100, 128, "crop 128 is larger than size 100"),
        ("shorter_side_and_crop", 100, 128, "crop 128 is larger than size 100"),
        ("squeeze", 100, 64, "resize_and_crop"),
        ("crop", 286, 0, "at least 1"),
    ],
)
def test_contradictions_are_usage_errors(preprocess, size, crop, said):
    with pytest.raises(UsageError, match=said):
        Preparation(preprocess, size, crop)


def test_an_unknown_filter_is_a_usage_error():
    with pytest.raises(UsageError, match="bicubic, bilinear"):
        Preparation("crop", 64, 64, filter="nearest")


def test_size_does_not_limit_the_crop_where_nothing_is_resized_to_it():
    for preprocess in ("crop", "none", "scale_width", "center_crop_and_resize"):
        Preparation(preprocess, 100, 128)
