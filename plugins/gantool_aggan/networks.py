"""AGGAN's generator, attention network and discriminator. Layers are named as the authors' variables are."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.layers import NormedConv2d, OutputConv, ReflectionPad, Tanh, enlarged
from gantool.networks.norms import AffineInstanceNorm
from gantool.networks.precision import single
from gantool.networks.same_padding import NormedSameConvTranspose2d
from gantool.networks.strips import Band, Mapped, change_in_place, run


class Layer(nn.Sequential):
    """Padding, convolution, norm and, unless it is left out, a ReLU."""

    conv: Any
    norm: AffineInstanceNorm

    def __init__(
        self, conv: nn.Conv2d | nn.ConvTranspose2d, pad: nn.Module | None = None, *, relu: bool = True
    ) -> None:
        padding = {} if pad is None else {"pad": pad}
        last = {"relu": nn.ReLU(inplace=True)} if relu else {}
        norm = AffineInstanceNorm(conv.out_channels)
        super().__init__(OrderedDict(**padding, conv=conv, norm=norm, **last))


class Generator(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] to pictures (N, 3, H, W) in [-1, 1]; H and W are multiples of 4, at least 8.

    Every padding is zeros. At stride 2 it is on the right and at the bottom alone, as TensorFlow has it.
    """

    strip_rows: int | None = None
    """Rows of a strip, where `forward` goes in strips: see `gantool.networks.strips`. That gives no gradients."""

    def __init__(self, *, width: int = 32, blocks: int = 9, upsample: str = "transposed") -> None:
        super().__init__()
        n = width
        self.width, self.upsample = width, upsample
        self.c1 = Layer(NormedConv2d(3, n, 7), nn.ZeroPad2d(3))  # (N, n, H, W)
        self.c2 = _halving(n, 2 * n)
        self.c3 = _halving(2 * n, 4 * n)  # (N, 4 n, H/4, W/4)
        for block in range(1, blocks + 1):
            self.add_module(f"r{block}", ResidualBlock(4 * n, nn.ZeroPad2d(1)))
        if upsample == "bilinear":
            self.up1, pad, conv = enlarged(NormedConv2d(4 * n, 2 * n, 3))
            self.c4 = Layer(conv, pad)
            self.up2, pad, conv = enlarged(NormedConv2d(2 * n, n, 3))
            self.c5 = Layer(conv, pad)  # (N, n, H, W)
        else:
            self.c4 = Layer(NormedSameConvTranspose2d(4 * n, 2 * n, 3))
            self.c5 = Layer(NormedSameConvTranspose2d(2 * n, n, 3))  # (N, n, H, W)
        self.c6 = _sequence(pad=nn.ZeroPad2d(3), conv=OutputConv(n, 3, 7), tanh=Tanh())

    def forward(self, x: Tensor) -> Tensor:
        if self.strip_rows is not None:
            return torch.cat([run(picture, self.children(), self.strip_rows) for picture in x.split(1)])
        for layer in self.children():
            x = layer(x)
        return x

    def can_run_in_strips(self) -> bool:
        """Always: it has no layer that mixes pictures or draws."""
        return True

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture takes as a whole, or in strips, with its mask. See `ResnetGenerator.bytes_of_pass`."""
        n = self.width
        fixed = 8000 * n**2  # oneDNN's reordered copy of the weights
        if rows is None:
            return height * width * 4 * ((7 if self.upsample == "bilinear" else 4) * n + 70) + fixed
        return height * width * 4 * (n // 2 + 14) + rows * width * 4 * (6 * n + 120) + fixed


class Attention(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] to masks (N, 1, H, W) in [0, 1]; H and W are multiples of 4, at least 8.

    As released, the kernels behind the residual block are 1x1. Then enlarging commutes with them, with the norms and
    with the sigmoid, so it comes last: the same mask, in blocks of 4x4 pixels, for a sixteenth of the work. `fine` has
    kernels of 3x3, 3x3 and 7x7 there, which the authors' calls ask for and do not get: a mask of single pixels.
    """

    strip_rows: int | None = None
    """As in `Generator`."""

    def __init__(self, *, width: int = 32, fine: bool = False) -> None:
        super().__init__()
        n = width
        self.width, self.fine = width, fine
        self.c1 = Layer(NormedConv2d(3, n, 7, stride=2), ReflectionPad(3))  # (N, n, H/2, W/2)
        self.c2 = _halving(n, 2 * n)  # (N, 2 n, H/4, W/4)
        self.r1 = ResidualBlock(2 * n, ReflectionPad(1))
        if fine:
            self.up1 = nn.Upsample(scale_factor=2, mode="nearest")
            self.c4 = Layer(NormedConv2d(2 * n, 2 * n, 3), ReflectionPad(1))
            self.up2 = nn.Upsample(scale_factor=2, mode="nearest")
            self.c5 = Layer(NormedConv2d(2 * n, n, 3), ReflectionPad(1))  # (N, n, H, W)
            self.c6 = _sequence(pad=ReflectionPad(3), conv=OutputConv(n, 1, 7), sigmoid=Sigmoid())
        else:
            self.c4 = Layer(NormedConv2d(2 * n, 2 * n, 1))
            self.c5 = Layer(NormedConv2d(2 * n, n, 1))  # (N, n, H/4, W/4)
            self.c6 = _sequence(conv=nn.Conv2d(n, 1, 1), sigmoid=Sigmoid())
            self.up = nn.Upsample(scale_factor=4, mode="nearest")

    def forward(self, x: Tensor) -> Tensor:
        if self.strip_rows is not None:
            return torch.cat([run(picture, self.children(), self.strip_rows) for picture in x.split(1)])
        for layer in self.children():
            x = layer(x)
        return x

    def can_run_in_strips(self) -> bool:
        """Always: it has no layer that mixes pictures or draws."""
        return True

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture takes as a whole, or in strips, beside its translation."""
        n = self.width
        fixed = 8000 * n**2
        if rows is None:
            return height * width * 4 * ((6 if self.fine else 1) * n + 50) + fixed
        return height * width * 4 * (n // 2 + 14) + rows * width * 4 * (6 * n + 120) + fixed


class Discriminator(nn.Module):
    """Pictures (N, 3, H, W) to a map of scores (N, 1, about H / 8 + 3, about W / 8 + 3).

    Normalised, which is the default, it has an instance norm behind every convolution but the last, also the first.
    Otherwise no layer has one: the norm of a picture that is black almost everywhere would enlarge what is left of it.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        d = width
        self.c1 = JudgingLayer(3, d, stride=2)
        self.c2 = JudgingLayer(d, 2 * d, stride=2)
        self.c3 = JudgingLayer(2 * d, 4 * d, stride=2)
        self.c4 = JudgingLayer(4 * d, 8 * d, stride=1)
        self.c5 = _sequence(conv=nn.Conv2d(8 * d, 1, 4, padding=2))

    def forward(self, x: Tensor, normalised: bool = True) -> Tensor:
        for layer in (self.c1, self.c2, self.c3, self.c4):
            x = layer(x, normalised)
        scores: Tensor = self.c5(x)
        return scores


class JudgingLayer(nn.Module):
    """A 4x4 convolution of pictures (N, C, H, W), a norm if `normalised`, and a leaky ReLU."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 4, stride=stride, padding=2)
        self.norm = AffineInstanceNorm(outside)

    def forward(self, x: Tensor, normalised: bool) -> Tensor:
        bias = None if normalised else self.conv.bias  # the norm would take it away again
        x = F.conv2d(x, self.conv.weight, bias, self.conv.stride, padding=2)
        return F.leaky_relu(self.norm(x) if normalised else x, 0.2)


class ResidualBlock(nn.Module):
    """relu(x + f(x)) with two 3x3 convolutions; (N, C, H, W) both ways."""

    def __init__(self, channels: int, pad: nn.Module) -> None:
        super().__init__()
        self.c1 = Layer(NormedConv2d(channels, channels, 3), pad)
        self.c2 = Layer(NormedConv2d(channels, channels, 3), pad, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.c2(self.c1(x)))

    def work_in_place(self, x: Tensor, strip: int) -> None:
        """See `gantool.networks.strips`."""
        x += change_in_place(x, [*self.c1, *self.c2], strip)
        F.relu_(x)


class Sigmoid(nn.Module):
    """In single precision also under autocast: a threshold is a sharp edge."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(single(x))

    def band(self, source: Band) -> Band:
        """See `gantool.networks.strips`."""
        return Mapped(source, self)


def initialize(network: nn.Module) -> None:
    """Fills weights from N(0, 0.02) and norms' scales from N(1, 0.02), both cut at two deviations; all else is 0."""
    for name, parameter in network.named_parameters():
        mean = 1.0 if name.endswith("norm.weight") else 0.0
        if name.endswith("weight"):
            nn.init.trunc_normal_(parameter, mean, 0.02, mean - 0.04, mean + 0.04)
        else:
            nn.init.zeros_(parameter)


def _halving(inside: int, outside: int) -> Layer:
    return Layer(NormedConv2d(inside, outside, 3, stride=2), nn.ZeroPad2d((0, 1, 0, 1)))


def _sequence(**layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layers))
