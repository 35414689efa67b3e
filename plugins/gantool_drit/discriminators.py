"""DRIT's discriminators. Their scores are logits: no sigmoid.

The authors' code has a norm for these layers that is never built, so there is none (see docs/models/drit.md).
"""

from __future__ import annotations

from torch import Tensor, nn

from gantool.networks.multiscale import MultiScaleDiscriminator
from gantool_drit.layers import conv, leaky_conv


class ImageDiscriminator(MultiScaleDiscriminator):
    """Pictures (N, channels, H, W) to a list of score maps (N, 1, h, w), one a scale; each scale halves the picture.

    A single scale is another network: six layers with small kernels instead of four.
    """

    def __init__(self, channels: int, width: int, scales: int, spectral_norm: bool) -> None:
        kernel, layers = (4, 4) if scales > 1 else (3, 6)
        widths = [channels, *(width * 2**i for i in range(layers))]
        super().__init__(
            nn.Sequential(
                *(
                    leaky_conv(widths[i], widths[i + 1], kernel, 2, 1, spectral_norm=spectral_norm)
                    for i in range(layers)
                ),
                conv(widths[-1], 1, 1, 1, spectral_norm=spectral_norm),
            )
            for _ in range(scales)
        )


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
