"""Resize, crop and flip: the deterministic part of preparing a training picture, and the random part as plain numbers.

A decoded picture is (H, W, C); `resize` turns its axes, once, to (C, H, W), the order of the cache, of items and of
networks. Pictures are uint8, C = 1 or 3; label maps are int32, and no two ids are mixed. Sizes are (width, height) as
people write them. Imports no torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gantool.data.modes import FILTERS, PREPROCESS
from gantool.errors import UsageError
from gantool.pictures.resize import resize as resize_to

Pixels: TypeAlias = NDArray[Any]
"""A decoded picture (H, W, C): uint8, or int32 of a label map."""
Planes: TypeAlias = NDArray[Any]
"""A resized picture (C, H, W): uint8, or int32 of a label map."""

CROPPING = (
    "resize_and_crop",
    "crop",
    "scale_width_and_crop",
    "shorter_side_and_crop",
    "center_crop_and_resize",
    "random_resized_crop",
    "square",
)
"""Those of `PREPROCESS` whose results are all crop x crop."""

_CROPS_WITHIN_SIZE = ("resize_and_crop", "scale_width_and_crop", "shorter_side_and_crop", "random_resized_crop")
# Of random_resized_crop, as StarGAN v2 has it: how often, share of the area, width to height.
_PART_PROBABILITY, _PART_AREA, _PART_ASPECT = 0.5, (0.8, 1.0), (0.9, 1.1)


@dataclass(frozen=True)
class Preparation:
    """How training pictures are prepared. Raises UsageError for values that contradict each other."""

    preprocess: str
    """One of `PREPROCESS`."""
    size: int
    """Side (resize_and_crop), width (scale_width*) or shorter side (shorter_side_and_crop) that pictures are resized
    to, and side of the square that center_crop_and_resize takes from the middle, in pixels."""
    crop: int
    """Side of the random square crop or of center_crop_and_resize's result, and least height of scale_width*."""
    flip: bool = True
    """Mirror half of the pictures left to right."""
    filter: str = "bicubic"
    """One of `FILTERS`: how pictures are resized."""

    def __post_init__(self) -> None:
        if self.preprocess not in PREPROCESS:
            raise UsageError(f"unknown preprocess {self.preprocess!r}: choose one of {', '.join(PREPROCESS)}")
        if self.filter not in FILTERS:
            raise UsageError(f"unknown filter {self.filter!r}: choose one of {', '.join(FILTERS)}")
        if self.size < 1 or self.crop < 1:
            raise UsageError(f"size and crop are at least 1 pixel, not {self.size} and {self.crop}")
        if self.preprocess in _CROPS_WITHIN_SIZE and self.crop > self.size:
            raise UsageError(
                f"crop {self.crop} is larger than size {self.size}, to which {self.preprocess} resizes: "
                f"lower the crop to {self.size} or raise the size to {self.crop}"
            )

    @property
    def crops(self) -> bool:
        """Whether every result is crop x crop; otherwise results are as large as the resized picture."""
        return self.preprocess in CROPPING

    @property
    def common_size(self) -> tuple[int, int] | None:
        """(width, height) that every picture has after the resize, whatever it is on file; None where that varies."""
        match self.preprocess:
            case "resize_and_crop" | "random_resized_crop":
                return self.size, self.size
            case "center_crop_and_resize" | "square":
                return self.crop, self.crop
        return None


@dataclass(frozen=True)
class Augmentation:
    """The random part of preparing one picture: where the crop starts in the resized picture, and the mirror."""

    x: int
    y: int
    flip: bool
    part: tuple[int, int] | None = None
    """Of random_resized_crop: (width, height) of the part at (x, y); None for the whole picture."""


def resized_size(width: int, height: int, preparation: Preparation) -> tuple[int, int]:
    """(width, height) of a picture after the deterministic resize, before the crop."""
    if preparation.common_size is not None:
        return preparation.common_size
    size, crop = preparation.size, preparation.crop
    match preparation.preprocess:
        case "scale_width" | "scale_width_and_crop":
            if width == size and height >= crop:
                return width, height
            return size, int(max(size * height / width, crop))
        case "shorter_side_and_crop":
            if width <= height:
                return size, int(size * height / width)
            return int(size * width / height), size
        case "none":
            return _multiple_of_4(width), _multiple_of_4(height)
        case _:
            return width, height


def resize(pixels: Pixels, preparation: Preparation) -> Planes:
    """The whole picture (H, W, C) after the deterministic resize, as (C, H, W) in one piece.

    Of center_crop_and_resize and square: its middle.
    """
    if preparation.preprocess == "center_crop_and_resize":
        pixels = middle(pixels, preparation.size)
    elif preparation.preprocess == "square":
        pixels = middle(pixels, min(pixels.shape[:2]))
    size = resized_size(pixels.shape[1], pixels.shape[0], preparation)
    return np.ascontiguousarray(resize_to(pixels, size, preparation.filter).transpose(2, 0, 1))


def draw(rng: np.random.Generator, width: int, height: int, preparation: Preparation) -> Augmentation:
    """A uniformly random crop and a fair mirror for a *resized* picture of this size.

    The crop lies inside the picture; a side shorter than the crop starts at 0.
    """
    x = y = 0
    part = None
    if preparation.preprocess == "random_resized_crop":
        x, y, part = _part(rng, width, height)
    elif preparation.crops:
        x = int(rng.integers(max(0, width - preparation.crop) + 1))
        y = int(rng.integers(max(0, height - preparation.crop) + 1))
    return Augmentation(x, y, preparation.flip and bool(rng.random() < 0.5), part)


def crop_square(planes: Planes, x: int, y: int, side: int) -> Planes:
    """The square of this side at (x, y). A picture that is nowhere larger is left alone; what lies outside is black."""
    channels, height, width = planes.shape
    if width <= side and height <= side:
        return planes
    inside = planes[:, y : y + side, x : x + side]
    if inside.shape[1:] == (side, side):
        return inside
    square = np.zeros((channels, side, side), planes.dtype)
    square[:, : inside.shape[1], : inside.shape[2]] = inside
    return square


def crop_and_flip(planes: Planes, preparation: Preparation, augmentation: Augmentation) -> Planes:
    """The random part applied to a *resized* picture (C, H, W). It may be a view: whoever keeps it takes a copy."""
    if preparation.preprocess == "random_resized_crop":
        if augmentation.part is not None:
            width, height = augmentation.part
            planes = planes[:, augmentation.y : augmentation.y + height, augmentation.x : augmentation.x + width]
        side = preparation.crop
        pixels = resize_to(planes.transpose(1, 2, 0), (side, side), preparation.filter)
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    elif preparation.crops:
        planes = crop_square(planes, augmentation.x, augmentation.y, preparation.crop)
    return planes[..., ::-1] if augmentation.flip else planes


def middle(pixels: Pixels, side: int) -> Pixels:
    """The square of this side in the middle, or the largest one that the picture holds."""
    height, width = pixels.shape[:2]
    side = min(side, width, height)
    x, y = round((width - side) / 2), round((height - side) / 2)  # as torchvision's CenterCrop: halves to even
    return pixels[y : y + side, x : x + side]


def _part(rng: np.random.Generator, width: int, height: int) -> tuple[int, int, tuple[int, int] | None]:
    """A random part of a picture of this size: x, y and (width, height); 0, 0 and None for the whole."""
    if rng.random() < _PART_PROBABILITY:
        for _ in range(10):  # as torchvision's RandomResizedCrop: the first try that fits
            area = width * height * rng.uniform(*_PART_AREA)
            aspect = math.exp(rng.uniform(math.log(_PART_ASPECT[0]), math.log(_PART_ASPECT[1])))
            w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < w <= width and 0 < h <= height:
                return int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1)), (w, h)
    return 0, 0, None


def _multiple_of_4(side: int) -> int:
    return max(4, round(side / 4) * 4)
