"""DualGAN's generator and discriminators (section 3.2 of the paper, and the authors' code of 2017 and 2020)."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from gantool.networks.layers import NormedConv2d, Tanh, enlarged
from gantool.networks.norms import AffineInstanceNorm
from gantool.networks.same_padding import (
    NormedSameConv2d,
    NormedSameConvTranspose2d,
    SameConv2d,
    SameConvTranspose2d,
)
from gantool_dualgan.norms import InnermostNorm

EPSILON = 1e-6
"""Of all instance norms."""
OUTER = 5
"""Side of the kernels of a generator's outermost layers, and of a discriminator's first."""
DISCRIMINATORS = ("whole", "patch", "patch2017")


class Generator(nn.Module):
    """A U-Net: pictures (N, in_channels, H, W) in [-1, 1] to pictures (N, out_channels, H, W) in [-1, 1].

    `depth` levels, each of which halves the sides: H and W are multiples of 2^depth. `kernel` is the side of the inner
    levels' kernels. `dropout` (p = 0.5) acts in the first three levels up. Levels are counted from the outermost, 0.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int = 64,
        depth: int = 8,
        kernel: int = 3,
        dropout: bool = False,
        upsample: str = "transposed",
    ) -> None:
        super().__init__()
        channels = [width * min(2**level, 8) for level in range(depth)]
        innermost = depth - 1
        down: list[nn.Module] = [SameConv2d(in_channels, width, OUTER, 2)]

        def doubled(inside: int, outside: int, *, outermost: bool = False) -> list[nn.Module]:
            if upsample == "bilinear":
                return [*enlarged((nn.Conv2d if outermost else NormedConv2d)(inside, outside, 3))]
            if outermost:
                return [SameConvTranspose2d(inside, outside, OUTER)]
            return [NormedSameConvTranspose2d(inside, outside, kernel)]

        up: list[nn.Module] = [nn.Sequential(nn.ReLU(), *doubled(2 * width, out_channels, outermost=True), Tanh())]
        for level, (outer, inner) in enumerate(pairwise(channels), 1):
            norm = InnermostNorm if level == innermost else AffineInstanceNorm
            conv = NormedSameConv2d(outer, inner, kernel, 2)
            down.append(nn.Sequential(nn.LeakyReLU(0.2), conv, norm(inner, EPSILON)))
            joined = inner if level == innermost else 2 * inner
            layers = [nn.ReLU(), *doubled(joined, outer), AffineInstanceNorm(outer, EPSILON)]
            if dropout and level > innermost - 3:
                layers.append(nn.Dropout(0.5))
            up.append(nn.Sequential(*layers))
        self.down = nn.ModuleList(down)  # level l: (N, c_l, H / 2^(l+1), W / 2^(l+1))
        self.up = nn.ModuleList(up)  # level l: (N, c_(l-1), H / 2^l, W / 2^l)
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        x = self.up[-1](skips.pop())
        for layer in reversed(self.up[:-1]):
            x = layer(torch.cat([x, skips.pop()], dim=1))
        return x


class Discriminator(nn.Module):
    """Pictures (N, in_channels, H, W) to scores, which are logits.

    `whole`: one for pictures of `size` x `size`, (N, 1), through a linear layer. `patch`: a map (N, 1, H/64, W/64).
    `patch2017`, with 5x5 kernels and two layers of stride 1: a map (N, 1, H/8, W/8). Sides are rounded up.
    """

    def __init__(self, in_channels: int, *, width: int = 64, kind: str = "whole", size: int = 256) -> None:
        super().__init__()
        w = width
        if kind == "patch2017":
            kernel, layers = 5, [(2 * w, 2), (4 * w, 2), (8 * w, 1)]
        else:
            kernel, layers = 3, [(2 * w, 2), (4 * w, 2), (8 * w, 2), (8 * w, 2)]
        self.kind = kind
        body: list[nn.Module] = [SameConv2d(in_channels, w, OUTER, 2), nn.LeakyReLU(0.2, inplace=True)]
        inside = w
        for outside, stride in layers:
            conv = NormedSameConv2d(inside, outside, kernel, stride)
            body += [conv, AffineInstanceNorm(outside, EPSILON), nn.LeakyReLU(0.2, inplace=True)]
            inside = outside
        self.body = nn.Sequential(*body)
        self.head: nn.Module
        if kind == "whole":
            self.head = nn.Linear(inside * math.ceil(size / 32) ** 2, 1)
        else:
            self.head = SameConv2d(inside, 1, kernel, 2 if kind == "patch" else 1)
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        features = self.body(x)
        if self.kind == "whole":
            features = features.permute(0, 2, 3, 1).flatten(1)  # TensorFlow's order: height, width, channel
        scores: Tensor = self.head(features)
        return scores


def initialize(network: nn.Module) -> None:
    """Convolutions N(0, 0.02) cut at two deviations, transposed ones and linear layers N(0, 0.02), biases 0, scales
    N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, SameConv2d):
            nn.init.trunc_normal_(module.weight, 0.0, 0.02, -0.04, 0.04)
        elif isinstance(module, (SameConvTranspose2d, nn.Conv2d, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, AffineInstanceNorm):
            nn.init.normal_(module.weight, 1.0, 0.02)
        if isinstance(module, (nn.Conv2d, SameConvTranspose2d, nn.Linear)):
            assert module.bias is not None
            nn.init.zeros_(module.bias)
