"""U-GAT-IT's generator and discriminator, each with a class activation map (CAM) that re-weights its features."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.layers import OutputConv, ReflectionPad, Tanh
from gantool.networks.norms import InstanceNorm
from gantool.networks.resnet import ResidualBlock
from gantool.networks.spectral import SpectralConv2d, SpectralLinear
from gantool_ugatit.norms import GroupNorm, InstanceLayerNorm

NORMS = ("adalin", "adain", "instance", "layer", "group")
"""The decoder's normalisations that the paper compares (section 4.3, table 4)."""


class Output(NamedTuple):
    """What both networks give."""

    main: Tensor
    """Pictures (N, C, H, W) in [-1, 1], or a map of scores (N, 1, h, w)."""
    cam: Tensor | None
    """Scores (N, 2) of the auxiliary classifier, from the mean and from the maximum; None without attention."""
    heat: Tensor
    """Where the network looks: the sum over the re-weighted features, (N, 1, h, w)."""


class Attention(nn.Module):
    """Features (N, C, h, w) weighted by how much each channel says to an auxiliary classifier (section 3.1.1)."""

    def __init__(self, channels: int, *, spectral: bool, activation: nn.Module) -> None:
        super().__init__()
        linear = SpectralLinear if spectral else _linear
        self.gap, self.gmp = linear(channels, 1), linear(channels, 1)
        self.merge = nn.Conv2d(2 * channels, channels, 1)
        self.activation = activation

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        cam = torch.cat([self.gap(x.mean((2, 3))), self.gmp(x.amax((2, 3)))], dim=1)
        # The raw weights, also where the classifier's are spectrally normalised: as the reference has it.
        weighted = torch.cat([x * self.gap.weight.view(1, -1, 1, 1), x * self.gmp.weight.view(1, -1, 1, 1)], dim=1)
        return self.activation(self.merge(weighted)), cam


class Generator(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] to pictures of the same size, with attention in between.

    H and W are multiples of 4. The full network looks at all features to find the style of the decoder's norms, and is
    bound to square pictures of `size`; the light one looks at their means and takes any size.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        blocks: int = 4,
        light: bool = False,
        size: int = 256,
        norm: str = "adalin",
        cam: bool = True,
    ) -> None:
        super().__init__()
        w, c = width, 4 * width
        self.light = light
        self.stem = nn.Sequential(  # (N, w, H, W)
            ReflectionPad(3), nn.Conv2d(3, w, 7, bias=False), InstanceNorm(w), nn.ReLU(inplace=True)
        )
        self.down = nn.Sequential(*_halving(w, 2 * w), *_halving(2 * w, c))  # (N, 4 w, H/4, W/4)
        self.encoder = nn.Sequential(*(ResidualBlock(c, "instance", bias=False) for _ in range(blocks)))
        self.attention = Attention(c, spectral=False, activation=nn.ReLU(inplace=True)) if cam else None
        adaptive = norm in ("adalin", "adain")
        if adaptive:
            features = c if light else size // 4 * size // 4 * c
            self.style = nn.Sequential(
                nn.Linear(features, c, bias=False), nn.ReLU(), nn.Linear(c, c, bias=False), nn.ReLU()
            )
            self.gamma, self.beta = nn.Linear(c, c, bias=False), nn.Linear(c, c, bias=False)
        self.adaptive = adaptive
        self.decoder = nn.ModuleList(AdaptiveBlock(c, norm) for _ in range(blocks))
        self.up = nn.Sequential(*_doubling(c, 2 * w, norm), *_doubling(2 * w, w, norm))  # (N, w, H, W)
        self.head = nn.Sequential(ReflectionPad(3), OutputConv(w, 3, 7, bias=False), Tanh())

    def forward(self, x: Tensor) -> Output:
        x = self.encoder(self.down(self.stem(x)))
        cam = None
        if self.attention is not None:
            x, cam = self.attention(x)
        heat = x.sum(1, keepdim=True)
        gamma = beta = None
        if self.adaptive:
            style = self.style(x.mean((2, 3)) if self.light else x.flatten(1))
            gamma, beta = self.gamma(style), self.beta(style)
        for block in self.decoder:
            x = block(x, gamma, beta)
        return Output(self.head(self.up(x)), cam, heat)


class AdaptiveBlock(nn.Module):
    """x + f(x) under the decoder's norm, whose scale and shift (N, C) are the same in all blocks."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        self.pad = ReflectionPad(1)
        self.conv1 = nn.Conv2d(channels, channels, 3, bias=False)
        self.norm1 = _norm(norm, channels, rho=0.9, adaptive=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, bias=False)
        self.norm2 = _norm(norm, channels, rho=0.9, adaptive=True)

    def forward(self, x: Tensor, gamma: Tensor | None, beta: Tensor | None) -> Tensor:
        style = () if gamma is None else (gamma, beta)
        changed: Tensor = F.relu(self.norm1(self.conv1(self.pad(x)), *style))
        changed = self.norm2(self.conv2(self.pad(changed)), *style)
        return x + changed


class Discriminator(nn.Module):
    """Pictures (N, 3, H, W) to a map of scores; `layers` 7 sees a picture as a whole, 5 sees patches (section 3.1.2).

    Everything but the merging convolution is spectrally normalised.
    """

    def __init__(self, *, width: int = 64, layers: int = 5, cam: bool = True) -> None:
        super().__init__()
        body: list[nn.Module] = []
        inside = 3
        for layer in range(layers - 1):
            stride = 2 if layer < layers - 2 else 1
            outside = width * 2**layer if layer < layers - 2 else width * 2 ** (layers - 2)
            body += [
                ReflectionPad(1),
                SpectralConv2d(inside, outside, 4, stride=stride),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            inside = outside
        self.body = nn.Sequential(*body)  # (N, C, about H / 2^(layers - 2), ...)
        self.attention = Attention(inside, spectral=True, activation=nn.LeakyReLU(0.2, inplace=True)) if cam else None
        self.head = nn.Sequential(ReflectionPad(1), SpectralConv2d(inside, 1, 4, bias=False))

    def forward(self, x: Tensor) -> Output:
        x = self.body(x)
        cam = None
        if self.attention is not None:
            x, cam = self.attention(x)
        return Output(self.head(x), cam, x.sum(1, keepdim=True))


def _linear(inside: int, outside: int) -> nn.Linear:
    return nn.Linear(inside, outside, bias=False)


def _norm(norm: str, channels: int, *, rho: float, adaptive: bool) -> nn.Module:
    """The decoder's layer: `adaptive` in the residual blocks, with scale and shift of its own above them."""
    if norm == "group":
        return GroupNorm(channels)
    if norm in ("adalin", "adain"):
        fixed = norm == "adain"
        return InstanceLayerNorm(channels, rho=1.0 if fixed else rho, affine=not adaptive, fixed=fixed)
    return InstanceLayerNorm(channels, rho=1.0 if norm == "instance" else 0.0, affine=True, fixed=True)


def _halving(inside: int, outside: int) -> list[nn.Module]:
    return [
        ReflectionPad(1),
        nn.Conv2d(inside, outside, 3, stride=2, bias=False),
        InstanceNorm(outside),
        nn.ReLU(inplace=True),
    ]


def _doubling(inside: int, outside: int, norm: str) -> list[nn.Module]:
    return [
        nn.Upsample(scale_factor=2, mode="nearest"),
        ReflectionPad(1),
        nn.Conv2d(inside, outside, 3, bias=False),
        _norm(norm, outside, rho=0.0, adaptive=False),
        nn.ReLU(inplace=True),
    ]
