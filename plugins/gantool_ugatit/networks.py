"""U-GAT-IT's generator and discriminator, each with a class activation map (CAM) that re-weights its features."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.layers import OutputConv, ReflectionPad, Tanh
from gantool.networks.norms import InstanceNorm
from gantool.networks.resnet import ResidualBlock
from gantool.networks.spectral import SpectralConv2d, SpectralLinear, moving_together
from gantool.networks.strips import Held, WithStyle, bytes_in_all, change_in_place, hold, run, strips, through
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

    def work_in_place(self, x: Tensor, strip: int) -> Tensor:
        """x (1, C, h, w) becomes the weighted features, in strips of so many rows. Gives the classifier's scores."""
        cam = torch.cat([self.gap(x.mean((2, 3))), self.gmp(x.amax((2, 3)))], dim=1)
        # Weights of channels may as well be in the merging convolution: no features need be there twice.
        average, largest = self.merge.weight.chunk(2, dim=1)
        merge = average * self.gap.weight.view(1, -1, 1, 1) + largest * self.gmp.weight.view(1, -1, 1, 1)
        for start, stop in strips(x.shape[2], strip):
            x[:, :, start:stop] = self.activation(F.conv2d(x[:, :, start:stop], merge, self.merge.bias))
        return cam


class Generator(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] to pictures of the same size, with attention in between.

    H and W are multiples of 4. The full network looks at all features to find the style of the decoder's norms, and is
    bound to square pictures of `size`; the light one looks at their means and takes any size.
    """

    strip_rows: int | None = None
    """Rows of a strip, where `forward` goes in strips: see `gantool.networks.strips`. That gives no gradients."""

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
        self.width, self.light = width, light
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
        if self.strip_rows is not None:
            found = [self._in_strips(picture, self.strip_rows) for picture in x.split(1)]
            main, cams, heats = zip(*found, strict=True)
            return Output(torch.cat(main), None if self.attention is None else torch.cat(cams), torch.cat(heats))
        x = self.encoder(self.down(self.stem(x)))
        cam = None
        if self.attention is not None:
            x, cam = self.attention(x)
        heat = x.sum(1, keepdim=True)
        style = self._style(x)
        for block in self.decoder:
            x = block(x, *style)
        return Output(self.head(self.up(x)), cam, heat)

    def _style(self, x: Tensor) -> tuple[Tensor, ...]:
        """Scale and shift (N, C) of the decoder's norms; nothing where they learn their own."""
        if not self.adaptive:
            return ()
        style = self.style(x.mean((2, 3)) if self.light else x.flatten(1))
        return self.gamma(style), self.beta(style)

    def _in_strips(self, x: Tensor, strip: int) -> Output:
        full, quarter = x.shape[2], max(1, strip // 4)
        held = run(x, [self.stem, self.down, self.encoder], strip)
        cam = None if self.attention is None else self.attention.work_in_place(held, quarter)
        heat = held.sum(1, keepdim=True)
        style = self._style(held)
        for block in self.decoder:
            assert isinstance(block, AdaptiveBlock)
            block.work_in_place(held, quarter, *style)
        return Output(hold(through(Held(held), [self.up, self.head], strip, full), strip), cam, heat)

    def can_run_in_strips(self) -> bool:
        """Always: all its norms look at one picture, and attention at means and maxima of features that are held."""
        return True

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture takes, as a whole or in strips.

        Fitted, from above, to measurements on a CPU in single precision (widths 8 and 32).
        """
        w, size = self.width, (height, width)
        return bytes_in_all(size, rows, whole=5 * w + 60, held=w // 2 + 14, strip=7 * w + 100, width=w)


class AdaptiveBlock(nn.Module):
    """x + f(x) under the decoder's norm, whose scale and shift (N, C) are the same in all blocks."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        self.pad = ReflectionPad(1)
        self.conv1 = nn.Conv2d(channels, channels, 3, bias=False)
        self.norm1 = _norm(norm, channels, rho=0.9, adaptive=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, bias=False)
        self.norm2 = _norm(norm, channels, rho=0.9, adaptive=True)

    def forward(self, x: Tensor, *style: Tensor) -> Tensor:
        changed: Tensor = F.relu(self.norm1(self.conv1(self.pad(x)), *style))
        changed = self.norm2(self.conv2(self.pad(changed)), *style)
        return x + changed

    def work_in_place(self, x: Tensor, strip: int, *style: Tensor) -> None:
        """x (1, C, H, W) becomes what `forward` gives, in strips of so many rows: see `gantool.networks.strips`."""
        norm1, norm2 = (WithStyle(norm, *style) for norm in (self.norm1, self.norm2))
        x += change_in_place(x, [self.pad, self.conv1, norm1, nn.ReLU(inplace=True), self.conv2, norm2], strip)


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
        with moving_together(self):
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
