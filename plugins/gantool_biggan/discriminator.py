"""The discriminators of BigGAN and BigGAN-deep: a score of pictures and classes (Miyato and Koyama 2018, arXiv
1802.05637). Names of layers are the authors'.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool_biggan.attention import Attention
from gantool_biggan.spectral import Conv, Embedding, Linear, SpectralNorm

WIDTHS = {
    32: (4, 4, 4, 4),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
    512: (1, 1, 2, 4, 8, 8, 16, 16),  # the generator's, mirrored: the authors' code has none of this size
}
"""Channels of the blocks, in multiples of the width. Every block but the last halves the size; of 32 the first two."""


class Block(nn.Module):
    """(N, I, H, W) to (N, O, H, W), or to (N, O, H/2, W/2) if it halves."""

    def __init__(
        self, into: int, out: int, norm: SpectralNorm | None, *, first: bool, halves: bool, wide: bool
    ) -> None:
        super().__init__()
        hidden = out if wide else into
        self.first, self.halves = first, halves
        self.conv1 = Conv(into, hidden, 3, norm)
        self.conv2 = Conv(hidden, out, 3, norm)
        self.conv_sc = Conv(into, out, 1, norm) if halves or into != out else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        if self.halves:
            h = F.avg_pool2d(h, 2)
        added: Tensor = h + self.shortcut(x)
        return added

    def shortcut(self, x: Tensor) -> Tensor:
        """The input in the size and the channels of the result."""
        if self.first and self.halves:
            x = F.avg_pool2d(x, 2)
        if self.conv_sc is not None:
            x = self.conv_sc(x)
        return F.avg_pool2d(x, 2) if self.halves and not self.first else x


class DeepBlock(nn.Module):
    """A bottleneck: (N, I, H, W) to (N, O, H, W), or to (N, O, H/2, W/2) if it halves."""

    def __init__(self, into: int, out: int, norm: SpectralNorm | None, *, halves: bool) -> None:
        super().__init__()
        hidden = out // 4
        self.halves = halves
        self.conv1 = Conv(into, hidden, 1, norm)
        self.conv2 = Conv(hidden, hidden, 3, norm)
        self.conv3 = Conv(hidden, hidden, 3, norm)
        self.conv4 = Conv(hidden, out, 1, norm)
        self.conv_sc = Conv(into, out - into, 1, norm) if into != out else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(F.relu(x))))
        h = F.relu(self.conv3(F.relu(h)))
        if self.halves:
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        h = self.conv4(h)
        added: Tensor = h + (x if self.conv_sc is None else torch.cat([x, self.conv_sc(x)], 1))
        return added


class Discriminator(nn.Module):
    """Scores (N, 1) of pictures (N, C, size, size) and labels (N, classes)."""

    def __init__(
        self,
        size: int,
        channels: int,
        classes: int,
        *,
        width: int,
        attention: Collection[int],
        wide: bool = True,
        deep: bool = False,
        norm: SpectralNorm | None = SpectralNorm(),  # noqa: B008  it is frozen
    ) -> None:
        """`wide`: blocks widen in their first convolution, not in their second."""
        super().__init__()
        widths = [width * factor for factor in WIDTHS[size]]
        # In the authors' table all blocks of 32 pixels are of size 16.
        sizes = [16] * 4 if size == 32 else [size // 2 ** (i + 1) for i in range(len(widths))]
        last_halving = 1 if size == 32 else len(widths) - 2
        self.blocks = nn.ModuleList()
        self.input_conv = Conv(channels, widths[0], 3, norm) if deep else nn.Identity()
        for i, (into, out) in enumerate(pairwise(widths if deep else [channels, *widths])):
            halves = i <= last_halving
            if deep:
                layers: list[nn.Module] = [
                    DeepBlock(into, out, norm, halves=halves),
                    DeepBlock(out, out, norm, halves=False),
                ]
            else:
                layers = [Block(into, out, norm, first=i == 0, halves=halves, wide=wide)]
            self.blocks.append(nn.ModuleList([*layers, *([Attention(out, norm)] if sizes[i] in attention else [])]))
        self.linear = Linear(widths[-1], 1, norm)
        self.embed = Embedding(classes, widths[-1], norm)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        h = self.input_conv(x)
        for block in self.blocks:
            assert isinstance(block, nn.ModuleList)
            for layer in block:
                h = layer(h)
        h = F.relu(h).sum((2, 3))  # (N, 16 width)
        projected = (self.embed(labels) * h).sum(1, keepdim=True)
        score: Tensor = self.linear(h) + projected
        return score
