"""Filtered bands, noise and holes (Karras et al. 2020, arXiv 2006.06676, appendix B)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gantool.augmentation.draws import Draws, sometimes
from gantool.networks.constants import constant

_SYM2 = np.array([-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025])
_POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)
"""Power of the bands of an average picture, from the lowest."""


def filtered(images: Tensor, p: Tensor, draws: Draws) -> Tensor:
    """Pictures (N, C, H, W) whose four bands of frequencies are amplified, each at random with probability p."""
    n, channels = images.shape[:2]
    power = constant(_POWER, images)
    chosen = sometimes(draws, p)
    gain = torch.ones(n, 4, dtype=images.dtype, device=images.device)
    for band in range(4):
        scale = chosen((draws.randn(n) * math.log(2)).exp(), 1.0)
        one = torch.ones(n, 4, dtype=images.dtype, device=images.device)
        one[:, band] = scale
        gain = gain * one / (one.square() * power).sum(1, keepdim=True).sqrt()  # as much power as before
    bank = constant(_bank(), images)
    line = (gain @ bank).repeat_interleave(channels, 0)[:, None]  # (N C, 1, taps)
    reach = bank.shape[1] // 2
    x = _mirrored(_mirrored(images, 2, reach), 3, reach).flatten(0, 1)[None]
    x = F.conv2d(F.conv2d(x, line[:, :, None], groups=n * channels), line[..., None], groups=n * channels)
    return x[0].view_as(images)


def noisy(images: Tensor, p: Tensor, draws: Draws) -> Tensor:
    """Pictures (N, C, H, W) with noise of random strength."""
    strength = sometimes(draws, p)(draws.randn(len(images)).abs() * 0.1, 0.0)
    return images + draws.randn(*images.shape).to(images.dtype) * strength.view(-1, 1, 1, 1)


def cut_out(images: Tensor, p: Tensor, draws: Draws) -> Tensor:
    """Pictures (N, C, H, W), some of them with a grey hole of half the sides, anywhere."""
    n, _, height, width = images.shape
    size = sometimes(draws, p)(torch.full((n,), 0.5, dtype=images.dtype, device=images.device), 0.0).view(-1, 1, 1)
    middle = draws.rand(n, 2).to(images.dtype)
    x = (torch.arange(width, dtype=images.dtype, device=images.device) + 0.5) / width
    y = (torch.arange(height, dtype=images.dtype, device=images.device) + 0.5) / height
    across = (x - middle[:, 0, None]).abs()[:, None, :] < size / 2
    down = (y - middle[:, 1, None]).abs()[:, :, None] < size / 2
    return images * ~(across & down)[:, None]


def _mirrored(x: Tensor, dim: int, reach: int) -> Tensor:
    """With so many rows or columns before and behind, as in mirrors: also of a picture that is smaller than these."""
    count = x.shape[dim]
    period = max(2 * count - 2, 1)
    place = torch.arange(-reach, count + reach, device=x.device) % period
    return x.index_select(dim, torch.minimum(place, period - place))


@cache
def _bank() -> tuple[tuple[float, ...], ...]:
    """(4, taps): filters of the bands up to pi / 8, pi / 4, pi / 2 and pi, whose sum is the identity.

    By sym2: H(z) H(1/z) / 2 halves a band, H(-z) H(-1/z) / 2 is the other half; lower bands are halved again by
    filters that are spread.
    """
    low, high = _SYM2, _SYM2 * (-1.0) ** np.arange(len(_SYM2))
    low, high = (np.convolve(taps, taps[::-1]) / 2 for taps in (low, high))
    bank = np.eye(4, 1)
    for band in range(1, 4):
        spread = np.zeros((4, 2 * bank.shape[1] - 1))
        spread[:, ::2] = bank
        bank = np.stack([np.convolve(taps, low) for taps in spread])
        at = (bank.shape[1] - len(high)) // 2
        bank[band, at : at + len(high)] += high
    return tuple(map(tuple, bank.tolist()))
