"""The two networks of StarGAN (tables 4 and 5 of the paper). Layers are numbered as in the authors' files."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from gantool.errors import UsageError
from gantool.networks.layers import OutputConv, Tanh, enlarged
from gantool.networks.norms import AffineInstanceNorm
from gantool.networks.strips import Held, Mapped, bytes_in_all, change_in_place, hold, through


class Generator(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] and labels (N, `labels`) to pictures (N, 3, H, W) in [-1, 1].

    H and W are multiples of 4, at least 8. The labels are spread over the picture as further channels. They reach the
    network through its borders alone: a constant channel only adds a constant to each map of the first layer, which the
    norm takes away. So every padding is zeros; with reflections the labels would have no effect.
    """

    strip_rows: int | None = None
    """Rows of a strip, where `forward` goes in strips: see `gantool.networks.strips`. That gives no gradients."""

    def __init__(self, labels: int, *, width: int = 64, blocks: int = 6, upsample: str = "transposed") -> None:
        super().__init__()
        w = width
        self.width, self.labels, self.upsample = width, labels, upsample
        self.main = nn.Sequential(
            *_normed(nn.Conv2d(3 + labels, w, 7, padding=3, bias=False)),  # (N, w, H, W)
            *_normed(nn.Conv2d(w, 2 * w, 4, stride=2, padding=1, bias=False)),
            *_normed(nn.Conv2d(2 * w, 4 * w, 4, stride=2, padding=1, bias=False)),  # (N, 4 w, H/4, W/4)
            *(ResidualBlock(4 * w) for _ in range(blocks)),
            *_doubled(4 * w, 2 * w, upsample),
            *_doubled(2 * w, w, upsample),  # (N, w, H, W)
            OutputConv(w, 3, 7, padding=3, bias=False),
            Tanh(),
        )

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        maps = labels.to(x.dtype)[:, :, None, None].expand(x.shape[0], -1, x.shape[2], x.shape[3])
        if self.strip_rows is not None:
            pairs = zip(x.split(1), maps.split(1), strict=True)
            return torch.cat([self._in_strips(picture, told, self.strip_rows) for picture, told in pairs])
        pictures: Tensor = self.main(torch.cat((x, maps), dim=1))
        return pictures

    def _in_strips(self, x: Tensor, maps: Tensor, strip: int) -> Tensor:
        told = Mapped(Held(x), lambda rows: torch.cat((rows, maps[:, :, : rows.shape[2]]), dim=1))
        return hold(through(told, self.main, strip, x.shape[2]), strip)

    def can_run_in_strips(self) -> bool:
        """Always: all its norms look at one picture."""
        return True

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture takes, as a whole or in strips.

        Fitted, from above, to measurements on a CPU in single precision (widths 8 and 32).
        """
        w, size = self.width, (height, width)
        return bytes_in_all(
            size,
            rows,
            whole=(6 if self.upsample == "bilinear" else 3) * w + 70 + 2 * self.labels,
            held=w // 2 + 12,
            strip=4 * w + 120 + 2 * self.labels,
            width=w,
        )


class ResidualBlock(nn.Module):
    """x + f(x) with two 3x3 convolutions and nothing after the sum; (N, C, H, W) both ways."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *_normed(nn.Conv2d(channels, channels, 3, padding=1, bias=False)),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            AffineInstanceNorm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.main(x)
        return x + changed

    def work_in_place(self, x: Tensor, strip: int) -> None:
        """See `gantool.networks.strips`."""
        x += change_in_place(x, [*self.main], strip)


class Discriminator(nn.Module):
    """Pictures (N, 3, size, size) to patch scores (N, 1, size / 2^layers, the same) and logits (N, `labels`).

    The scores are unbounded; the higher, the more real. The head of the labels is as large as its map, so that the
    network takes squares of this one size. Raises UsageError for a size below 2^layers.
    """

    def __init__(self, size: int, labels: int, *, width: int = 64, layers: int = 6) -> None:
        super().__init__()
        if size < 2**layers:
            raise UsageError(
                f"a discriminator of d_layers={layers} needs pictures of at least {2**layers} pixels, not {size}: "
                f"larger crops, or d_layers={size.bit_length() - 1}"
            )
        self.size = size
        channels = [3, *(width * 2**layer for layer in range(layers))]
        self.main = nn.Sequential()
        for inside, outside in pairwise(channels):
            self.main.append(nn.Conv2d(inside, outside, 4, stride=2, padding=1))
            self.main.append(nn.LeakyReLU(0.01, inplace=True))
        self.conv1 = nn.Conv2d(channels[-1], 1, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels[-1], labels, size // 2**layers, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self._features(x)
        return self.conv1(features), self.conv2(features).flatten(1)

    def source(self, x: Tensor) -> Tensor:
        """The patch scores alone."""
        scores: Tensor = self.conv1(self._features(x))
        return scores

    def logits(self, x: Tensor) -> Tensor:
        """The logits of the labels alone."""
        logits: Tensor = self.conv2(self._features(x)).flatten(1)
        return logits

    def _features(self, x: Tensor) -> Tensor:
        if x.shape[-2:] != (self.size, self.size):
            raise UsageError(
                f"the discriminator takes squares of {self.size} pixels, not {x.shape[-1]}x{x.shape[-2]}: "
                "choose a preprocess that crops"
            )
        features: Tensor = self.main(x)
        return features


def _doubled(inside: int, outside: int, upsample: str) -> list[nn.Module]:
    if upsample == "bilinear":
        resize, pad, conv = enlarged(nn.Conv2d(inside, outside, 3, bias=False))
        return [resize, pad, *_normed(conv)]
    return [*_normed(nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1, bias=False))]


def _normed(convolution: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, nn.Module, nn.Module]:
    return convolution, AffineInstanceNorm(convolution.out_channels), nn.ReLU(inplace=True)
