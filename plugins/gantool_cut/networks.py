"""CUT's networks: CycleGAN's with blurred sampling, and the projection of features in which patches are compared."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gantool.networks.layers import NormedConv2d
from gantool.networks.norms import norm_layer
from gantool.networks.precision import single
from gantool.networks.resnet import ResnetGenerator
from gantool_cut.antialiasing import Downsample, Upsample
from gantool_cut.losses import normalized


class Generator(ResnetGenerator):
    """Pictures (N, channels, H, W) in [-1, 1] both ways, and features on the way. H and W: multiples of 4, at least 8.

    Where `antialias` says so, a step down is a convolution of stride 1, then blurred sampling; where `antialias_up`
    does, a step up is blurred sampling, then a convolution. Without both it is CycleGAN's generator.
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int = 64,
        blocks: int = 9,
        norm: str = "instance",
        dropout: bool = False,
        antialias: bool = True,
        antialias_up: bool = True,
    ) -> None:
        super().__init__(channels, channels, width=width, blocks=blocks, norm=norm, dropout=dropout)
        w, bias = width, norm == "instance"

        def convolution(inside: int, outside: int, kind: type[nn.Conv2d]) -> list[nn.Module]:
            conv = kind(inside, outside, 3, padding=1, bias=bias)
            return [conv, norm_layer(norm, outside), nn.ReLU(inplace=True)]

        if antialias:  # (N, 4 w, H/4, W/4)
            # Plain convolutions: their outputs are compared before the norm, with their biases.
            self.down = nn.Sequential(
                *(*convolution(w, 2 * w, nn.Conv2d), Downsample(2 * w)),
                *(*convolution(2 * w, 4 * w, nn.Conv2d), Downsample(4 * w)),
            )
        if antialias_up:  # (N, w, H, W)
            conv = NormedConv2d if bias else nn.Conv2d
            self.up = nn.Sequential(
                *(Upsample(4 * w), *convolution(4 * w, 2 * w, conv)),
                *(Upsample(2 * w), *convolution(2 * w, w, conv)),
            )

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """As CycleGAN's generator, with more channels at full resolution: they are sampled after the convolution.

        Fitted, from above, to measurements on a CPU in single precision (widths 8 to 64, sides of 256 to 1024).
        """
        w, fixed = self.width, 8000 * self.width**2  # oneDNN's reordered copy of the weights
        if rows is None:
            return height * width * 4 * (8 * w + 50 + self.channels) + fixed
        return height * width * 4 * (w // 2 + self.channels) + rows * width * 4 * (24 * w + 120) + fixed

    def encoder(self) -> list[nn.Module]:
        """The layers up to the last residual block, at the authors' numbers."""
        return [*self.stem, *self.down, *self.blocks]

    def features(self, x: Tensor, numbers: Sequence[int]) -> list[Tensor]:
        """The outputs of the encoder's layers with these numbers, ascending; nothing after the last is computed."""
        found: list[Tensor] = []
        for number, layer in enumerate(self.encoder()[: numbers[-1] + 1]):
            if number - 1 in numbers and isinstance(layer, (nn.ReLU, nn.Identity)):
                x = x.clone()  # a ReLU works in place, and these are features
            x = layer(x)
            if number in numbers:
                # The bias that a norm would take away counts here.
                bias = layer.bias if isinstance(layer, NormedConv2d) else None
                found.append(x if bias is None else x + bias.view(-1, 1, 1))
        return found

    def channels_of(self, number: int) -> int:
        """Channels of the features with this number."""
        before = [layer.out_channels for layer in self.encoder()[: number + 1] if isinstance(layer, nn.Conv2d)]
        return before[-1] if before else self.channels // 2


class Discriminator(nn.Module):
    """Pictures (N, in_channels, H, W) to a map of scores (N, 1, about H / 2^layers - 2, about W / 2^layers - 2).

    The patch discriminator whose convolutions all have stride 1; `layers` of them are followed by blurred sampling.
    """

    def __init__(self, in_channels: int, *, width: int = 64, layers: int = 3, norm: str = "instance") -> None:
        super().__init__()
        bias = norm == "instance"
        conv = NormedConv2d if bias else nn.Conv2d
        channels = [width * min(2**k, 8) for k in range(layers + 1)]
        body: list[nn.Module] = [nn.Conv2d(in_channels, width, 4, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for k in range(1, layers + 1):
            body += [
                Downsample(channels[k - 1]),
                conv(channels[k - 1], channels[k], 4, padding=1, bias=bias),
                norm_layer(norm, channels[k]),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        body.append(nn.Conv2d(channels[layers], 1, 4, padding=1))
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.body(x)
        return scores


class Projection(nn.Module):
    """Places of feature maps as vectors of length 1: for each layer a perceptron of two layers (section 3, figure 2).

    `channels` are those of each layer's features. A `width` of 0 leaves the features as they are.
    """

    def __init__(self, channels: Sequence[int], width: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(c, width), nn.ReLU(inplace=True), nn.Linear(width, width))
            if width
            else nn.Identity()
            for c in channels
        )

    def forward(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """For each layer rows (N * S, width), picture by picture, of features (N, C, h, w) at S places of h * w.

        Single precision also under autocast: the first outputs are of the size of 1e-5.
        """
        rows: list[Tensor] = []
        for head, feature, place in zip(self.heads, features, places, strict=True):
            with torch.autocast(feature.device.type, enabled=False):
                sampled = single(feature.flatten(2).index_select(2, place))  # (N, C, S)
                rows.append(normalized(head(sampled.transpose(1, 2).flatten(0, 1))))
        return rows
