"""Perceptual path length: how much a picture changes, to the eye, on a short step between two latents.

Karras et al., CVPR 2019, arXiv 1812.04948, section 4.1: d(G(t), G(t + eps)) / eps^2, the mean over many pairs of
latents, with d the distance LPIPS on VGG-16, itself a square. Short paths mean a space in which pictures change evenly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from gantool.evaluation.networks.lpips import LPIPS
from gantool.evaluation.pictures import Progress, silent
from gantool.inference.sampler import Sampler

EPSILON = 1e-4
LARGEST = 256
"""Side to which larger pictures are brought, by means over whole boxes."""
_TOGETHER = 16  # pairs


class Trimmed(NamedTuple):
    """A mean without outliers, and the two values between which it was taken."""

    mean: float
    low: float
    high: float


def trimmed_mean(distances: NDArray[np.floating]) -> Trimmed:
    """The mean of distances (N,) from the 1st percentile (the lower neighbour) to the 99th (the higher one)."""
    distances = np.asarray(distances, np.float64)
    low = np.percentile(distances, 1, method="lower")
    high = np.percentile(distances, 99, method="higher")
    return Trimmed(float(distances[(low <= distances) & (distances <= high)].mean()), float(low), float(high))


def unit_slerp(one: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """On the unit sphere from the directions of `one` (N, L) to those of `other`, as far as `share` (N,) says."""
    one, other = F.normalize(one, dim=1), F.normalize(other, dim=1)
    cosine = (one * other).sum(dim=1, keepdim=True)
    angle = share[:, None] * cosine.clamp(-1, 1).arccos()
    across = F.normalize(other - cosine * one, dim=1)
    return F.normalize(one * angle.cos() + across * angle.sin(), dim=1)


def face(images: Tensor) -> Tensor:
    """The part of aligned portraits (N, C, H, W) that the face fills: (N, C, H/2, W/2)."""
    row, column = images.shape[2] // 8, images.shape[3] // 8
    return images[:, :, 3 * row : 7 * row, 2 * column : 6 * column]


def boxed(images: Tensor, largest: int = LARGEST) -> Tensor:
    """Pictures (N, C, H, W) whose height is twice `largest` or more, as means over whole boxes; others as they are."""
    factor = images.shape[2] // largest
    return F.avg_pool2d(images, factor) if factor > 1 else images


@torch.inference_mode()
def path_length(
    sampler: Sampler,
    distance: LPIPS,
    latents: Callable[[int], Tensor],
    label: Callable[[int], Tensor | None],
    *,
    pairs: int,
    styles: bool = False,
    ends: bool = False,
    faces: bool = False,
    seed: int = 0,
    stage: str = "path length",
    progress: Progress = silent,
) -> float:
    """The mean over `pairs` pairs of latents, less the outliers.

    `latents` gives the latent (1, L) of a number, the pairs are 0 and 1, 2 and 3, ...; `label` the label (1, S) of a
    pair. In the space of latents paths are arcs, of radius sqrt(L), the length of normal latents (StyleGAN looks at
    directions alone); in that of `styles` (w) they are lines. A step begins anywhere on the path, drawn from the seed,
    or with `ends` at its beginning. `faces` looks at `face` alone. Nothing is truncated or rounded to 8 bits.
    """
    distance.to(sampler.device)
    shares = torch.zeros(pairs) if ends else torch.from_numpy(np.random.default_rng(seed).random(pairs))
    found = []
    for first in range(0, pairs, _TOGETHER):
        progress(stage, first, pairs)
        numbers = range(first, min(first + _TOGETHER, pairs))
        one, other = (torch.cat([latents(2 * number + which) for number in numbers]) for which in (0, 1))
        labels = [label(number) for number in numbers]
        told = None if labels[0] is None else torch.cat([one for one in labels if one is not None])
        near = shares[first : first + len(numbers)].double()
        if styles:
            one, other = (sampler.styles(each, told) for each in (one, other))
            steps = [torch.lerp(one, other, share.float()[:, None, None]) for share in (near, near + EPSILON)]
            images = torch.cat([sampler.images_of_styles(step) for step in steps])
        else:
            radius = one.shape[1] ** 0.5
            steps = [radius * unit_slerp(one.double(), other.double(), share) for share in (near, near + EPSILON)]
            images = torch.cat([sampler.images(step.float(), told) for step in steps])
        seen = boxed(face(images) if faces else images)
        before, after = seen.float().expand(-1, 3, -1, -1).chunk(2)
        found.append(distance(before, after).cpu().double() / EPSILON**2)
    return trimmed_mean(torch.cat(found).numpy()).mean
