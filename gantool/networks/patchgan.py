"""Patch discriminators (Isola et al. 2017, arXiv 1611.07004, section 3.2.2). Their scores are logits: no sigmoid."""

from __future__ import annotations

from torch import Tensor, nn

from gantool.networks.layers import NormedConv2d
from gantool.networks.norms import norm_layer


class PatchDiscriminator(nn.Module):
    """Pictures (N, in_channels, H, W) to a map of scores (N, 1, about H / 2^layers - 2, about W / 2^layers - 2).

    `layers` counts the stride-2 convolutions; 3 gives the 70x70 receptive field of the paper. Every convolution is 4x4.
    """

    def __init__(self, in_channels: int, *, width: int = 64, layers: int = 3, norm: str = "instance") -> None:
        super().__init__()
        bias = norm == "instance"
        conv = NormedConv2d if bias else nn.Conv2d
        channels = [width * min(2**k, 8) for k in range(layers + 1)]
        body: list[nn.Module] = [nn.Conv2d(in_channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for k in range(1, layers + 1):
            stride = 2 if k < layers else 1
            body += [
                conv(channels[k - 1], channels[k], 4, stride=stride, padding=1, bias=bias),
                norm_layer(norm, channels[k]),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        body.append(nn.Conv2d(channels[layers], 1, 4, stride=1, padding=1))
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.body(x)
        return scores


class PixelDiscriminator(nn.Module):
    """Pictures (N, in_channels, H, W) to one score a pixel (N, 1, H, W), through 1x1 convolutions."""

    def __init__(self, in_channels: int, *, width: int = 64, norm: str = "instance") -> None:
        super().__init__()
        bias = norm == "instance"
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, width, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, 2 * width, 1, bias=bias),
            norm_layer(norm, 2 * width),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * width, 1, 1, bias=bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.body(x)
        return scores
