"""DCGAN's networks (figure 1 of the paper), for squares whose side is a power of two. Layers are numbered as in the
authors' files.

Labels (N, `classes`) are 1 for a picture's class and 0 for all others, or shares of several.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from gantool.networks.layers import Tanh


class Generator(nn.Module):
    """Latents (N, `latent`) and labels to pictures (N, channels, size, size) in [-1, 1]; labels are further latents."""

    def __init__(self, size: int, channels: int = 3, *, latent: int = 100, width: int = 64, classes: int = 0) -> None:
        super().__init__()
        widths = [width * step for step in _steps(size)[::-1]]
        self.main = nn.Sequential(
            # (N, width size / 8, 4, 4)
            *_normed(nn.ConvTranspose2d(latent + classes, widths[0], 4, bias=False)),
        )
        for inside, outside in pairwise(widths):  # at last (N, width, size / 2, size / 2)
            self.main.extend(_normed(nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1, bias=False)))
        self.main.append(nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1, bias=False))
        self.main.append(Tanh())

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        given = z if labels is None else torch.cat([z, labels], 1)
        pictures: Tensor = self.main(given[:, :, None, None])
        return pictures


class Discriminator(nn.Module):
    """Pictures (N, channels, size, size) in [-1, 1] and labels to logits (N,); labels are further channels."""

    def __init__(self, size: int, channels: int = 3, *, width: int = 64, classes: int = 0) -> None:
        super().__init__()
        widths = [width * step for step in _steps(size)]
        self.main = nn.Sequential(
            nn.Conv2d(channels + classes, width, 4, stride=2, padding=1, bias=False),  # (N, width, size / 2, size / 2)
            nn.LeakyReLU(0.2, inplace=True),
        )
        for inside, outside in pairwise(widths):  # at last (N, width size / 8, 4, 4)
            self.main.append(nn.Conv2d(inside, outside, 4, stride=2, padding=1, bias=False))
            self.main.append(nn.BatchNorm2d(outside))
            self.main.append(nn.LeakyReLU(0.2, inplace=True))
        self.main.append(nn.Conv2d(widths[-1], 1, 4, bias=False))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is not None:
            x = torch.cat([x, labels[:, :, None, None].to(x.dtype).expand(-1, -1, *x.shape[2:])], 1)
        logits: Tensor = self.main(x)
        return logits.flatten()


def _steps(size: int) -> list[int]:
    """Widths of the stages from half the side down to 4, as multiples of the first."""
    return [2**stage for stage in range(size.bit_length() - 3)]


def _normed(layer: nn.ConvTranspose2d) -> tuple[nn.Module, nn.Module, nn.Module]:
    return layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True)
