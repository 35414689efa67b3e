"""Brightness, contrast, luma, hue and saturation, as one matrix of colours (Karras et al. 2020, arXiv 2006.06676,
appendix B)."""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor

from gantool.augmentation.draws import Draws, sometimes
from gantool.networks.constants import constant

COLOR = ("brightness", "contrast", "lumaflip", "hue", "saturation")
_LN2 = math.log(2)


def color_matrix(images: Tensor, kinds: Collection[str], p: Tensor, draws: Draws) -> Tensor:
    """(N, 4, 4): what becomes of a colour (r, g, b, 1), with values in [-1, 1].

    Random transformations of these kinds for pictures (N, 1 or 3, H, W), each with probability p.
    """
    n, channels = images.shape[:2]
    chosen = sometimes(draws, p)
    one = torch.eye(4, dtype=images.dtype, device=images.device)
    luma = constant((1.0, 1.0, 1.0, 0.0), images) / math.sqrt(3)
    along = luma.outer(luma)
    matrix = one.expand(n, -1, -1)
    if "brightness" in kinds:
        brighter = one.repeat(n, 1, 1)
        brighter[:, :3, 3] = chosen(draws.randn(n) * 0.2, 0.0)[:, None]
        matrix = brighter @ matrix
    if "contrast" in kinds:
        scale = chosen((draws.randn(n) * (0.5 * _LN2)).exp(), 1.0)
        matrix = torch.diag_embed(torch.stack([scale, scale, scale, torch.ones_like(scale)], 1)) @ matrix
    if "lumaflip" in kinds:
        flipped = chosen((draws.rand(n) * 2).floor(), 0.0)
        matrix = (one - 2 * along * flipped.view(-1, 1, 1)) @ matrix
    if "hue" in kinds and channels > 1:
        matrix = _turned(chosen((draws.rand(n) * 2 - 1) * math.pi, 0.0)) @ matrix
    if "saturation" in kinds and channels > 1:
        scale = chosen((draws.randn(n) * _LN2).exp(), 1.0)
        matrix = (along + (one - along) * scale.view(-1, 1, 1)) @ matrix
    return matrix


def recolored(images: Tensor, matrix: Tensor) -> Tensor:
    """Pictures (N, 1 or 3, H, W) of other colours, by (N, 4, 4). Grey is a colour of three equal values."""
    turn, shift = matrix[:, :3, :3], matrix[:, :3, 3:]
    if images.shape[1] == 1:
        turn, shift = turn.mean(1, keepdim=True).sum(2, keepdim=True), shift.mean(1, keepdim=True)
    return (turn @ images.flatten(2) + shift).view_as(images)


def _turned(angle: Tensor) -> Tensor:
    """(N, 4, 4): colours turned around the axis of greys by angles (N,)."""
    c, s = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    third = torch.full((3, 3), 1 / 3, dtype=angle.dtype, device=angle.device)
    cross = constant(((0, -1, 1), (1, 0, -1), (-1, 1, 0)), angle) / math.sqrt(3)
    one = torch.eye(3, dtype=angle.dtype, device=angle.device)
    turned = torch.eye(4, dtype=angle.dtype, device=angle.device).repeat(len(angle), 1, 1)
    turned[:, :3, :3] = one * c + cross * s + third * (1 - c)
    return turned
