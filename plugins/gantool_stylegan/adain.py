"""Version 1's networks: styles set the mean and deviation of each map, and the networks grow (Karras, Laine and Aila,
"A Style-Based Generator Architecture for Generative Adversarial Networks", CVPR 2019, arXiv 1812.04948).

`lod` is how far growing has come: 0 for the full size, 1 for half of it, and between them both, faded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.precision import single
from gantool_stylegan.layers import BatchSpread, Dense, filtered
from gantool_stylegan.modulation import channels_at

BLUR = 2
"""Means of the low-pass filter, [1, 2, 1]: see `layers.filtered`."""
FUSED = 128
"""From this side on the authors' growing convolution is one transposed convolution, which mirrors the kernel."""


class StyledLayer(nn.Module):
    """Maps (N, I, H, W) and styles (N, `style`) to maps (N, O, H, W), or twice as large; without a convolution where
    there is a constant before it (`convolves` False)."""

    noise_const: Tensor

    def __init__(
        self,
        inside: int,
        outside: int,
        side: int,
        style: int,
        *,
        up: bool = False,
        convolves: bool = True,
        noise: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside, 3, 3)) if convolves else None
        self.scale = math.sqrt(2 / (inside * 9)) if convolves else 1.0
        self.noise_strength = nn.Parameter(torch.zeros(outside)) if noise else None
        self.bias = nn.Parameter(torch.zeros(outside))
        self.affine = Dense(style, 2 * outside)
        if noise:
            self.register_buffer("noise_const", torch.randn(side, side))
        self.up, self.fused = up, side >= FUSED

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """`noise` (N, 1, side, side), or None for none."""
        if self.weight is not None:
            weight = self.weight * self.scale
            x = filtered(grown(x, weight, self.fused), BLUR, 1, 1) if self.up else F.conv2d(x, weight, padding=1)
        if noise is not None and self.noise_strength is not None:
            x = x + (noise * self.noise_strength[:, None, None]).to(x.dtype)
        x = F.leaky_relu(x + self.bias[:, None, None].to(x.dtype), 0.2)
        scale, shift = self.affine(w)[:, :, None, None].chunk(2, 1)
        styled: Tensor = (standardized(single(x)) * (scale + 1) + shift).to(x.dtype)
        return styled


class ToPicture(nn.Module):
    """Maps (N, I, H, W) to pictures (N, channels, H, W), without an activation."""

    def __init__(self, inside: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, inside, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight / math.sqrt(self.weight.shape[1]), self.bias)


class SynthesisBlock(nn.Module):
    """The two layers of one side, and its picture."""

    def __init__(
        self, inside: int, outside: int, side: int, style: int, channels: int, *, noise: bool, const: bool
    ) -> None:
        super().__init__()
        if side == 4 and const:
            self.const = nn.Parameter(torch.ones(outside, 4, 4))
        elif side == 4:
            self.dense = nn.Parameter(torch.randn(outside * 16, style))
        first = side == 4
        self.conv0 = StyledLayer(inside, outside, side, style, up=not first, convolves=not first, noise=noise)
        self.conv1 = StyledLayer(outside, outside, side, style, noise=noise)
        self.torgb = ToPicture(outside, channels)

    def forward(self, x: Tensor | None, ws: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
        """`ws` (N, 2, `style`); a map of noise a layer."""
        if x is None and hasattr(self, "const"):
            x = self.const.expand(ws.shape[0], -1, -1, -1)
        elif x is None:  # as Dense, with the gain of the layers after it and a bias a map, which conv0 has
            scale = math.sqrt(2) / 4 / math.sqrt(self.dense.shape[1])
            x = F.linear(ws[:, 0], self.dense * scale).view(ws.shape[0], -1, 4, 4)
        made: Tensor = self.conv1(self.conv0(x, ws[:, 0], noise[0]), ws[:, 1], noise[1])
        return made


class Synthesis(nn.Module):
    """Styles (N, layers, `style`) to pictures (N, channels, size, size)."""

    def __init__(
        self, size: int, channels: int, style: int, *, base: int, most: int, noise: bool = True, const: bool = True
    ) -> None:
        super().__init__()
        self.sides = [2**i for i in range(2, size.bit_length())]
        inside = 0
        for side in self.sides:
            outside = channels_at(side, base, most)
            self.add_module(
                f"b{side}", SynthesisBlock(inside, outside, side, style, channels, noise=noise, const=const)
            )
            inside = outside
        self.styles = 2 * len(self.sides)
        self.noise = noise

    def block(self, side: int) -> SynthesisBlock:
        """The layers of this side."""
        found = self.get_submodule(f"b{side}")
        assert isinstance(found, SynthesisBlock)
        return found

    def layers(self) -> list[StyledLayer]:
        """The layers that take noise, in their order."""
        return [
            layer for layer in self.modules() if isinstance(layer, StyledLayer) and layer.noise_strength is not None
        ]

    def stored_noise(self) -> list[Tensor]:
        """The maps (1, 1, side, side) of noise that pictures have outside of training, one a layer."""
        return [layer.noise_const[None, None] for layer in self.layers()]

    def forward(self, ws: Tensor, noise: Sequence[Tensor | None] | None = None, lod: float = 0.0) -> Tensor:
        """`noise`: maps (N, 1, side, side), one a layer, None for none; the stored ones if not given."""
        maps = list(self.stored_noise() if noise is None else noise) or [None] * self.styles
        x: Tensor | None = None
        picture: Tensor | None = None
        for i, side in enumerate(self.sides):
            depth = len(self.sides) - 1 - i
            fade = min(max(lod - depth, 0.0), 1.0)  # how little of this side is seen
            if picture is not None:
                picture = doubled(picture)
                if fade == 1:
                    continue
            block = self.block(side)
            x = block(x, ws[:, 2 * i : 2 * i + 2], maps[2 * i : 2 * i + 2])
            made = block.torgb(x)
            picture = made if picture is None else torch.lerp(made, picture, fade)
        assert picture is not None
        return picture


class DiscriminatorBlock(nn.Module):
    """Maps (N, I, H, W) to maps (N, O, H / 2, W / 2); `fromrgb` gives the former of a picture."""

    def __init__(self, inside: int, outside: int, channels: int) -> None:
        super().__init__()
        self.fromrgb = Convolution(channels, inside, 1)
        self.conv0 = Convolution(inside, inside, 3)
        self.conv1 = Convolution(inside, outside, 3)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv1(filtered(self.conv0(x), BLUR, 1, 1), halve=True)
        return made


class Convolution(nn.Module):
    """A convolution with an equalised learning rate and a leaky ReLU, halved before the bias where asked for."""

    def __init__(self, inside: int, outside: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.scale = math.sqrt(2 / (inside * kernel**2))

    def forward(self, x: Tensor, halve: bool = False) -> Tensor:
        x = F.conv2d(x, self.weight * self.scale, padding=self.weight.shape[2] // 2)
        x = F.avg_pool2d(x, 2) if halve else x
        return F.leaky_relu(x + self.bias[:, None, None].to(x.dtype), 0.2)


class Judgement(nn.Module):
    """Maps (N, C, 4, 4) to scores (N, `outputs`); `fromrgb` gives the former of a picture."""

    def __init__(self, inside: int, hidden: int, outputs: int, channels: int, *, group: int) -> None:
        super().__init__()
        self.fromrgb = Convolution(channels, inside, 1)
        self.spread = BatchSpread(group)
        self.conv = Convolution(inside + 1, inside, 3)
        self.fc = Dense(inside * 16, hidden, gain=math.sqrt(2))
        self.out = Dense(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(self.spread(x))
        judged: Tensor = self.out(F.leaky_relu(self.fc(x.flatten(1)), 0.2))
        return judged


class Discriminator(nn.Module):
    """Pictures (N, channels, size, size) in [-1, 1] and labels (N, `classes`) to scores (N, 1)."""

    def __init__(self, size: int, channels: int, classes: int = 0, *, base: int, most: int, group: int = 4) -> None:
        super().__init__()
        self.sides = [2**i for i in range(size.bit_length() - 1, 1, -1)]
        widths = [channels_at(side, base, most) for side in self.sides]
        for side, (inside, outside) in zip(self.sides, pairwise(widths), strict=False):
            self.add_module(f"b{side}", DiscriminatorBlock(inside, outside, channels))
        hidden = channels_at(2, base, most)
        self.b4 = Judgement(widths[-1], hidden, max(classes, 1), channels, group=group)

    def block(self, side: int) -> DiscriminatorBlock | Judgement:
        """The layers of this side."""
        found = self.get_submodule(f"b{side}")
        assert isinstance(found, DiscriminatorBlock | Judgement)
        return found

    def forward(self, picture: Tensor, labels: Tensor | None = None, lod: float = 0.0) -> Tensor:
        x: Tensor | None = None
        coarser = 0.0  # how much of what is seen of this side comes from its own picture
        for depth, side in enumerate(self.sides):
            fade = min(max(lod - depth, 0.0), 1.0)  # how little of the side is seen
            block = self.block(side)
            if fade < 1:
                if x is None:
                    x = block.fromrgb(picture)
                elif coarser:
                    x = torch.lerp(x, block.fromrgb(picture), coarser)
                x = block(x)
            if side > 4:
                picture = F.avg_pool2d(picture, 2)
            coarser = fade
        assert x is not None
        if labels is not None:
            x = (x * labels).sum(1, keepdim=True)
        return x


def standardized(x: Tensor) -> Tensor:
    """(N, C, H, W), each map with mean 0 and variance 1 (instance norm, with its small epsilon)."""
    x = x - x.mean((2, 3), keepdim=True)
    return x * (x.square().mean((2, 3), keepdim=True) + 1e-8).rsqrt()


def grown(x: Tensor, weight: Tensor, fused: bool) -> Tensor:
    """(N, O, 2H, 2W) of maps (N, I, H, W) and a weight (O, I, 3, 3)."""
    if not fused:
        return F.conv2d(doubled(x), weight, padding=1)
    wide = F.pad(weight, (1, 1, 1, 1))
    four = wide[:, :, 1:, 1:] + wide[:, :, :-1, 1:] + wide[:, :, 1:, :-1] + wide[:, :, :-1, :-1]  # (O, I, 4, 4)
    return F.conv_transpose2d(x, four.transpose(0, 1), stride=2, padding=1)


def doubled(x: Tensor) -> Tensor:
    """(N, C, 2H, 2W): every pixel four times."""
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def faded(real: Tensor, lod: float) -> Tensor:
    """Real pictures (N, C, size, size) as the networks of this `lod` see them: no finer than they are."""
    side, part = math.floor(lod), lod - math.floor(lod)
    seen = F.avg_pool2d(real, 2**side) if side else real
    if part:
        seen = torch.lerp(seen, doubled(F.avg_pool2d(seen, 2)), part)
    for _ in range(side):
        seen = doubled(seen)
    return seen
