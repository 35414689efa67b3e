"""DRIT's discriminators. Their scores are logits: no sigmoid.

The authors' code has a norm for these layers that is never built, so there is none (see docs/models/drit.md).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.passes import per_sample
from gantool_drit.layers import conv, leaky_conv


class ImageDiscriminator(nn.Module):
    """Pictures (N, channels, H, W) to a list of score maps (N, 1, h, w), one a scale; each scale halves the picture.

    A single scale is another network: six layers with small kernels instead of four.
    """

    def __init__(self, channels: int, width: int, scales: int, spectral_norm: bool) -> None:
        super().__init__()
        kernel, layers = (4, 4) if scales > 1 else (3, 6)
        widths = [channels, *(width * 2**i for i in range(layers))]
        self.scales = nn.ModuleList(
            nn.Sequential(
                *(
                    leaky_conv(widths[i], widths[i + 1], kernel, 2, 1, spectral_norm=spectral_norm)
                    for i in range(layers)
                ),
                conv(widths[-1], 1, 1, 1, spectral_norm=spectral_norm),
            )
            for _ in range(scales)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        scores = []
        for scale, network in enumerate(self.scales):
            if scale:
                x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
            scores.append(network(x))
        return scores


class ContentDiscriminator(nn.Module):
    """Content (N, channels, h, w) to score maps (N, 1, h', w'): from which domain is it?

    `layers` counts the stride-2 convolutions; `smallest_content` says what they need.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(leaky_conv(channels, channels, 7, 2, 1) for _ in range(layers)),
            leaky_conv(channels, channels, 4, 1, 0),
            nn.Conv2d(channels, 1, 1),
        )

    def forward(self, content: Tensor) -> Tensor:
        scores: Tensor = self.body(content)
        return scores


def smallest_content(layers: int) -> int:
    """The least side of content that a content discriminator of so many stride-2 layers takes: 53 for 3 layers."""
    side = 4
    for _ in range(layers):
        side = 2 * side + 3
    return side


def scores(network: ImageDiscriminator, *pictures: Tensor) -> list[list[Tensor]]:
    """`[network(x) for x in pictures]`, in one pass where that gives the same."""
    if not per_sample(network):
        return [network(x) for x in pictures]
    maps = [scale.split([len(x) for x in pictures]) for scale in network(torch.cat(pictures))]
    return [list(one) for one in zip(*maps, strict=True)]
