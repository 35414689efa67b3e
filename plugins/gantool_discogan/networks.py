"""DiscoGAN's generator and discriminator (appendix of the paper, and the authors' code)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantool.networks.layers import enlarged
from gantool.networks.precision import single
from gantool.networks.strips import bytes_in_all, run, settled


class Generator(nn.Module):
    """Pictures (N, 3, H, W) in [0, 1] to pictures of the same size in [0, 1]: encoder and decoder, no skips.

    H and W are multiples of 16. With a `bottleneck` a picture goes through that many numbers, and has 64 x 64 pixels.
    """

    strip_rows: int | None = None
    """Rows of a strip, where `forward` goes in strips: see `gantool.networks.strips`. That gives no gradients."""

    def __init__(self, *, width: int = 64, bottleneck: int = 0, upsample: str = "transposed") -> None:
        super().__init__()
        w = width
        self.width, self.bottleneck, self.upsample = width, bottleneck, upsample
        middle: list[nn.Module] = []
        if bottleneck:
            middle = [
                *_conv(8 * w, bottleneck, stride=1, padding=0),  # (N, bottleneck, 1, 1)
                *_normed(8 * w, [nn.ConvTranspose2d(bottleneck, 8 * w, 4, bias=False)]),  # (N, 8 w, 4, 4)
            ]
        self.main = nn.Sequential(
            nn.Conv2d(3, w, 4, stride=2, padding=1, bias=False),  # (N, w, H/2, W/2)
            nn.LeakyReLU(0.2, inplace=True),
            *_conv(w, 2 * w),
            *_conv(2 * w, 4 * w),
            *_conv(4 * w, 8 * w),  # (N, 8 w, H/16, W/16)
            *middle,
            *_normed(4 * w, _doubled(8 * w, 4 * w, upsample)),
            *_normed(2 * w, _doubled(4 * w, 2 * w, upsample)),
            *_normed(w, _doubled(2 * w, w, upsample)),  # (N, w, H/2, W/2)
            *_doubled(w, 3, upsample),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.strip_rows is not None:
            main = torch.cat([run(picture, self.main, self.strip_rows) for picture in x.split(1)])
        else:
            main = self.main(x)
        return torch.sigmoid(single(main))

    def can_run_in_strips(self) -> bool:
        """In evaluation mode, where batch norms look at single pixels; without a bottleneck, which sees all of them."""
        return not self.bottleneck and settled(self)

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture takes, as a whole or in strips.

        Fitted, from above, to measurements on a CPU in single precision (widths 8 and 32).
        """
        w, size = self.width, (height, width)
        whole = 3 * w + 16 if self.upsample == "bilinear" else w + 16
        return bytes_in_all(size, rows, whole=whole, held=w // 8 + 12, strip=w // 2 + 40, width=w)


class Discriminator(nn.Module):
    """Pictures (N, 3, H, W) in [0, 1] to scores (N, 1, H/16 - 3, W/16 - 3), one for 64 x 64 pixels, and three maps.

    Scores are logits: their sigmoid is the probability of "real". The maps are those behind the batch norms,
    (N, 2 w, H/4, W/4) to (N, 8 w, H/16, W/16).
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        w = width
        self.conv1 = nn.Conv2d(3, w, 4, stride=2, padding=1, bias=False)
        self.conv2 = nn.Conv2d(w, 2 * w, 4, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(2 * w)
        self.conv3 = nn.Conv2d(2 * w, 4 * w, 4, stride=2, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * w)
        self.conv4 = nn.Conv2d(4 * w, 8 * w, 4, stride=2, padding=1, bias=False)
        self.bn4 = nn.BatchNorm2d(8 * w)
        self.conv5 = nn.Conv2d(8 * w, 1, 4, bias=False)
        self.activation = nn.LeakyReLU(0.2)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        first = self.activation(self.conv1(x))
        second = self.activation(self.bn2(self.conv2(first)))
        third = self.activation(self.bn3(self.conv3(second)))
        fourth = self.activation(self.bn4(self.conv4(third)))
        return self.conv5(fourth), [second, third, fourth]


def _conv(inside: int, outside: int, *, stride: int = 2, padding: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inside, outside, 4, stride, padding, bias=False)
    return [conv, nn.BatchNorm2d(outside), nn.LeakyReLU(0.2, inplace=True)]


def _doubled(inside: int, outside: int, upsample: str) -> list[nn.Module]:
    if upsample == "bilinear":
        return [*enlarged(nn.Conv2d(inside, outside, 3, bias=False))]
    return [nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1, bias=False)]


def _normed(channels: int, layers: list[nn.Module]) -> list[nn.Module]:
    return [*layers, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
