"""Pictures as a study shows them: all in one format, none larger than a page can hold, and what is clearly worse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gantool.pictures.file import as_channels, encode, picture_size, read_picture, to_uint8
from gantool.pictures.resize import resize

SIDE = 512
"""Longest side of a picture in a study, in pixels."""
_EXACT = 256  # larger pictures are not worth their weight as PNG
_BLOCKS = 6


@dataclass(frozen=True)
class Encoded:
    """A picture as a file."""

    data: bytes
    kind: str
    """png or jpeg."""
    width: int
    height: int


def is_large(file: Path) -> bool:
    """Whether a picture is too large to be kept exact. Raises DataError for an unreadable one."""
    return max(picture_size(file)) > _EXACT


def pixels_of(file: Path) -> NDArray[np.uint8]:
    """The picture (H, W, 3) on white, H and W at most `SIDE`. Raises DataError for an unreadable one."""
    pixels = to_uint8(as_channels(read_picture(file), 3))
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    shrunk: NDArray[np.uint8] = resize(pixels, (max(1, round(width * scale)), max(1, round(height * scale))))
    return shrunk


def distorted(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture in a few blocks, half of whose colour is noise: nobody who looks takes it for the better one."""
    height, width = pixels.shape[:2]
    few = resize(pixels, (_BLOCKS, _BLOCKS))
    noise = rng.integers(0, 256, few.shape)
    blocks = ((few + noise) // 2).astype(np.uint8)
    rows, columns = np.arange(height) * _BLOCKS // height, np.arange(width) * _BLOCKS // width
    worse: NDArray[np.uint8] = blocks[rows][:, columns]
    return worse


def encoded(pixels: NDArray[np.uint8], kind: str) -> Encoded:
    """Pixels (H, W, 3) as a file of this kind."""
    return Encoded(encode(pixels, kind.upper(), quality=92), kind, pixels.shape[1], pixels.shape[0])
