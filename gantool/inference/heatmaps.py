"""Maps of attention as pictures: heat in colours from blue (little) to red (much), masks from black to white."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def coloured(heat: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(h, w) of any range as RGB (H, W, 3), resized to (width, height). A constant map is all blue.

    As the authors of U-GAT-IT draw it: stretched to 0..255, resized, and the colour map "jet" of OpenCV.
    """
    heat = heat.astype(np.float32) - heat.min()
    largest = float(heat.max())
    levels = (255 * heat / largest if largest > 0 else heat).astype(np.uint8)
    resized = np.asarray(Image.fromarray(levels).resize(size, Image.Resampling.BILINEAR))
    colours: NDArray[np.uint8] = _JET[resized]
    return colours


def grey(mask: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(h, w) in [0, 1] as grey levels (H, W, 1), black for 0 and white for 1, resized to (width, height)."""
    levels = Image.fromarray(np.rint(255 * mask).clip(0, 255).astype(np.uint8))
    resized: NDArray[np.uint8] = np.asarray(levels.resize(size, Image.Resampling.BILINEAR))[..., None]
    return resized


def _jet() -> NDArray[np.uint8]:
    """256 colours: each channel rises by 4 a level, stays at 255, and falls by 4."""
    i = np.arange(256)
    blue = np.where(i <= 31, 128 + 4 * i, np.where(i <= 95, 255, 254 - 4 * (i - 96)))
    green = np.where(i <= 32, 0, np.where(i <= 95, 4 * (i - 32), np.where(i <= 159, 255, 251 - 4 * (i - 160))))
    red = np.where(i <= 95, 0, np.where(i <= 159, 2 + 4 * (i - 96), np.where(i <= 223, 255, 251 - 4 * (i - 224))))
    return np.stack([red, green, blue], axis=1).clip(0, 255).astype(np.uint8)


_JET = _jet()
