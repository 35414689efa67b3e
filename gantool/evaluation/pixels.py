"""Metrics of a picture against its partner: L1, PSNR and SSIM, in float64.

Every function takes two pictures (H, W, C) of equal shape with values in [0, 1]; the data range is therefore 1. 8-bit
values divided by 255 and 16-bit values divided by 65535 have the PSNR and SSIM of the integers with those data ranges.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
SSIM_K1 = 0.01
SSIM_K2 = 0.03


def l1(first: Image, second: Image) -> float:
    """Mean absolute difference, 0 to 1."""
    return float(np.abs(first - second).mean())


def psnr(first: Image, second: Image) -> float:
    """Peak signal-to-noise ratio in dB: -10 log10 of the mean square error over all pixels and channels.

    Infinite for equal pictures.
    """
    error = float(np.square(first - second).mean())
    return math.inf if error == 0 else -10 * math.log10(error)


def ssim_window(height: int, width: int) -> int:
    """Side of the SSIM window: 11, or the largest odd number that fits into a smaller picture."""
    side = min(SSIM_WINDOW, height, width)
    return side if side % 2 else side - 1


def ssim(first: Image, second: Image) -> float:
    """Structural similarity (Wang et al., IEEE TIP 2004), -1 to 1.

    Gaussian window of 11x11 pixels and sigma 1.5 (smaller in smaller pictures, see `ssim_window`), K1 0.01, K2 0.03,
    only windows that lie inside the picture, weights that sum to 1. The mean over windows and channels.
    """
    kernel = _gaussian(ssim_window(*first.shape[:2]))
    mean_1, mean_2 = _smooth(first, kernel), _smooth(second, kernel)
    variance_1 = _smooth(first * first, kernel) - mean_1 * mean_1
    variance_2 = _smooth(second * second, kernel) - mean_2 * mean_2
    covariance = _smooth(first * second, kernel) - mean_1 * mean_2
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    luminance = (2 * mean_1 * mean_2 + c1) / (mean_1 * mean_1 + mean_2 * mean_2 + c1)
    structure = (2 * covariance + c2) / (variance_1 + variance_2 + c2)
    return float((luminance * structure).mean())


def _gaussian(side: int) -> Image:
    distance = np.arange(side, dtype=np.float64) - side // 2
    weights: Image = np.exp(-np.square(distance) / (2 * SSIM_SIGMA**2))
    weights /= weights.sum()
    return weights


def _smooth(image: Image, kernel: Image) -> Image:
    """The separable window over rows, then columns: (H, W, C) to (H - side + 1, W - side + 1, C)."""
    side = len(kernel)
    rows, columns = image.shape[0] - side + 1, image.shape[1] - side + 1
    down = sum((weight * image[i : i + rows] for i, weight in enumerate(kernel)), np.zeros(()))
    return sum((weight * down[:, i : i + columns] for i, weight in enumerate(kernel)), np.zeros(()))
