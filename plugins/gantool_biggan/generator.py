"""The generators of BigGAN and BigGAN-deep (appendix B of the paper). Names of layers are the authors'."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.precision import single
from gantool_biggan.attention import Attention
from gantool_biggan.norms import ClassNorm, OutputNorm
from gantool_biggan.spectral import Conv, Embedding, Linear, SpectralNorm

WIDTHS = {
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
    512: (16, 16, 8, 8, 4, 2, 1, 1),
}
"""Channels before the first doubling of the size and after each, in multiples of the width."""

Told = Callable[[int], ClassNorm]
"""A batch norm of so many channels."""


class Block(nn.Module):
    """Doubles the size. (N, I, H, W) to (N, O, 2H, 2W)."""

    def __init__(self, into: int, out: int, norm: SpectralNorm | None, told: Told) -> None:
        super().__init__()
        self.conv1 = Conv(into, out, 3, norm)
        self.conv2 = Conv(out, out, 3, norm)
        self.conv_sc = Conv(into, out, 1, norm)
        self.bn1, self.bn2 = told(into), told(out)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.conv1(_doubled(F.relu(self.bn1(x, y))))
        h = self.conv2(F.relu(self.bn2(h, y)))
        added: Tensor = h + self.conv_sc(_doubled(x))
        return added


class DeepBlock(nn.Module):
    """A bottleneck. (N, I, H, W) to (N, O, H, W), or to (N, O, 2H, 2W) if it doubles."""

    def __init__(self, into: int, out: int, norm: SpectralNorm | None, told: Told, *, doubles: bool) -> None:
        super().__init__()
        hidden = into // 4
        self.out, self.doubles = out, doubles
        self.conv1 = Conv(into, hidden, 1, norm)
        self.conv2 = Conv(hidden, hidden, 3, norm)
        self.conv3 = Conv(hidden, hidden, 3, norm)
        self.conv4 = Conv(hidden, out, 1, norm)
        self.bn1, self.bn2, self.bn3, self.bn4 = told(into), told(hidden), told(hidden), told(hidden)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = F.relu(self.bn2(self.conv1(F.relu(self.bn1(x, y))), y))
        shortcut = x[:, : self.out]
        if self.doubles:
            h, shortcut = _doubled(h), _doubled(shortcut)
        h = F.relu(self.bn3(self.conv2(h), y))
        h = F.relu(self.bn4(self.conv3(h), y))
        added: Tensor = self.conv4(h) + shortcut
        return added


class Generator(nn.Module):
    """Pictures (N, C, size, size) in [-1, 1] of latents (N, `latent`) and labels (N, classes), shares of classes."""

    def __init__(
        self,
        size: int,
        channels: int,
        classes: int,
        *,
        width: int,
        latent: int,
        shared: int,
        hierarchical: bool,
        attention: Collection[int],
        deep: bool = False,
        norm: SpectralNorm | None = SpectralNorm(),  # noqa: B008  it is frozen
        bn_eps: float = 1e-5,
    ) -> None:
        """`shared` numbers for each class, 0 for a table in each norm; with `hierarchical` each block has its own part
        of the latent; `attention` behind the blocks that reach one of these sizes.
        """
        super().__init__()
        widths = [width * factor for factor in WIDTHS[size]]
        steps = len(widths) - 1
        self.parts = steps + 1 if hierarchical and not deep else 1
        self.latent = latent // self.parts * self.parts
        """Numbers of a latent: `latent` rounded down to parts of one length."""
        self.deep = deep
        part = self.latent // self.parts
        told = (shared or classes) + (self.latent if deep else part if self.parts > 1 else 0)

        def told_norm(channels: int) -> ClassNorm:
            return ClassNorm(channels, told, bn_eps, norm, embeds=not shared)

        self.shared = Embedding(classes, shared) if shared else nn.Identity()
        self.linear = Linear(told if deep else part, widths[0] * 4 * 4, norm)
        self.blocks = nn.ModuleList()
        for step, (into, out) in enumerate(pairwise(widths)):
            if deep:
                self.blocks.append(nn.ModuleList([DeepBlock(into, into, norm, told_norm, doubles=False)]))
                self.blocks.append(nn.ModuleList([DeepBlock(into, out, norm, told_norm, doubles=True)]))
            else:
                self.blocks.append(nn.ModuleList([Block(into, out, norm, told_norm)]))
            if 8 * 2**step in attention:
                last = self.blocks[-1]
                assert isinstance(last, nn.ModuleList)
                last.append(Attention(out, norm))
        self.output_layer = nn.Sequential(OutputNorm(widths[-1]), nn.ReLU(), Conv(widths[-1], channels, 3, norm))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        first, told = self.told(z, self.shared(labels))
        h = self.linear(first).unflatten(1, (-1, 4, 4))  # (N, 16 width, 4, 4)
        for block, y in zip(self.blocks, told, strict=True):
            assert isinstance(block, nn.ModuleList)
            doubling, *attention = block
            h = doubling(h, y)
            for layer in attention:
                h = layer(h)
        return torch.tanh(single(self.output_layer(h)))

    def told(self, z: Tensor, embedded: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What the first layer is given, and what each block is told: (N, ...) all."""
        count = len(self.blocks)
        if self.deep:
            both = torch.cat([embedded, z], 1)
            return both, [both] * count
        first, *parts = z.chunk(self.parts, 1)
        if not parts:
            return first, [embedded] * count
        return first, [torch.cat([embedded, part], 1) for part in parts]


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2)
