"""The networks of MUNIT and UNIT: encoders, decoders, and the discriminator of one scale."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from gantool.losses.adversarial import adversarial_loss
from gantool.networks.layers import OutputConv, Tanh
from gantool.networks.norms import unless_constant
from gantool.networks.passes import together
from gantool.networks.strips import Held, Layer, bytes_in_all, hold, run, through
from gantool_munit.layers import ConvBlock, ResidualBlock, activation_layer

_STYLE_STAGES = 4


class ContentEncoder(nn.Module):
    """Pictures (N, in_channels, H, W) to codes (N, width * 2^downsample, H / 2^downsample, W / 2^downsample).

    Every convolution is followed by an instance norm, which takes the style out.
    """

    strip_rows: int | None = None
    """Rows of a strip, where `forward` goes in strips: see `gantool.networks.strips`. That gives no gradients."""

    def __init__(
        self, in_channels: int, *, width: int, downsample: int, blocks: int, activation: str, padding: str
    ) -> None:
        super().__init__()
        after: dict[str, Any] = {"norm": "instance", "activation": activation, "padding": padding}
        self.width, self.downsample = width, downsample
        down = [ConvBlock(in_channels, width, 7, **after)]  # (N, width, H, W)
        for _ in range(downsample):
            down.append(ConvBlock(width, 2 * width, 4, 2, **after))
            width *= 2
        self.down = nn.Sequential(*down)
        self.blocks = nn.Sequential(*(ResidualBlock(width, **after) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        if self.strip_rows is not None:
            return torch.cat([self._in_strips(picture, self.strip_rows) for picture in x.split(1)])
        code: Tensor = self.blocks(self.down(x))
        return code

    def _in_strips(self, x: Tensor, strip: int) -> Tensor:
        return run(x, [*layers_of(self.down), *self.blocks], strip)

    def can_run_in_strips(self) -> bool:
        """Always: all its norms look at one picture."""
        return True

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture takes: see `bytes_of`."""
        return bytes_of(self.width, self.downsample, (height, width), rows)


class StyleEncoder(nn.Module):
    """Pictures (N, in_channels, H, W), H and W at least 16, to style codes (N, style). Norms would erase the style."""

    def __init__(self, in_channels: int, *, width: int, style: int, activation: str, padding: str) -> None:
        super().__init__()
        after: dict[str, Any] = {"activation": activation, "padding": padding}
        channels = [width, 2 * width] + (_STYLE_STAGES - 1) * [4 * width]
        down = [ConvBlock(in_channels, width, 7, **after)]
        for stage in range(_STYLE_STAGES):
            down.append(ConvBlock(channels[stage], channels[stage + 1], 4, 2, **after))
        self.down = nn.Sequential(*down)  # (N, 4 width, H/16, W/16)
        self.out = nn.Conv2d(4 * width, style, 1)

    def forward(self, x: Tensor) -> Tensor:
        code: Tensor = self.out(self.down(x).mean((2, 3), keepdim=True))
        return code.flatten(1)


class Decoder(nn.Module):
    """Codes (N, width * 2^upsample, h, w) to pictures (N, out_channels, h * 2^upsample, w * 2^upsample) in [-1, 1].

    With `norm` "adain", `forward` takes the parameters of all norms of the residual blocks, (N, `adain_size`), in the
    blocks' order. Codes that are the same everywhere give no gradients.
    """

    strip_rows: int | None = None
    """As in `ContentEncoder`."""

    def __init__(
        self, out_channels: int, *, width: int, upsample: int, blocks: int, norm: str, activation: str, padding: str
    ) -> None:
        super().__init__()
        channels = width * 2**upsample
        self.width, self.upsample = width, upsample
        self.adain_size = blocks * 4 * channels if norm == "adain" else 0
        self.blocks = nn.ModuleList(ResidualBlock(channels, norm, activation, padding) for _ in range(blocks))
        up: list[nn.Module] = []
        for _ in range(upsample):
            up += [
                nn.Upsample(scale_factor=2),
                ConvBlock(channels, channels // 2, 5, norm="layer", activation=activation, padding=padding),
            ]
            channels //= 2
        up += [ConvBlock(channels, out_channels, 7, padding=padding, convolution=OutputConv), Tanh()]
        self.up = nn.Sequential(*up)

    def forward(self, code: Tensor, adain: Tensor | None = None) -> Tensor:
        if self.strip_rows is not None:
            styles = [None] * len(code) if adain is None else adain.split(1)
            pairs = zip(code.split(1), styles, strict=True)
            return torch.cat([self._in_strips(one, style, self.strip_rows) for one, style in pairs])
        x = code
        parts = [None] * len(self.blocks) if adain is None else adain.chunk(len(self.blocks), dim=1)
        for block, part in zip(self.blocks, parts, strict=True):
            x = block(x, part)
        return unless_constant(code, self.up(x))

    def _in_strips(self, code: Tensor, adain: Tensor | None, strip: int) -> Tensor:
        scale = 2**self.upsample
        full = code.shape[-2] * scale
        parts = [None] * len(self.blocks) if adain is None else adain.chunk(len(self.blocks), dim=1)
        x = code.clone()
        for block, part in zip(self.blocks, parts, strict=True):
            assert isinstance(block, ResidualBlock)
            block.work_in_place(x, max(1, strip // scale), part)
        return hold(through(Held(x), layers_of(self.up), strip, full), strip)

    def can_run_in_strips(self) -> bool:
        """Always: all its norms look at one picture."""
        return True

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture of this size takes: see `bytes_of`."""
        return bytes_of(self.width, self.upsample, (height, width), rows)


def layers_of(blocks: Iterable[nn.Module]) -> list[Layer]:
    """The layers of convolution blocks, and of what is none itself."""
    return [layer for block in blocks for layer in (block.layers() if isinstance(block, ConvBlock) else [block])]


def bytes_of(width: int, halvings: int, size: tuple[int, int], rows: int | None) -> int:
    """Bytes that a picture of this (height, width) takes on its way to a code and back.

    Fitted, from above, to measurements on a CPU in single precision (widths 8 and 32, one to three halvings).
    """
    # The code, and a residual block at its resolution; below a quarter of the picture's there is less.
    held = (3 * width >> min(halvings, 2)) + 12
    deepest = width * 2 ** max(0, halvings - 2)
    return bytes_in_all(size, rows, whole=7 * width + 50, held=held, strip=6 * width + 120, width=deepest)


class StyleGenerator(nn.Module):
    """MUNIT's auto-encoder of one domain: pictures to content and style, content and style to pictures."""

    def __init__(
        self,
        channels: int,
        *,
        width: int,
        downsample: int,
        blocks: int,
        style: int,
        mlp_width: int,
        activation: str,
        padding: str,
    ) -> None:
        super().__init__()
        same: dict[str, Any] = {"width": width, "activation": activation, "padding": padding}
        self.style = StyleEncoder(channels, style=style, **same)
        self.content = ContentEncoder(channels, downsample=downsample, blocks=blocks, **same)
        self.decoder = Decoder(channels, upsample=downsample, blocks=blocks, norm="adain", **same)
        self.mlp = nn.Sequential(
            nn.Linear(style, mlp_width),
            activation_layer(activation),
            nn.Linear(mlp_width, mlp_width),
            activation_layer(activation),
            nn.Linear(mlp_width, self.decoder.adain_size),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Content (N, C, h, w) and style (N, S) of pictures."""
        return self.content(x), self.style(x)

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        """The pictures of this domain with this content and style."""
        picture: Tensor = self.decoder(content, self.mlp(style))
        return picture

    def decode_both(self, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """`decode` of two pairs of content and style, as one batch where their sizes agree: no layer mixes samples."""
        if first[0].shape != second[0].shape:
            return self.decode(*first), self.decode(*second)
        content, style = (torch.cat(parts) for parts in zip(first, second, strict=True))
        one, other = self.decode(content, style).chunk(2)
        return one, other


class LatentGenerator(nn.Module):
    """UNIT's auto-encoder of one domain. `encoder` gives the mean of a code whose variance is 1 everywhere."""

    def __init__(
        self, channels: int, *, width: int, downsample: int, blocks: int, activation: str, padding: str
    ) -> None:
        super().__init__()
        same: dict[str, Any] = {"width": width, "blocks": blocks, "activation": activation, "padding": padding}
        self.encoder = ContentEncoder(channels, downsample=downsample, **same)
        self.decoder = Decoder(channels, upsample=downsample, norm="instance", **same)


class ScaleDiscriminator(nn.Module):
    """Pictures (N, in_channels, H, W) to scores (N, 1, H / 2^layers, W / 2^layers). The first layer has no norm."""

    def __init__(self, in_channels: int, *, width: int, layers: int, norm: str, activation: str, padding: str) -> None:
        super().__init__()
        after: dict[str, Any] = {"activation": activation, "padding": padding}
        body = [ConvBlock(in_channels, width, 4, 2, **after)]
        for _ in range(layers - 1):
            body.append(ConvBlock(width, 2 * width, 4, 2, norm=norm, **after))
            width *= 2
        self.body = nn.Sequential(*body, nn.Conv2d(width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.body(x)
        return scores


def discriminator_loss(network: nn.Module, fake: Tensor, real: Tensor, gan: str) -> Tensor:
    """The sum over scales of the objectives on fake and on real pictures: nothing is halved or averaged."""
    on_fake, on_real = together(network, fake, real)
    return adversarial_loss(on_fake, False, gan) + adversarial_loss(on_real, True, gan)
