"""Version 2's networks: weights modulated by styles, skip connections or residual ones in place of growing
(Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv 1912.04958).

Sub-modules have the authors' names, so their files can be read by key.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool_stylegan.layers import (
    MEANS,
    BatchSpread,
    Dense,
    activated,
    convolved_down,
    convolved_up,
    cut,
    downsampled,
    modulated,
    upsampled,
)
from gantool_stylegan.mapping import Mapping

CONNECTIONS = ("skip", "resnet", "orig")


def channels_at(side: int, base: int, most: int) -> int:
    """Channels of the maps of this side."""
    return min(base // side, most)


class StyledLayer(nn.Module):
    """Maps (N, I, H, W) and styles (N, `style`) to maps (N, O, H, W), or twice as large."""

    noise_const: Tensor

    def __init__(
        self,
        inside: int,
        outside: int,
        side: int,
        style: int,
        *,
        up: bool = False,
        clamp: float | None = None,
        means: int = MEANS,
    ) -> None:
        super().__init__()
        self.affine = Dense(style, inside, bias=1)
        self.weight = nn.Parameter(torch.randn(outside, inside, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.register_buffer("noise_const", torch.randn(side, side))
        self.up, self.clamp, self.means = up, clamp, means

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None, gain: float = 1.0) -> Tensor:
        """`noise` (N, 1, side, side), or None for none."""
        x = modulated(x, self.weight, self.affine(w), up=self.up, means=self.means)
        if noise is not None:
            x = x + (noise * self.noise_strength).to(x.dtype)
        return activated(x + self.bias[:, None, None].to(x.dtype), gain, self.clamp)


class ToPicture(nn.Module):
    """Maps (N, I, H, W) and styles (N, `style`) to pictures (N, channels, H, W), without an activation."""

    def __init__(self, inside: int, channels: int, style: int, *, clamp: float | None = None) -> None:
        super().__init__()
        self.affine = Dense(style, inside, bias=1)
        self.weight = nn.Parameter(torch.randn(channels, inside, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.clamp = clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w) / math.sqrt(self.weight.shape[1])
        y = modulated(x, self.weight, style, demodulate=False)
        return cut(y + self.bias[:, None, None].to(y.dtype), clamp=self.clamp)


class Convolution(nn.Module):
    """A convolution with an equalised learning rate and a leaky ReLU; without a bias (`bias` False) also without it."""

    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: int,
        *,
        up: bool = False,
        down: bool = False,
        bias: bool = True,
        clamp: float | None = None,
        means: int = MEANS,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outside)) if bias else None
        self.scale = 1 / math.sqrt(inside * kernel**2)
        self.up, self.down, self.clamp, self.means = up, down, clamp, means

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        weight = self.weight * self.scale
        if self.up:
            x = convolved_up(x, weight, self.means)
        elif self.down:
            x = convolved_down(x, weight, self.means)
        else:
            x = F.conv2d(x, weight, padding=weight.shape[2] // 2)
        if self.bias is None:
            return x * gain
        return activated(x + self.bias[:, None, None].to(x.dtype), gain, self.clamp)


class SynthesisBlock(nn.Module):
    """All layers of one side: maps of half the side (none at 4) and the picture so far to those of this side."""

    def __init__(
        self,
        inside: int,
        outside: int,
        side: int,
        style: int,
        channels: int,
        *,
        connections: str,
        last: bool,
        clamp: float | None,
        means: int,
    ) -> None:
        super().__init__()
        self.connections = connections
        if side == 4:
            self.const = nn.Parameter(torch.randn(outside, 4, 4))
        else:
            self.conv0 = StyledLayer(inside, outside, side, style, up=True, clamp=clamp, means=means)
        self.conv1 = StyledLayer(outside, outside, side, style, clamp=clamp)
        self.torgb = ToPicture(outside, channels, style, clamp=clamp) if last or connections == "skip" else None
        if side > 4 and connections == "resnet":
            self.skip = Convolution(inside, outside, 1, up=True, bias=False, means=means)
        self.layers = 1 if side == 4 else 2
        self.means = means

    def forward(
        self, x: Tensor | None, picture: Tensor | None, ws: Sequence[Tensor], noise: Sequence[Tensor | None]
    ) -> tuple[Tensor, Tensor | None]:
        """`ws`: a style a layer, and that of the picture; `noise`: a map a layer."""
        if x is None:
            x = self.conv1(self.const.expand(ws[0].shape[0], -1, -1, -1), ws[0], noise[0])
        elif self.connections == "resnet":
            beside = self.skip(x, gain=math.sqrt(0.5))
            x = self.conv0(x, ws[0], noise[0])
            x = beside + self.conv1(x, ws[1], noise[1], gain=math.sqrt(0.5))
        else:
            x = self.conv1(self.conv0(x, ws[0], noise[0]), ws[1], noise[1])
        if picture is not None:
            picture = upsampled(picture, self.means)
        if self.torgb is not None:
            made = self.torgb(x, ws[self.layers])
            picture = made if picture is None else picture + made
        assert x is not None
        return x, picture


class Synthesis(nn.Module):
    """Styles (N, layers, `style`) to pictures (N, channels, size, size)."""

    def __init__(
        self,
        size: int,
        channels: int,
        style: int,
        *,
        base: int,
        most: int,
        connections: str = "skip",
        clamp: float | None = None,
        means: int = MEANS,
    ) -> None:
        super().__init__()
        self.sides = [2**i for i in range(2, size.bit_length())]
        inside = 0
        for side in self.sides:
            outside = channels_at(side, base, most)
            block = SynthesisBlock(
                inside,
                outside,
                side,
                style,
                channels,
                connections=connections,
                last=side == size,
                clamp=clamp,
                means=means,
            )
            self.add_module(f"b{side}", block)
            inside = outside
        self.styles = 2 * len(self.sides)

    def block(self, side: int) -> SynthesisBlock:
        """All layers of this side."""
        found = self.get_submodule(f"b{side}")
        assert isinstance(found, SynthesisBlock)
        return found

    def layers(self) -> list[StyledLayer]:
        """The layers that take noise, in their order."""
        return [layer for layer in self.modules() if isinstance(layer, StyledLayer)]

    def stored_noise(self) -> list[Tensor]:
        """The maps (1, 1, side, side) of noise that pictures have outside of training, one a layer."""
        return [layer.noise_const[None, None] for layer in self.layers()]

    def forward(self, ws: Tensor, noise: Sequence[Tensor | None] | None = None) -> Tensor:
        """`noise`: maps (N, 1, side, side), one a layer, None for none; the stored ones if not given."""
        maps = list(self.stored_noise() if noise is None else noise)
        x: Tensor | None = None
        picture: Tensor | None = None
        place = 0
        for side in self.sides:
            block = self.block(side)
            count = 1 if side == 4 else 2
            # The picture takes the same style as the next side's first layer.
            x, picture = block(x, picture, ws[:, place : place + count + 1].unbind(1), maps[place : place + count])
            place += count
        assert picture is not None
        return picture


class DiscriminatorBlock(nn.Module):
    """Maps of one side (none at the full size) and the picture of that side to those of half the side."""

    def __init__(
        self,
        inside: int,
        middle: int,
        outside: int,
        channels: int,
        *,
        connections: str,
        first: bool,
        clamp: float | None,
        means: int,
    ) -> None:
        super().__init__()
        self.connections, self.means = connections, means
        self.fromrgb = Convolution(channels, middle, 1, clamp=clamp) if first or connections == "skip" else None
        self.conv0 = Convolution(middle, middle, 3, clamp=clamp)
        self.conv1 = Convolution(middle, outside, 3, down=True, clamp=clamp, means=means)
        if connections == "resnet":
            self.skip = Convolution(middle, outside, 1, down=True, bias=False, means=means)

    def forward(self, x: Tensor | None, picture: Tensor) -> tuple[Tensor, Tensor]:
        x, picture = _seen(self.fromrgb, x, picture)
        if self.connections == "resnet":
            beside = self.skip(x, gain=math.sqrt(0.5))
            x = beside + self.conv1(self.conv0(x), gain=math.sqrt(0.5))
        else:
            x = self.conv1(self.conv0(x))
        return x, downsampled(picture, self.means) if self.connections == "skip" else picture


class Judgement(nn.Module):
    """Maps (N, C, 4, 4) to (N, `outputs`)."""

    def __init__(
        self,
        inside: int,
        outputs: int,
        channels: int,
        *,
        connections: str,
        group: int,
        maps: int,
        clamp: float | None,
    ) -> None:
        super().__init__()
        self.fromrgb = Convolution(channels, inside, 1, clamp=clamp) if connections == "skip" else None
        self.spread = BatchSpread(group, maps) if maps else nn.Identity()
        self.conv = Convolution(inside + maps, inside, 3, clamp=clamp)
        self.fc = Dense(inside * 16, inside)
        self.out = Dense(inside, outputs)

    def forward(self, x: Tensor, picture: Tensor) -> Tensor:
        x, _ = _seen(self.fromrgb, x, picture)
        x = self.conv(self.spread(x))
        judged: Tensor = self.out(activated(self.fc(x.flatten(1))))
        return judged


class Discriminator(nn.Module):
    """Pictures (N, channels, size, size) in [-1, 1] and labels (N, `classes`) to logits (N, 1).

    A label is mapped as latents are, and multiplied with what is said of the picture (Miyato and Koyama 2018, arXiv
    1802.05637).
    """

    def __init__(
        self,
        size: int,
        channels: int,
        classes: int = 0,
        *,
        base: int,
        most: int,
        connections: str = "resnet",
        layers: int = 8,
        group: int = 4,
        maps: int = 1,
        clamp: float | None = None,
        means: int = MEANS,
    ) -> None:
        super().__init__()
        self.sides = [2**i for i in range(size.bit_length() - 1, 2, -1)]
        for side, half in pairwise([*self.sides, 4]):
            middle = channels_at(side, base, most)
            block = DiscriminatorBlock(
                middle,
                middle,
                channels_at(half, base, most),
                channels,
                connections=connections,
                first=side == size,
                clamp=clamp,
                means=means,
            )
            self.add_module(f"b{side}", block)
        inside = channels_at(4, base, most)
        outputs = inside if classes else 1
        self.mapping = Mapping(0, classes, inside, layers=layers) if classes else None
        self.b4 = Judgement(inside, outputs, channels, connections=connections, group=group, maps=maps, clamp=clamp)

    def forward(self, picture: Tensor, labels: Tensor | None = None) -> Tensor:
        x = None
        given = picture
        for side in self.sides:
            x, given = self.get_submodule(f"b{side}")(x, given)
        assert x is not None
        judged: Tensor = self.b4(x, given)
        if self.mapping is None:
            return judged
        told = self.mapping(None, labels)
        judged = (judged * told).sum(1, keepdim=True) / math.sqrt(told.shape[1])
        return judged


def _seen(fromrgb: nn.Module | None, x: Tensor | None, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Maps with those of the picture."""
    if fromrgb is None:
        assert x is not None
        return x, picture
    y = fromrgb(picture)
    return y if x is None else x + y, picture
