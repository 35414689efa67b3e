"""Pictures as a network takes them, and its results as pictures again."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from gantool.errors import CheckpointError, DataError, argument
from gantool.pictures.file import Array, Picture, as_channels, to_uint8
from gantool.pictures.resize import from_unit, resize

_CHUNK = 256  # rows that become integers at a time


def prepared(picture: Picture, channels: int, size: tuple[int, int] | None = None) -> tuple[Array, Array | None]:
    """The network's input (H, W, channels), transparency on white as in training, and the result's alpha."""
    if picture.pixels.dtype == np.int32:
        return (picture.pixels if size is None else resize(picture.pixels, size)), None
    pixels, alpha = as_channels(picture, channels), picture.alpha
    if size is not None:
        pixels, alpha = resize(pixels, size), None if alpha is None else resize(alpha, size)
    return pixels, alpha


def matched(pixels: Array, alpha: Array | None) -> tuple[Array, Array | None]:
    """The result and its input's alpha at one depth."""
    if alpha is not None and alpha.dtype != pixels.dtype:
        pixels, alpha = to_uint8(pixels), to_uint8(alpha)
    return pixels, alpha


def fitted_back(image: Tensor, given: Array) -> Array:
    """(C, height, width) in [-1, 1] as a picture of the size and depth of `given`. Raises DataError for values that are
    not numbers, and CheckpointError where the image is smaller.
    """
    height, width = given.shape[:2]
    if image.shape[1] < height or image.shape[2] < width:
        made = f"{image.shape[2]}x{image.shape[1]}"
        raise CheckpointError(f"the model makes {made} of a picture of {width}x{height}: a result is as large as it")
    return as_pixels(image[:, :height, :width], deep=given.dtype == np.uint16)


def as_pixels(image: Tensor, *, deep: bool = False) -> Array:
    """(C, H, W) in [-1, 1] as a picture (H, W, C) of 8 bits, or of 16 (`deep`). Raises DataError for values that are
    not numbers.
    """
    channels, height, width = image.shape
    result = np.empty((height, width, channels), np.uint16 if deep else np.uint8)
    for start in range(0, height, _CHUNK):
        rows = image[:, start : start + _CHUNK].permute(1, 2, 0).float().cpu().numpy()
        if not np.isfinite(rows).all():
            fp32 = argument("precision", "fp32")
            raise DataError(f"the model gives values that are not numbers: its weights are spoilt, or it needs {fp32}")
        result[start : start + _CHUNK] = from_unit(rows, result.dtype)
    return result
