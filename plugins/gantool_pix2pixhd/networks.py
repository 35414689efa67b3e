"""The networks of pix2pixHD: coarse-to-fine generator, feature encoder, multi-scale discriminators (section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantool.networks.layers import OutputConv, ReflectionPad, Tanh, enlarged
from gantool.networks.multiscale import halved
from gantool.networks.norms import norm_layer, unless_constant
from gantool.networks.resnet import ResidualBlock
from gantool.networks.strips import Added, Held, bytes_in_all, hold, settled, through


class Generator(nn.Module):
    """Inputs (N, in_channels, H, W) to pictures (N, out_channels, H, W) in [-1, 1] (section 3.1).

    A global generator of `blocks` residual blocks, and around it as many local enhancers as asked for: each works at
    twice the resolution of what it encloses, with half the width. H and W are multiples of 2^(down + enhancers), and at
    least twice that.
    """

    strip_rows: int | None = None
    """Rows of a strip, where `forward` goes in strips: see `gantool.networks.strips`. That gives no gradients."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int = 64,
        down: int = 4,
        blocks: int = 9,
        enhancers: int = 0,
        local_blocks: int = 3,
        norm: str = "instance",
        upsample: str = "transposed",
    ) -> None:
        super().__init__()
        deepest = width * 2**down
        self.in_channels, self.width, self.halvings = in_channels, width, down + enhancers
        self.stem = nn.Sequential(*_first(in_channels, width, norm))  # (N, width, h, w), h = H / 2^enhancers
        self.down = nn.Sequential(*(layer for k in range(down) for layer in _halve(width * 2**k, norm)))
        self.blocks = nn.Sequential(*(_block(deepest, norm) for _ in range(blocks)))  # (N, deepest, h/2^down, ..)
        self.up = nn.Sequential(*(layer for k in range(down) for layer in _double(deepest // 2**k, norm, upsample)))
        self.enhancers = nn.ModuleList(
            Enhancer(in_channels, width // 2**k, local_blocks, norm, upsample) for k in range(1, enhancers + 1)
        )
        self.head = _head(width // 2**enhancers, out_channels)
        self.norm, self.upsample = norm, upsample

    def forward(self, x: Tensor) -> Tensor:
        if self.strip_rows is not None:
            return torch.cat([self._in_strips(picture, self.strip_rows) for picture in x.split(1)])
        pyramid = [x]
        for _ in self.enhancers:
            pyramid.append(halved(pyramid[-1]))
        features = self.up(self.blocks(self.down(self.stem(pyramid.pop()))))
        for enhancer in self.enhancers:
            features = enhancer(pyramid.pop(), features)
        pictures: Tensor = self.head(features)
        return unless_constant(x, pictures, (0, 2, 3)) if self.norm == "batch" else pictures

    def _in_strips(self, x: Tensor, strip: int) -> Tensor:
        pyramid, full = [x], x.shape[2]
        for _ in self.enhancers:
            pyramid.append(halved(pyramid[-1]))
        band = through(Held(pyramid.pop()), [self.stem, self.down, self.blocks, self.up], strip, full)
        for enhancer in self.enhancers:
            assert isinstance(enhancer, Enhancer)
            inner = through(Held(pyramid.pop()), enhancer.down, strip, full)
            band = through(Added(inner, band), [enhancer.blocks, enhancer.up], strip, full)
        return hold(through(band, self.head, strip, full), strip)

    def can_run_in_strips(self) -> bool:
        """Whether no batch norm takes the picture's own statistics."""
        return settled(self)

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture takes, as a whole or in strips, with the maps of classes that it is made into.

        Fitted, from above, to measurements on a CPU in single precision (widths 8 and 32, up to two enhancers).
        """
        w, maps = self.width, self.in_channels
        held = max(w, 3 * w >> self.halvings) + 2 * maps + 8
        return bytes_in_all(
            (height, width),
            rows,
            whole=(6 if self.upsample == "bilinear" else 3) * w + 3 * maps + 50,
            held=held,
            strip=7 * w + 2 * maps + 100,
            width=w,
        )


class Enhancer(nn.Module):
    """A local enhancer: the input (N, in_channels, H, W) and the features (N, 2 width, H/2, W/2) of what it encloses to
    features (N, width, H, W)."""

    def __init__(self, in_channels: int, width: int, blocks: int, norm: str, upsample: str) -> None:
        super().__init__()
        self.down = nn.Sequential(*_first(in_channels, width, norm), *_halve(width, norm))
        self.blocks = nn.Sequential(*(_block(2 * width, norm) for _ in range(blocks)))
        self.up = nn.Sequential(*_double(2 * width, norm, upsample))

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        enhanced: Tensor = self.up(self.blocks(self.down(x) + features))
        return enhanced


class Encoder(nn.Module):
    """Pictures (N, in_channels, H, W) to features (N, features, H, W) in [-1, 1], before pooling (section 3.4).

    H and W are multiples of 2^down.
    """

    def __init__(
        self, in_channels: int, features: int, *, width: int = 16, down: int = 4, norm: str = "instance"
    ) -> None:
        super().__init__()
        deepest = width * 2**down
        self.stem = nn.Sequential(*_first(in_channels, width, norm))
        self.down = nn.Sequential(*(layer for k in range(down) for layer in _halve(width * 2**k, norm)))
        self.up = nn.Sequential(*(layer for k in range(down) for layer in _double(deepest // 2**k, norm, "transposed")))
        self.head = _head(width, features)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.head(self.up(self.down(self.stem(x))))
        return unless_constant(x, features, (0, 2, 3)) if self.norm == "batch" else features


class Discriminator(nn.Module):
    """One scale: `layers` stages of stride 2, one of stride 1, and the scores. Convolutions are 4x4, padded by 2."""

    def __init__(self, in_channels: int, width: int, layers: int, norm: str) -> None:
        super().__init__()
        channels = [width, *(min(width * 2**k, 512) for k in range(1, layers + 1))]
        stages: list[nn.Module] = [
            nn.Sequential(nn.Conv2d(in_channels, width, 4, stride=2, padding=2), nn.LeakyReLU(0.2, inplace=True))
        ]
        for k in range(1, layers + 1):
            stages.append(
                nn.Sequential(
                    nn.Conv2d(channels[k - 1], channels[k], 4, stride=2 if k < layers else 1, padding=2),
                    norm_layer(norm, channels[k]),
                    nn.LeakyReLU(0.2, inplace=True),
                )
            )
        self.stages = nn.ModuleList([*stages, nn.Sequential(nn.Conv2d(channels[layers], 1, 4, padding=2))])

    def forward(self, x: Tensor) -> list[Tensor]:
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs


def initialize(network: nn.Module) -> None:
    """Convolutions N(0, 0.02) with PyTorch's own biases; batch norms N(1, 0.02) with biases of 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def _block(channels: int, norm: str) -> ResidualBlock:
    """Its convolutions have a bias with every norm."""
    return ResidualBlock(channels, norm, bias=True)


def _first(in_channels: int, width: int, norm: str) -> list[nn.Module]:
    return [ReflectionPad(3), nn.Conv2d(in_channels, width, 7), norm_layer(norm, width), nn.ReLU(inplace=True)]


def _halve(channels: int, norm: str) -> list[nn.Module]:
    """Half the resolution, twice the channels."""
    convolution = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)
    return [convolution, norm_layer(norm, 2 * channels), nn.ReLU(inplace=True)]


def _double(channels: int, norm: str, upsample: str) -> list[nn.Module]:
    """Twice the resolution, half the channels."""
    half = channels // 2
    after = norm_layer(norm, half), nn.ReLU(inplace=True)
    if upsample == "bilinear":
        return [*enlarged(nn.Conv2d(channels, half, 3)), *after]
    return [nn.ConvTranspose2d(channels, half, 3, stride=2, padding=1, output_padding=1), *after]


def _head(width: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(ReflectionPad(3), OutputConv(width, out_channels, 7), Tanh())
