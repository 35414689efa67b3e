"""Paired metrics against plain loops over pixels, in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gantool.evaluation import pixels


def pair(height: int, width: int, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(height * 1000 + width)
    first = rng.random((height, width, 3))
    return first, np.clip(first + noise * rng.standard_normal(first.shape), 0, 1)


def ssim_by_loops(first: np.ndarray, second: np.ndarray, side: int) -> float:
    """The definition, window by window, with values in 0..255 and data range 255."""
    first, second = first * 255, second * 255
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    weights = np.array(
        [
            [math.exp(-((i - side // 2) ** 2 + (j - side // 2) ** 2) / (2 * 1.5**2)) for j in range(side)]
            for i in range(side)
        ]
    )
    weights /= weights.sum()
    values = []
    for channel in range(3):
        for top in range(first.shape[0] - side + 1):
            for left in range(first.shape[1] - side + 1):
                x = first[top : top + side, left : left + side, channel]
                y = second[top : top + side, left : left + side, channel]
                mx, my = (weights * x).sum(), (weights * y).sum()
                vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
                vxy = (weights * (x - mx) * (y - my)).sum()
                values.append((2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return sum(values) / len(values)


def test_l1_and_psnr_equal_loops():
    first, second = pair(9, 14)
    differences = [a - b for a, b in zip(first.ravel().tolist(), second.ravel().tolist(), strict=True)]
    mean_square = sum((255 * d) ** 2 for d in differences) / len(differences)
    assert pixels.l1(first, second) == pytest.approx(sum(map(abs, differences)) / len(differences), rel=1e-12)
    assert pixels.psnr(first, second) == pytest.approx(20 * math.log10(255 / math.sqrt(mean_square)), rel=1e-12)


def test_psnr_of_one_grey_level_and_of_equal_pictures():
    first = np.full((8, 8, 3), 100 / 255)
    assert pixels.psnr(first, first + 1 / 255) == pytest.approx(48.1308036, abs=1e-6)
    assert pixels.psnr(first, first) == math.inf


@pytest.mark.parametrize(
    ("height", "width", "window"), [(16, 21, 11), (11, 11, 11), (10, 30, 9), (8, 7, 7), (3, 40, 3), (1, 5, 1)]
)
def test_ssim_equals_loops_also_below_the_window(height: int, width: int, window: int):
    first, second = pair(height, width)
    assert pixels.ssim_window(height, width) == window
    assert pixels.ssim(first, second) == pytest.approx(ssim_by_loops(first, second, window), abs=1e-10)


def test_ssim_is_one_for_equal_pictures_falls_with_noise_and_is_negative_for_a_negative():
    first, slightly = pair(24, 24, 0.05)
    _, strongly = pair(24, 24, 0.3)
    assert pixels.ssim(first, first) == pytest.approx(1, abs=1e-12)
    assert 1 > pixels.ssim(first, slightly) > pixels.ssim(first, strongly)
    assert pixels.ssim(first, 1 - first) < 0
