"""Sizes of pictures: padded to what a network accepts, cropped back, resized where somebody asks for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gantool.errors import UsageError
from gantool.pictures.file import Array

LARGEST_SIDE = 65_535


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) of "N" (a square) or "WxH". Raises UsageError."""
    width, x, height = text.lower().partition("x")
    sides = [width, height if x else width]
    if not all(side.isdecimal() and 1 <= int(side) <= LARGEST_SIDE for side in sides):
        raise UsageError(f'--size wants N or WxH in pixels (512, 640x480), not "{text}"')
    return int(sides[0]), int(sides[1])


def pad(pixels: Array, height: int, width: int) -> Array:
    """(H, W, C) to (height, width, C) by reflection at the lower and right edge, again and again if it must be.

    A side of one pixel has nothing to reflect: it is repeated.
    """
    down, right = height - pixels.shape[0], width - pixels.shape[1]
    if not down and not right:
        return pixels
    return _like(pixels, np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="reflect"))


def resize(pixels: Array, size: tuple[int, int]) -> Array:
    """(H, W) or (H, W, C) as (width, height) `size`, bicubic, at its own depth."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    if pixels.dtype == np.uint8:
        squeezed = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
        resized = np.array(Image.fromarray(squeezed).resize(size, Image.Resampling.BICUBIC))
        return _like(pixels, resized.reshape(size[1], size[0], *pixels.shape[2:]))
    if pixels.ndim == 3:
        return _like(pixels, np.stack([resize(pixels[..., i], size) for i in range(pixels.shape[2])], axis=2))
    # Pillow resizes more than 8 bits as floats only.
    values = np.array(Image.fromarray(pixels.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
    return _like(pixels, np.clip(np.rint(values), 0, np.iinfo(pixels.dtype).max))


def _like(pixels: Array, values: NDArray[Any]) -> Array:
    return values.astype(np.uint8, copy=False) if pixels.dtype == np.uint8 else values.astype(np.uint16, copy=False)
