"""One picture made to fit: resized, padded, its values scaled for a network and back. Imports no torch.

Pixels are (H, W) or (H, W, C) of uint8 or uint16, or int32 ids of a label map, which are never mixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gantool.errors import UsageError, argument, quoted

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_SIDE = 65_535

Floats = TypeVar("Floats", NDArray[np.float32], "Tensor")
"""An array or a tensor of floats."""

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def parse_size(text: str, name: str = "size") -> tuple[int, int]:
    """(width, height) of "N" (a square) or "WxH". Raises UsageError, with the argument's name."""
    width, x, height = text.lower().partition("x")
    sides = [width, height if x else width]
    if not all(side.isdecimal() for side in sides):
        raise UsageError(f"{argument(name)} wants N or WxH in pixels (512, 640x480), not {quoted(text)}")
    if not all(len(side) < 9 and 1 <= int(side) <= LARGEST_SIDE for side in sides):
        raise UsageError(f"{argument(name)} takes sides of 1 to {LARGEST_SIDE} pixels, not {quoted(text)}")
    return int(sides[0]), int(sides[1])


def resize(pixels: NDArray[Any], size: tuple[int, int], filter: str = "bicubic") -> NDArray[Any]:
    """Pixels as (width, height) `size`, at their own depth, by Pillow's filter ("bicubic" or "bilinear").

    Each id is the nearest one's. The same memory where the size does not change.
    """
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    if pixels.dtype == np.int32:
        rows, columns = _nearest(pixels.shape[0], size[1]), _nearest(pixels.shape[1], size[0])
        nearest: NDArray[Any] = pixels[rows][:, columns]
        return nearest
    if pixels.dtype == np.uint8:
        squeezed = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
        resized = np.array(Image.fromarray(squeezed).resize(size, _FILTERS[filter]))
        return resized.reshape(size[1], size[0], *pixels.shape[2:])
    if pixels.ndim == 3:
        return np.stack([resize(pixels[..., i], size, filter) for i in range(pixels.shape[2])], axis=2)
    # Pillow resizes more than 8 bits as floats only.
    values = np.array(Image.fromarray(pixels.astype(np.float32)).resize(size, _FILTERS[filter]))
    levels: NDArray[Any] = np.clip(np.rint(values), 0, np.iinfo(pixels.dtype).max)
    return levels.astype(pixels.dtype)


def pad(pixels: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """(H, W, C) to (height, width, C) at the lower and right edge: by reflection, repeated as often as needed.

    Ids and sides of one pixel have nothing to reflect: the edge is repeated.
    """
    down, right = height - pixels.shape[0], width - pixels.shape[1]
    if not down and not right:
        return pixels
    margins = ((0, down), (0, right), (0, 0))
    return np.pad(pixels, margins, mode="edge") if pixels.dtype == np.int32 else np.pad(pixels, margins, mode="reflect")


def to_unit(levels: Floats, largest: int = 255) -> Floats:
    """Floats from 0 to `largest` scaled to [-1, 1], in place: the values that networks see."""
    levels /= largest / 2
    levels -= 1
    return levels


def from_unit(values: Floats, largest: int = 255) -> Floats:
    """The inverse of `to_unit`, exact for every value of both depths: levels as floats, rounded to nearest, clipped.

    The same bits from arrays and from tensors of any device: each step is one operation in single precision.
    """
    return ((values + 1) * (largest / 2)).round().clip(0, largest)


def _nearest(old: int, new: int) -> NDArray[np.int32]:
    """Index, among `old` pixels in a row, of the one that each of `new` pixels takes: Pillow's rule."""
    numbers = Image.fromarray(np.arange(old, dtype=np.int32)[None])
    taken: NDArray[np.int32] = np.asarray(numbers.resize((new, 1), Image.Resampling.NEAREST))[0]
    return taken
