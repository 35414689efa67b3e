"""The convolutions of DCGAN (Radford, Metz and Chintala, ICLR 2016, arXiv 1511.06434, figure 1), for squares whose side
is a power of two, and of WGAN, which has further layers in them. Layers are numbered as in PyTorch's example.

Labels (N, `classes`) are 1 for a picture's class and 0 for all others, or shares of several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from gantool.networks.layers import Tanh
from gantool.networks.norms import LayerNorm

SIZES = (8, 16, 32, 64, 128, 256)
"""Sides of the pictures."""
NORMS: Mapping[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "layer": LayerNorm,
    "none": lambda channels: nn.Identity(),
}
"""Without a norm there is an identity, so that layers keep their places."""


class DCGenerator(nn.Module):
    """Latents (N, `latent`) and labels to pictures (N, channels, size, size) in [-1, 1]; labels are further latents.

    `extra` layers of 3x3 come before the last.
    """

    def __init__(
        self,
        size: int,
        channels: int = 3,
        *,
        latent: int = 100,
        width: int = 64,
        classes: int = 0,
        norm: str = "batch",
        extra: int = 0,
    ) -> None:
        super().__init__()
        widths = [width * step for step in _steps(size)[::-1]]

        def normed(layer: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, nn.Module, nn.Module]:
            return layer, NORMS[norm](layer.out_channels), nn.ReLU(inplace=True)

        self.main = nn.Sequential(
            # (N, width size / 8, 4, 4)
            *normed(nn.ConvTranspose2d(latent + classes, widths[0], 4, bias=False)),
        )
        for inside, outside in pairwise(widths):  # at last (N, width, size / 2, size / 2)
            self.main.extend(normed(nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1, bias=False)))
        for _ in range(extra):
            self.main.extend(normed(nn.Conv2d(width, width, 3, padding=1, bias=False)))
        self.main.append(nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1, bias=False))
        self.main.append(Tanh())

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        given = z if labels is None else torch.cat([z, labels.to(z.dtype)], 1)
        pictures: Tensor = self.main(given[:, :, None, None])
        return pictures


class DCDiscriminator(nn.Module):
    """Pictures (N, channels, size, size) in [-1, 1] and labels to scores (N,); labels are further channels.

    `extra` layers of 3x3 come behind the first.
    """

    def __init__(
        self, size: int, channels: int = 3, *, width: int = 64, classes: int = 0, norm: str = "batch", extra: int = 0
    ) -> None:
        super().__init__()
        widths = [width * step for step in _steps(size)]

        def normed(layer: nn.Conv2d) -> tuple[nn.Module, nn.Module, nn.Module]:
            return layer, NORMS[norm](layer.out_channels), nn.LeakyReLU(0.2, inplace=True)

        self.main = nn.Sequential(
            nn.Conv2d(channels + classes, width, 4, stride=2, padding=1, bias=False),  # (N, width, size / 2, size / 2)
            nn.LeakyReLU(0.2, inplace=True),
        )
        for _ in range(extra):
            self.main.extend(normed(nn.Conv2d(width, width, 3, padding=1, bias=False)))
        for inside, outside in pairwise(widths):  # at last (N, width size / 8, 4, 4)
            self.main.extend(normed(nn.Conv2d(inside, outside, 4, stride=2, padding=1, bias=False)))
        self.main.append(nn.Conv2d(widths[-1], 1, 4, bias=False))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is not None:
            x = torch.cat([x, labels[:, :, None, None].to(x.dtype).expand(-1, -1, *x.shape[2:])], 1)
        scores: Tensor = self.main(x)
        return scores.flatten()


def _steps(size: int) -> list[int]:
    """Widths of the stages from half the side down to 4, as multiples of the first."""
    return [2**stage for stage in range(size.bit_length() - 3)]
