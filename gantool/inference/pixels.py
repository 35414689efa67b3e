"""Pictures as a network takes them, and its results as pictures again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gantool.errors import CheckpointError, DataError, argument
from gantool.pictures.file import Array, Picture, as_channels, to_uint8
from gantool.pictures.resize import from_unit, pad, resize, to_unit

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


def as_input(pixels: Sequence[Array], size: tuple[int, int], device: torch.device) -> Tensor:
    """Pictures (H, W, C) of one padded size (height, width) as (N, C, height, width) in [-1, 1] on the device: the
    values of `to_unit`, from one copy of bytes. Planes of ids stay what they are.
    """
    if len({one.dtype for one in pixels}) > 1:  # pictures of 8 and of 16 bits
        return torch.cat([as_input([one], size, device) for one in pixels])
    levels = np.stack([pad(one, *size) for one in pixels])
    depth = levels.dtype
    # Not every device knows integers of 16 bits without a sign.
    given = torch.from_numpy(levels.astype(np.int32) if depth == np.uint16 else levels)
    planes = moved(given, device).permute(0, 3, 1, 2)
    if depth == np.int32:
        return planes.contiguous()
    return to_unit(planes.to(torch.float32, memory_format=torch.contiguous_format), np.iinfo(depth).max)


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on the device. Nothing waits for one of the CPU: a GPU fetches it from pinned memory in its turn."""
    pinned = device.type == "cuda" and tensor.device.type == "cpu"
    return (tensor.pin_memory() if pinned else tensor).to(device, non_blocking=True)


def fitted_back(images: Tensor, given: Sequence[Array]) -> list[Array]:
    """(N, C, height, width) in [-1, 1] as N pictures of the sizes and depths of `given`. Raises DataError for values
    that are not numbers, and CheckpointError where an image is smaller.
    """
    for one in given:
        height, width = one.shape[:2]
        if images.shape[2] < height or images.shape[3] < width:
            made = f"{images.shape[3]}x{images.shape[2]}"
            raise CheckpointError(
                f"the model makes {made} of a picture of {width}x{height}: a result is as large as it"
            )
    sizes = [one.shape[:2] for one in given]
    found: dict[int, Array] = {}
    for deep in {one.dtype == np.uint16 for one in given}:
        numbers = [number for number, one in enumerate(given) if (one.dtype == np.uint16) == deep]
        some = images if len(numbers) == len(given) else images[numbers]
        found |= zip(numbers, as_pictures(some, [sizes[number] for number in numbers], deep=deep), strict=True)
    return [found[number] for number in range(len(given))]


def as_pictures(images: Tensor, sizes: Sequence[tuple[int, ...]] | None = None, *, deep: bool = False) -> list[Array]:
    """(N, C, H, W) in [-1, 1] as N pictures (H, W, C) of 8 bits, or of 16 (`deep`), rounded on the device.

    `sizes` are the (height, width) that is left of each. Raises DataError for values that are not numbers.
    """
    sizes = [tuple(images.shape[2:])] * len(images) if sizes is None else sizes
    seen = [image[:, :height, :width] for image, (height, width) in zip(images, sizes, strict=True)]
    finite, levels = _fetched(torch.stack([image.isfinite().all() for image in seen]), _levels(images, deep))
    if not finite.all():
        fp32 = argument("precision", "fp32")
        raise DataError(f"the model gives values that are not numbers: its weights are spoilt, or it needs {fp32}")
    pinned = images.device.type == "cuda"  # such memory is scarce: it goes back at once
    found: list[Array] = []
    for picture, (height, width) in zip(levels, sizes, strict=True):
        cut = picture[:height, :width]
        found.append(cut.astype(np.uint16) if deep else cut.copy() if pinned else np.ascontiguousarray(cut))
    return found


def _levels(images: Tensor, deep: bool) -> Tensor:
    """(N, C, H, W) in [-1, 1] as levels (N, H, W, C), uint8, or int32 for those of 16 bits."""
    count, channels, height, width = images.shape
    largest = 65535 if deep else 255
    kind = torch.int32 if deep else torch.uint8
    levels = torch.empty((count, height, width, channels), dtype=kind, device=images.device)
    for start in range(0, height, _CHUNK):
        rows = images[:, :, start : start + _CHUNK].permute(0, 2, 3, 1).float()
        levels[:, start : start + _CHUNK] = from_unit(rows, largest)
    return levels


def _fetched(*tensors: Tensor) -> list[NDArray[Any]]:
    """Tensors of one device as arrays, after a single wait for it."""
    if tensors[0].device.type != "cuda":
        return [tensor.cpu().numpy() for tensor in tensors]
    found = []
    for number, tensor in enumerate(tensors, 1):
        host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        # The copies are done in their order: when the last one is, all are.
        found.append(host.copy_(tensor, non_blocking=number < len(tensors)))
    return [host.numpy() for host in found]
