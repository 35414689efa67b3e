"""Pictures as the metrics see them: any sequence of decoded pictures, and RGB values in [0, 1] of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gantool.evaluation.progress import Progress as Progress
from gantool.evaluation.progress import silent as silent
from gantool.pictures.decoding import Array

RESIZE = "bicubic with anti-aliasing, in floating point, clipped to the valid range"

Size = tuple[int, int]
"""(height, width)."""


class Pictures(Protocol):
    """A list of decoded pictures (H, W, C), C = 1 or 3, uint8 or uint16, or what reads them from files one by one."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Array: ...


@dataclass(frozen=True)
class Some:
    """Those of some pictures that have these places, as `Pictures`."""

    pictures: Pictures
    places: Sequence[int]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int, /) -> Array:
        return self.pictures[self.places[index]]


class Once:
    """Pictures that are read once and then stay in memory, as far as there is room, as `Pictures`."""

    def __init__(self, pictures: Pictures, room: int) -> None:
        """`room` in bytes; what has none is read each time."""
        self._pictures, self._room = pictures, room
        self._held: dict[int, Array] = {}

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int, /) -> Array:
        if index in self._held:
            return self._held[index]
        picture = self._pictures[index]
        if picture.nbytes <= self._room:
            self._room -= picture.nbytes
            self._held[index] = picture
        return picture


class Look(Protocol):
    """Shown the real and the fake pictures before they are measured; it may read some, but not keep the sets."""

    def __call__(self, real: Pictures, fake: Pictures) -> None: ...


def unseen(real: Pictures, fake: Pictures) -> None:
    """The `Look` of a caller that wants figures alone."""


def as_rgb(pixels: Array, size: tuple[int, int] | None = None, dtype: torch.dtype = torch.float32) -> Tensor:
    """The picture as a tensor (1, 3, H, W) in [0, 1]; grey is repeated.

    `size` is (height, width); a picture of another size is resized as `RESIZE` says.
    """
    scaled = torch.from_numpy(pixels.astype(np.float64) / np.iinfo(pixels.dtype).max).to(dtype)
    image = scaled.permute(2, 0, 1)[None].expand(-1, 3, -1, -1).contiguous()
    if size is None or image.shape[-2:] == size:
        return image
    return F.interpolate(image, size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)


def size_text(size: Size) -> str:
    """A size as people write it: width first."""
    return f"{size[1]}x{size[0]}"
