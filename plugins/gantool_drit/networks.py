"""DRIT's encoders and generators. Each has its layers by domain, 0 for A and 1 for B, and what both domains share."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from gantool.networks.layers import ReflectionPad, Tanh
from gantool.networks.norms import InstanceNorm
from gantool.networks.spectral import SpectralConv2d
from gantool.networks.strips import (
    Band,
    Held,
    Layer,
    Mapped,
    OfPixels,
    bytes_in_all,
    change_in_place,
    hold,
    run,
    through,
)
from gantool_drit.layers import PoolingBlock, leaky_conv, norm_conv, residual, up_conv, with_maps


class ContentEncoder(nn.Module):
    """Pictures (N, channels[domain], H, W) to content (N, 4 width, H/4, W/4), without training's noise.

    H and W are multiples of 4 (other sides are rounded up) and at least 8.
    """

    strip_rows: int | None = None
    """Rows of a strip, where `forward` goes in strips: see `gantool.networks.strips`. That gives no gradients."""

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.width = width
        self.domains = nn.ModuleList(
            nn.Sequential(
                leaky_conv(c, width, 7, 1, 3),  # (N, width, H, W)
                norm_conv(width, 2 * width, 3, 2, 1),
                norm_conv(2 * width, 4 * width, 3, 2, 1),  # (N, 4 width, H/4, W/4)
                *(residual(4 * width) for _ in range(3)),
            )
            for c in channels
        )
        self.shared = residual(4 * width)

    def forward(self, x: Tensor, domain: int) -> Tensor:
        if self.strip_rows is not None:
            layers = [self.domains[domain], self.shared]
            return torch.cat([run(picture, layers, self.strip_rows) for picture in x.split(1)])
        content: Tensor = self.shared(self.domains[domain](x))
        return content

    def can_run_in_strips(self) -> bool:
        """Always: all its norms look at one picture."""
        return True

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture of this size takes on its way to content and back."""
        return bytes_of(self.width, (height, width), rows)


class ConcatAttributeEncoder(nn.Module):
    """Pictures (N, channels[domain], H, W) to mean and log-variance of their attributes, both (N, size).

    H and W are at least 16.
    """

    def __init__(self, channels: tuple[int, ...], width: int, size: int) -> None:
        super().__init__()
        self.domains = nn.ModuleList(
            nn.Sequential(
                ReflectionPad(1),
                nn.Conv2d(c, width, 4, 2),  # (N, width, H/2, W/2)
                *(PoolingBlock(i * width, (i + 1) * width) for i in (1, 2, 3)),  # (N, 4 width, H/16, W/16)
                nn.LeakyReLU(0.2, inplace=True),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
            )
            for c in channels
        )
        self.mean = nn.ModuleList(nn.Linear(4 * width, size) for _ in channels)
        self.log_variance = nn.ModuleList(nn.Linear(4 * width, size) for _ in channels)

    def forward(self, x: Tensor, domain: int) -> tuple[Tensor, Tensor]:
        features = self.domains[domain](x)
        return self.mean[domain](features).to(x.dtype), self.log_variance[domain](features).to(x.dtype)


class AttributeEncoder(nn.Module):
    """Pictures (N, channels[domain], H, W) to attributes (N, size), for feature-wise injection.

    H and W are at least 16.
    """

    def __init__(self, channels: tuple[int, ...], width: int, size: int) -> None:
        super().__init__()
        w = width
        self.domains = nn.ModuleList(
            nn.Sequential(
                *(ReflectionPad(3), nn.Conv2d(c, w, 7), nn.ReLU(inplace=True)),
                *(ReflectionPad(1), nn.Conv2d(w, 2 * w, 4, 2), nn.ReLU(inplace=True)),
                *(ReflectionPad(1), nn.Conv2d(2 * w, 4 * w, 4, 2), nn.ReLU(inplace=True)),
                *(ReflectionPad(1), nn.Conv2d(4 * w, 4 * w, 4, 2), nn.ReLU(inplace=True)),
                *(ReflectionPad(1), nn.Conv2d(4 * w, 4 * w, 4, 2), nn.ReLU(inplace=True)),  # (N, 4 width, H/16, W/16)
                *(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4 * w, size, 1), nn.Flatten()),
            )
            for c in channels
        )

    def forward(self, x: Tensor, domain: int) -> Tensor:
        attributes: Tensor = self.domains[domain](x).to(x.dtype)
        return attributes


class ConcatGenerator(nn.Module):
    """Content (N, 4 width, h, w) and attributes (N, size) to pictures (N, channels[domain], 4h, 4w) in [-1, 1]."""

    strip_rows: int | None = None
    """As in `ContentEncoder`."""

    def __init__(self, channels: tuple[int, ...], width: int, size: int, upsample: str = "transposed") -> None:
        super().__init__()
        self.width, self.size, self.upsample = width, size, upsample
        self.shared = residual(4 * width)
        self.domains = nn.ModuleList(ConcatHead(c, width, size, upsample) for c in channels)

    def forward(self, content: Tensor, z: Tensor, domain: int) -> Tensor:
        if self.strip_rows is not None:
            return torch.cat([self._in_strips(*one, domain, self.strip_rows) for one in pairs(content, z)])
        picture: Tensor = self.domains[domain](self.shared(content), z)
        return picture

    def _in_strips(self, content: Tensor, z: Tensor, domain: int, strip: int) -> Tensor:
        head = self.domains[domain]
        assert isinstance(head, ConcatHead)
        return head.in_strips(run(content, [self.shared], max(1, strip // 4)), z, strip)

    def can_run_in_strips(self) -> bool:
        """Always: all its norms look at one picture."""
        return True

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture of this size takes on its way to content and back."""
        return bytes_of(self.width, (height, width), rows, self.size, upsample=self.upsample)


class ConcatHead(nn.Module):
    """One domain's part: the attributes join the features as constant maps, again before every change of their size."""

    def __init__(self, channels: int, width: int, size: int, upsample: str) -> None:
        super().__init__()
        first = 4 * width + size
        second = first + size
        third = second // 2 + size
        self.blocks = nn.Sequential(*(residual(first) for _ in range(3)))
        self.up_half = up_conv(second, second // 2, upsample)
        self.up_full = up_conv(third, third // 2, upsample)
        self.picture = nn.Sequential(nn.ConvTranspose2d(third // 2 + size, channels, 1), Tanh())

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        x = self.blocks(with_maps(x, z))  # (N, 4 width + size, h, w)
        x = self.up_half(with_maps(x, z))  # (N, 2 width + size, 2h, 2w)
        x = self.up_full(with_maps(x, z))  # (N, width + size, 4h, 4w)
        picture: Tensor = self.picture(with_maps(x, z))
        return picture

    def in_strips(self, x: Tensor, z: Tensor, strip: int) -> Tensor:
        """`forward` of one (1, C, h, w), in strips of so many rows of the picture: see `gantool.networks.strips`."""
        full = 4 * x.shape[2]
        band: Band = Held(x)
        for layers in (self.blocks, self.up_half, self.up_full, self.picture):
            band = through(Mapped(band, lambda rows: with_maps(rows, z)), layers, strip, full)
        return hold(band, strip)


class FeaturewiseGenerator(nn.Module):
    """As `ConcatGenerator`, for changes of shape: nothing is shared, and the attributes act within every block."""

    strip_rows: int | None = None
    """As in `ContentEncoder`."""

    def __init__(self, channels: tuple[int, ...], width: int, size: int, upsample: str = "transposed") -> None:
        super().__init__()
        self.width, self.upsample = width, upsample
        self.domains = nn.ModuleList(FeaturewiseHead(c, width, size, upsample) for c in channels)

    def forward(self, content: Tensor, z: Tensor, domain: int) -> Tensor:
        if self.strip_rows is not None:
            head, strip = self.domains[domain], self.strip_rows
            assert isinstance(head, FeaturewiseHead)
            return torch.cat([head.in_strips(one.clone(), code, strip) for one, code in pairs(content, z)])
        picture: Tensor = self.domains[domain](content, z)
        return picture

    def can_run_in_strips(self) -> bool:
        """Always: all its norms look at one picture."""
        return True

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture of this size takes on its way to content and back."""
        return bytes_of(self.width, (height, width), rows, upsample=self.upsample)


class FeaturewiseHead(nn.Module):
    """One domain's part: a perceptron makes of the attributes a code for each block."""

    def __init__(self, channels: int, width: int, size: int, upsample: str) -> None:
        super().__init__()
        c = 4 * width
        self.mlp = nn.Sequential(
            *(nn.Linear(size, c), nn.ReLU(inplace=True), nn.Linear(c, c), nn.ReLU(inplace=True), nn.Linear(c, 4 * c))
        )
        self.blocks = nn.ModuleList(FeaturewiseBlock(c) for _ in range(4))
        self.up = nn.Sequential(
            up_conv(c, 2 * width, upsample),  # (N, 2 width, 2h, 2w)
            up_conv(2 * width, width, upsample),  # (N, width, 4h, 4w)
            *(nn.ConvTranspose2d(width, channels, 1), Tanh()),
        )

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        for block, code in zip(self.blocks, self.mlp(z).chunk(4, dim=1), strict=True):
            x = block(x, code)
        picture: Tensor = self.up(x)
        return picture

    def in_strips(self, x: Tensor, z: Tensor, strip: int) -> Tensor:
        """As that of `ConcatHead`; it works on x."""
        for block, code in zip(self.blocks, self.mlp(z).chunk(4, dim=1), strict=True):
            assert isinstance(block, FeaturewiseBlock)
            block.work_in_place(x, max(1, strip // 4), code)
        return hold(through(Held(x), self.up, strip, 4 * x.shape[2]), strip)


class FeaturewiseBlock(nn.Module):
    """A residual block (N, C, h, w) whose two halves each mix in a code (N, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        c = channels
        self.conv1, self.conv2 = (
            nn.Sequential(ReflectionPad(1), nn.Conv2d(c, c, 3), InstanceNorm(c)) for _ in range(2)
        )
        self.mix1, self.mix2 = (
            nn.Sequential(
                *(nn.Conv2d(2 * c, 2 * c, 1), nn.ReLU(inplace=True), nn.Conv2d(2 * c, c, 1), nn.ReLU(inplace=True))
            )
            for _ in range(2)
        )

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        y = self.mix1(with_maps(self.conv1(x), z))
        changed: Tensor = self.mix2(with_maps(self.conv2(y), z))
        return x + changed

    def work_in_place(self, x: Tensor, strip: int, z: Tensor) -> None:
        """x (1, C, h, w) becomes what `forward` gives, in strips of so many rows: see `gantool.networks.strips`."""

        def mixed(mix: nn.Module) -> Layer:
            return OfPixels(lambda rows: mix(with_maps(rows, z)))

        x += change_in_place(x, [*self.conv1, mixed(self.mix1), *self.conv2, mixed(self.mix2)], strip)


def pairs(content: Tensor, z: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
    """Content and attributes of each picture, (1, C, h, w) and (1, S)."""
    return zip(content.split(1), z.split(1), strict=True)


def bytes_of(
    width: int, size: tuple[int, int], rows: int | None, attributes: int = 0, *, upsample: str = "transposed"
) -> int:
    """Bytes that a picture of this (height, width) takes on its way to content and back, with so many maps of
    attributes.

    Fitted, from above, to measurements on a CPU in single precision (widths 8 and 32).
    """
    whole, strip = 5 * width + 50 + 6 * attributes, 5 * width + 120 + 6 * attributes
    if upsample == "bilinear":
        whole = 8 * width + 50 + 8 * attributes
    return bytes_in_all(size, rows, whole=whole, held=width + 24 + attributes, strip=strip, width=width)


def initialize(network: nn.Module) -> None:
    """N(0, 0.02) for kernels; biases, linear layers and kernels under a spectral norm as torch has them."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and not isinstance(module, SpectralConv2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
