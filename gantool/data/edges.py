"""Pictures with softened edges, as CartoonGAN's discriminator needs them (Chen, Lai and Liu 2018, section 3.2.1).

Canny's edges are widened and blurred, and nothing else. The paper gives no numbers: thresholds and sizes are those that
all public re-implementations share. Whole numbers throughout, so the result is the same on every machine. Imports no
torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 1
"""Of what `smooth_edges` makes: kept pictures of another version are made anew."""

_LOW, _HIGH = 100, 200  # thresholds for |gx| + |gy| of a 3x3 Sobel filter
_REACH = 2  # pixels around an edge that are blurred, and that the blur averages over: a square of 5
_BINOMIAL = (1, 4, 6, 4, 1)  # of 16
_TAN_22_5 = 13573  # tan(22.5 degrees), of 2^15
_WEAK, _STRONG = 1, 2


def smooth_edges(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (C, H, W), C = 1 or 3, whose edges are blurred over 5 pixels; all else stays as it is."""
    near = widened(edges(grey(planes)))
    smoothed: NDArray[np.uint8] = np.where(near, _blurred(planes), planes)
    return smoothed


def grey(planes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The brightness (H, W), 0 to 255 and cut off to whole numbers, of a picture (C, H, W)."""
    weights = (9797, 19234, 3737) if len(planes) == 3 else (2**15,)  # 0.299, 0.587, 0.114
    brightness: NDArray[np.int64] = np.tensordot(weights, planes.astype(np.int64), 1) >> 15
    return brightness


def edges(picture: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Canny's edges (H, W) of a grey picture (H, W): lines one pixel wide that are strong somewhere."""
    height, width = picture.shape
    p = np.pad(picture, 1, mode="edge")
    rows, columns = p[:-2] + 2 * p[1:-1] + p[2:], p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]
    gx, gy = rows[:, 2:] - rows[:, :-2], columns[2:] - columns[:-2]
    size = np.pad(abs(gx) + abs(gy), 1)

    def beside(dy: int, dx: int) -> NDArray[np.int64]:
        return size[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    here = beside(0, 0)
    # An edge is where the gradient is largest across it: of its four directions the nearest.
    steep, flat = abs(gy) * 2**15, abs(gx) * _TAN_22_5
    across = (here > beside(0, -1)) & (here >= beside(0, 1))
    down = (here > beside(-1, 0)) & (here >= beside(1, 0))
    falling = (here > beside(-1, -1)) & (here > beside(1, 1))
    rising = (here > beside(-1, 1)) & (here > beside(1, -1))
    slanted = np.where((gx ^ gy) < 0, rising, falling)
    largest = np.where(steep < flat, across, np.where(steep > flat + abs(gx) * 2**16, down, slanted))
    return _connected(np.where(largest & (here > _LOW), np.where(here > _HIGH, _STRONG, _WEAK), 0))


def widened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask (H, W) with all pixels of the 5x5 squares around those that are set."""
    height, width = mask.shape
    p = np.pad(mask, _REACH)
    rows = np.logical_or.reduce([p[dy : dy + height] for dy in range(2 * _REACH + 1)])
    wide: NDArray[np.bool_] = np.logical_or.reduce([rows[:, dx : dx + width] for dx in range(2 * _REACH + 1)])
    return wide


def _connected(kinds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The strong pixels, and the weak ones that touch them, or touch a weak one that does."""
    p = np.pad(kinds, 1)
    flat, stride = p.reshape(-1), p.shape[1]
    found = flat == _STRONG
    around = np.array([dy * stride + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx])
    newest = np.flatnonzero(found)
    while len(newest):
        touched = np.unique(newest[:, None] + around)
        newest = touched[(flat[touched] == _WEAK) & ~found[touched]]
        found[newest] = True
    lines: NDArray[np.bool_] = found.reshape(p.shape)[1:-1, 1:-1]
    return lines


def _blurred(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mean (C, H, W) over 5x5 pixels with binomial weights, cut off to whole numbers; mirrored at the border."""
    _, height, width = planes.shape
    p: NDArray[Any] = planes.astype(np.uint16)
    for axis, side in ((1, height), (2, width)):
        padding = [(0, 0)] * 3
        padding[axis] = (_REACH, _REACH)
        p = np.pad(p, padding, mode="reflect")
        p = np.sum([weight * p.take(range(at, at + side), axis) for at, weight in enumerate(_BINOMIAL)], axis=0)
    return (p >> 8).astype(np.uint8)
