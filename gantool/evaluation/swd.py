"""Sliced Wasserstein distance between two sets of pictures (Karras et al., ICLR 2018, arXiv 1710.10196, section 5).

It compares small neighbourhoods of the pictures at several scales and needs no trained network, so it suits drawings,
small pictures and small sets, where FID does not. As in the paper: a Laplacian pyramid down to 16 pixels, 128 random
7x7x3 neighbourhoods of each picture and level, 512 random directions, the mean 1-Wasserstein distance, times 1000.

Three choices differ from the paper's experiment, which had two sets of 16384 pictures:
- The colour channels are normalised by mean and standard deviation of the *real* set on both sides. With a yardstick of
  its own for each set, a colour cast of all fakes would not count.
- Sets may differ in size: the distance between the two empirical distributions is exact for any two counts.
- The places of the neighbourhoods follow from the seed and the picture's own values. So the order of the pictures does
  not matter, and two equal sets are at distance 0.
"""

from __future__ import annotations

from hashlib import blake2b
from math import ceil

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from gantool.errors import DataError, argument
from gantool.evaluation.part import Recount, Weights
from gantool.evaluation.pictures import Pictures, Progress, as_rgb, silent
from gantool.pictures.decoding import Array

NEIGHBOURHOOD = 7
PER_PICTURE = 128
DIRECTIONS = 512
SMALLEST_LEVEL = 16
RECOUNTED = 32
"""Directions in which the distance is counted again for other weights of the pictures."""
MAX_PICTURES = 1024
"""More pictures than this in a set are thinned out to this number, drawn from the seed."""

_DIRECTIONS_AT_ONCE = 32
_SMALLEST_DEVIATION = 0.1 / 255  # flat pictures have no deviation to divide by: a tenth of an 8-bit step instead


def sliced_wasserstein(real: Pictures, fake: Pictures, *, size: tuple[int, int], seed: int = 0) -> dict[str, float]:
    """Sliced Wasserstein distances times 1000: one a pyramid level (by its size, "64x64" first) and their "mean".

    Pictures of another size are resized to (height, width) `size`. Raises DataError if that is below 7 pixels.
    """
    return distances(real, fake, size=size, seed=seed)[0]


def distances(
    real: Pictures,
    fake: Pictures,
    *,
    size: tuple[int, int],
    seed: int = 0,
    recounted: bool = False,
    progress: Progress = silent,
) -> tuple[dict[str, float], Recount | None]:
    """`sliced_wasserstein`, and if it shall be `recounted` how its mean follows from weights of the pictures."""
    if min(size) < NEIGHBOURHOOD:
        raise DataError(
            f"the sliced Wasserstein distance needs pictures of at least {NEIGHBOURHOOD} pixels, not "
            f"{size[1]}x{size[0]}: enlarge them with {argument('size')}"
        )
    levels = level_sizes(size)
    real_levels = _descriptors(real, levels, seed, "SWD, real", progress)
    fake_levels = _descriptors(fake, levels, seed, "SWD, fake", progress)
    generator = torch.Generator().manual_seed(seed)
    found = {}
    lines = []
    for done, (height, width) in enumerate(levels):
        progress("SWD, levels", done, len(levels))
        first, second, directions = _comparable(real_levels[done], fake_levels[done], generator)
        found[f"{width}x{height}"] = 1000 * _level_distance(first, second, directions)
        if recounted:
            some = directions[:, :RECOUNTED]
            lines.append(_Lines((first @ some).T, (second @ some).T))
    mean = sum(found.values()) / len(found)
    return {**found, "mean": mean}, _recount(lines, len(real), len(fake), seed) if recounted else None


def _descriptors(
    pictures: Pictures, levels: list[tuple[int, int]], seed: int, stage: str, progress: Progress
) -> list[Tensor]:
    """For each level the neighbourhoods of all pictures: (N, 3, 7, 7)."""
    indices = subset(len(pictures), MAX_PICTURES, seed)
    found = [torch.empty(len(indices), PER_PICTURE, 3, NEIGHBOURHOOD, NEIGHBOURHOOD) for _ in levels]
    for row, index in enumerate(indices):
        progress(stage, row, len(indices))
        for level, neighbourhoods in zip(found, _neighbourhoods(pictures[index], levels, seed), strict=True):
            level[row] = neighbourhoods
    return [level.flatten(0, 1) for level in found]


def subset(count: int, limit: int, seed: int) -> list[int]:
    """All indices below `count`, or `limit` of them, drawn from the seed without repetition, in ascending order."""
    if count <= limit:
        return list(range(count))
    return sorted(np.random.default_rng(seed).choice(count, limit, replace=False).tolist())


def level_sizes(size: tuple[int, int]) -> list[tuple[int, int]]:
    """Sizes (height, width) of the pyramid's levels: halved as long as both sides keep 16 pixels."""
    levels = [size]
    while min(half := (ceil(levels[-1][0] / 2), ceil(levels[-1][1] / 2))) >= SMALLEST_LEVEL:
        levels.append(half)
    return levels


def laplacian_pyramid(image: Tensor, levels: int) -> list[Tensor]:
    """The picture (1, 3, H, W) as differences between successive halvings, finest first, and the last halving."""
    pyramid = []
    for _ in range(levels - 1):
        smaller = _halve(image)
        pyramid.append(image - _double(smaller, (image.shape[-2], image.shape[-1])))
        image = smaller
    return [*pyramid, image]


def _binomial() -> Tensor:
    """The 5x5 low-pass filter, once per channel: (3, 1, 5, 5)."""
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    return torch.outer(taps, taps).expand(3, 1, 5, 5)


def _halve(image: Tensor) -> Tensor:
    return F.conv2d(F.pad(image, (2, 2, 2, 2), mode="reflect"), _binomial(), stride=2, groups=3)


def _double(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Zeros between the pixels, then the filter with four times the weight; cut to `size` where that is odd."""
    height, width = image.shape[-2:]
    spread = image.new_zeros(1, 3, 2 * height, 2 * width)
    spread[:, :, ::2, ::2] = image
    return F.conv2d(F.pad(spread, (2, 2, 2, 2), mode="reflect"), 4 * _binomial(), groups=3)[..., : size[0], : size[1]]


def _neighbourhoods(pixels: Array, levels: list[tuple[int, int]], seed: int) -> list[Tensor]:
    """`PER_PICTURE` random neighbourhoods of each level: (PER_PICTURE, 3, 7, 7)."""
    # Seeded by the stored values, not by the resized ones: those may differ in the last bit between machines.
    digest = blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=7, salt=seed.to_bytes(8, "little")).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "little"))
    found = []
    for level in laplacian_pyramid(as_rgb(pixels, levels[0]), len(levels)):
        windows = level[0].unfold(1, NEIGHBOURHOOD, 1).unfold(2, NEIGHBOURHOOD, 1)  # (3, rows, columns, 7, 7)
        rows = torch.randint(windows.shape[1], (PER_PICTURE,), generator=generator)
        columns = torch.randint(windows.shape[2], (PER_PICTURE,), generator=generator)
        found.append(windows[:, rows, columns].transpose(0, 1))
    return found


def _comparable(real: Tensor, fake: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Two sets of neighbourhoods (N, 3, 7, 7) and (M, 3, 7, 7) as rows on one yardstick, and directions (147, D)."""
    deviation, mean = torch.std_mean(real, dim=(0, 2, 3), keepdim=True, correction=0)
    deviation = deviation.clamp(min=_SMALLEST_DEVIATION)
    real, fake = (((each - mean) / deviation).flatten(1) for each in (real, fake))
    directions = torch.randn(real.shape[1], DIRECTIONS, generator=generator)
    return real, fake, directions / directions.norm(dim=0)


def _level_distance(real: Tensor, fake: Tensor, directions: Tensor) -> float:
    """Mean distance over directions between two sets of rows."""
    distances = [
        wasserstein_1d(*(np.ascontiguousarray((each @ some).T.numpy()) for each in (real, fake)))
        for some in directions.split(_DIRECTIONS_AT_ONCE, dim=1)
    ]
    return float(np.concatenate(distances).mean())


class _Lines:
    """The neighbourhoods of two sets on some directions, sorted once: distances for any weights of the pictures."""

    def __init__(self, real: Tensor, fake: Tensor) -> None:
        """(D, N) and (D, M)."""
        values, self._order = torch.cat([real, fake], dim=1).sort(dim=1)  # (D, N + M)
        self._gaps = values.diff(dim=1)

    def distance(self, real: Weights, fake: Weights) -> float:
        """Mean 1-Wasserstein distance over the directions: the area between two weighted distribution functions."""
        shares = np.concatenate([real / real.sum(), -fake / fake.sum()]).repeat(PER_PICTURE) / PER_PICTURE
        apart = torch.from_numpy(shares.astype(np.float32))[self._order].cumsum(dim=1)[:, :-1].abs()
        return float((apart * self._gaps).sum(dim=1).mean())


def _recount(levels: list[_Lines], real: int, fake: int, seed: int) -> Recount:
    """Of sets of so many pictures, those that were thinned out included."""
    reals, fakes = subset(real, MAX_PICTURES, seed), subset(fake, MAX_PICTURES, seed)

    def recount(real: Weights, fake: Weights) -> dict[str, float]:
        return {"swd": float(np.mean([1000 * level.distance(real[reals], fake[fakes]) for level in levels]))}

    return recount


def wasserstein_1d(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """1-Wasserstein distance between the samples in each row of (K, N) and (K, M): (K,).

    The area between the two empirical quantile functions, which for N = M is the mean difference of the sorted values.
    """
    first, second = np.sort(first), np.sort(second)
    n, m = first.shape[1], second.shape[1]
    if n == m:
        steps = np.arange(n + 1) * n
        gaps = np.abs(first - second)
    else:
        # In units of 1 / (n m) one function steps at multiples of m, the other at multiples of n: integers, so exact.
        steps = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
        gaps = np.abs(first[:, steps[:-1] // m] - second[:, steps[:-1] // n])
    distance: NDArray[np.float64] = gaps @ (np.diff(steps) / (n * m))
    return distance
