"""Self-attention, as in SA-GAN (Zhang et al. 2019, arXiv 1805.08318)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool_biggan.spectral import Conv, SpectralNorm

NARROWEST = 8
"""Channels that it needs: keys have an eighth of them."""


class Attention(nn.Module):
    """Adds to every place a mean over all others, weighted by how alike they are. (N, C, H, W) in and out."""

    def __init__(self, channels: int, norm: SpectralNorm | None) -> None:
        super().__init__()
        if channels < NARROWEST:
            raise ValueError(
                f"attention needs a layer of at least {NARROWEST} channels, not {channels}: choose a larger width"
            )
        self.theta = Conv(channels, channels // 8, 1, norm, bias=False)
        self.phi = Conv(channels, channels // 8, 1, norm, bias=False)
        self.g = Conv(channels, channels // 2, 1, norm, bias=False)
        self.o = Conv(channels // 2, channels, 1, norm, bias=False)
        self.gamma = nn.Parameter(torch.tensor(0.0))

    def forward(self, x: Tensor) -> Tensor:
        queries = self.theta(x).flatten(2)  # (N, C/8, HW)
        keys = F.max_pool2d(self.phi(x), 2).flatten(2)  # (N, C/8, HW/4)
        values = F.max_pool2d(self.g(x), 2).flatten(2)  # (N, C/2, HW/4)
        weights = torch.softmax(queries.transpose(1, 2) @ keys, dim=-1)  # (N, HW, HW/4)
        found = (values @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])  # (N, C/2, H, W)
        attended: Tensor = self.gamma * self.o(found) + x
        return attended
