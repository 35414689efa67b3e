"""The U-Net generator of pix2pix (Isola et al. 2017, arXiv 1611.07004, section 6.1.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantool.networks.layers import Tanh, enlarged
from gantool.networks.norms import norm_layer


class UnetGenerator(nn.Module):
    """Pictures (N, in_channels, H, W) in [-1, 1] to pictures (N, out_channels, H, W) in [-1, 1].

    `depth` levels, each of which halves the sides: H and W must be multiples of 2^depth. Levels are counted from the
    outermost, 0; `dropout` (p = 0.5) acts on the way up in levels 4 to depth - 2. `multiple` is 2^depth.
    `upsample`: "transposed" convolutions, or "bilinear" (`layers.enlarged`).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int = 64,
        depth: int = 8,
        norm: str = "batch",
        dropout: bool = False,
        upsample: str = "transposed",
    ) -> None:
        super().__init__()
        if depth < 3:
            raise ValueError(f"a U-Net needs at least 3 levels, not {depth}")
        bias = norm == "instance"
        self.multiple = 2**depth
        channels = [width * min(2**level, 8) for level in range(depth)]
        innermost = depth - 1
        down: list[nn.Module] = [nn.Conv2d(in_channels, width, 4, stride=2, padding=1, bias=bias)]

        def doubled(inside: int, outside: int, bias: bool) -> list[nn.Module]:
            if upsample == "bilinear":
                return [*enlarged(nn.Conv2d(inside, outside, 3, bias=bias))]
            return [nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1, bias=bias)]

        up: list[nn.Module] = [nn.Sequential(nn.ReLU(), *doubled(2 * width, out_channels, True), Tanh())]
        for level in range(1, depth):
            outer, inner = channels[level - 1], channels[level]
            layers = [nn.LeakyReLU(0.2), nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=bias)]
            if level < innermost:
                layers.append(norm_layer(norm, inner))
            down.append(nn.Sequential(*layers))
            joined = inner if level == innermost else 2 * inner
            layers = [nn.ReLU(), *doubled(joined, outer, bias), norm_layer(norm, outer)]
            if dropout and 4 <= level < innermost:
                layers.append(nn.Dropout(0.5))
            up.append(nn.Sequential(*layers))
        self.down = nn.ModuleList(down)  # level l: (N, c_l, H / 2^(l+1), W / 2^(l+1))
        self.up = nn.ModuleList(up)  # level l: (N, c_(l-1), H / 2^l, W / 2^l)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        x = self.up[-1](skips.pop())
        for layer in reversed(self.up[:-1]):
            x = layer(torch.cat([skips.pop(), x], dim=1))
        return x
