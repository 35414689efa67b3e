"""Flips, quarter turns, shifts, scalings and rotations, as one warp (Karras et al. 2020, arXiv 2006.06676, appendix B).

A picture goes on beyond its edges as in mirrors. It is doubled with the wavelet filter sym6, sampled bilinearly, and
halved with the same filter: so even a rotation by a degree leaves it sharp.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor

from gantool.augmentation.draws import Draws, sometimes
from gantool.networks.constants import constant

BLIT = ("xflip", "rotate90", "xint")
"""Those that only move whole pixels."""
GEOMETRY = ("scale", "rotate", "aniso", "xfrac")

SYM6 = (
    *(0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466),
    *(0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578),
    *(0.0017677118642428036, -0.007800708325034148),
)
"""The low-pass filter of Daubechies' least asymmetric wavelet with six vanishing moments."""
_REACH = len(SYM6) // 2
LN2 = math.log(2)


def warp_back(images: Tensor, kinds: Collection[str], p: Tensor, draws: Draws) -> Tensor:
    """(N, 3, 3): where in its picture (in pixels from the middle, x, y, 1) a place of the result comes from.

    Random transformations of these kinds for pictures (N, C, H, W), each with probability p.
    """
    n, _, height, width = images.shape
    chosen = sometimes(draws, p)
    size = constant((width, height), images)
    back = torch.eye(3, dtype=images.dtype, device=images.device).expand(n, -1, -1)
    if "xflip" in kinds:
        mirrored = chosen((draws.rand(n) * 2).floor(), 0.0)
        back = back @ scaling(1 - 2 * mirrored, torch.ones_like(mirrored))
    if "rotate90" in kinds:
        back = back @ rotation(chosen((draws.rand(n) * 4).floor(), 0.0) * (math.pi / 2))
    if "xint" in kinds:
        shift = chosen((draws.rand(n, 2) * 2 - 1) * 0.125, 0.0)
        back = back @ translation(-(shift * size).round())
    if "scale" in kinds:
        scale = chosen((draws.randn(n) * (0.2 * LN2)).exp(), 1.0)
        back = back @ scaling(1 / scale, 1 / scale)
    # A rotation before and one after the uneven scaling: together as likely as p.
    turned = sometimes(draws, 1 - (1 - p).clamp(0, 1).sqrt())
    if "rotate" in kinds:
        back = back @ rotation(turned((draws.rand(n) * 2 - 1) * math.pi, 0.0))
    if "aniso" in kinds:
        scale = chosen((draws.randn(n) * (0.2 * LN2)).exp(), 1.0)
        back = back @ scaling(1 / scale, scale)
    if "rotate" in kinds:
        back = back @ rotation(turned((draws.rand(n) * 2 - 1) * math.pi, 0.0))
    if "xfrac" in kinds:
        back = back @ translation(-chosen(draws.randn(n, 2) * 0.125, 0.0) * size)
    return back


def warped(images: Tensor, back: Tensor) -> Tensor:
    """Pictures (N, C, H, W) whose places come from where `back` (N, 3, 3) says. Twice differentiable."""
    height, width = images.shape[2:]
    # In mirrors a picture repeats itself after 2 H - 2 rows: one period is enough for any place.
    period = torch.cat([images, images[:, :, 1:-1].flip(2)], 2)
    period = torch.cat([period, period[..., 1:-1].flip(3)], 3)
    double = _doubled(period)
    # Places of the result on the doubled grid, with what the filter reaches around them, from the middle. The filter
    # is not symmetric: what it doubles lies half a place further than what a symmetric one doubles.
    x = torch.arange(1 - _REACH, 2 * width + _REACH - 1, dtype=images.dtype, device=images.device)
    y = torch.arange(1 - _REACH, 2 * height + _REACH - 1, dtype=images.dtype, device=images.device)
    rows, columns = torch.meshgrid((y + 1) / 2 - height / 2, (x + 1) / 2 - width / 2, indexing="ij")
    places = torch.stack([columns, rows, torch.ones_like(rows)]).flatten(1)  # (3, places)
    at = (back @ places)[:, :2]
    column = (at[:, 0] + width / 2) * 2 - 1
    row = (at[:, 1] + height / 2) * 2 - 1
    sampled = _bilinear(double, row, column).unflatten(2, rows.shape)
    return _halved(sampled)


def _doubled(x: Tensor) -> Tensor:
    n, channels, height, width = x.shape
    x = torch.stack([x, torch.zeros_like(x)], 3).reshape(n, channels, 2 * height, width)
    x = torch.stack([x, torch.zeros_like(x)], 4).reshape(n * channels, 1, 2 * height, 2 * width)
    line = _line(x) * 2
    x = F.pad(x, (_REACH, _REACH - 1, _REACH, _REACH - 1), mode="circular")
    x = F.conv2d(F.conv2d(x, line.flip(0)[None, None, None]), line.flip(0)[None, None, :, None])
    return x.reshape(n, channels, 2 * height, 2 * width)


def _halved(x: Tensor) -> Tensor:
    line = _line(x)
    n, channels = x.shape[:2]
    x = x.flatten(0, 1)[:, None]
    x = F.conv2d(F.conv2d(x, line[None, None, None], stride=(1, 2)), line[None, None, :, None], stride=(2, 1))
    return x.view(n, channels, *x.shape[2:])


def _line(like: Tensor) -> Tensor:
    line = constant(SYM6, like)
    return line / line.sum()


def _bilinear(images: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """(N, C, K): pictures (N, C, H, W) at K places (N, K) each, between four pixels; the pictures go on periodically.

    By plain indexing, because torch's own sampling cannot be differentiated twice.
    """
    height, width = images.shape[2:]
    flat = images.flatten(2)
    top, left = row.floor(), column.floor()
    down, right = row - top, column - left
    total: Tensor | float = 0.0
    for dy, weight_y in ((0, 1 - down), (1, down)):
        for dx, weight_x in ((0, 1 - right), (1, right)):
            place = ((top + dy) % height) * width + (left + dx) % width
            index = place.long()[:, None].expand(-1, images.shape[1], -1)
            total = total + flat.gather(2, index) * (weight_y * weight_x)[:, None]
    assert isinstance(total, Tensor)
    return total


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """(N, 3, 3) of factors (N,)."""
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], 1))


def rotation(angle: Tensor) -> Tensor:
    """(N, 3, 3) of angles (N,): from the axis of x toward that of y."""
    c, s, o, i = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([c, -s, o, s, c, o, o, o, i], 1).view(-1, 3, 3)


def translation(shift: Tensor) -> Tensor:
    """(N, 3, 3) of shifts (N, 2)."""
    moved = torch.eye(3, dtype=shift.dtype, device=shift.device).repeat(len(shift), 1, 1)
    moved[:, :2, 2] = shift
    return moved
