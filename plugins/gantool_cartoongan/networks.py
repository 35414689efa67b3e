"""CartoonGAN's two networks (figure 2 of the paper), as the authors' files have them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantool.networks.initialization import initialize
from gantool.networks.layers import NormedConv2d, OutputConv, ReflectionPad, Tanh, enlarged
from gantool.networks.norms import AffineInstanceNorm, InstanceNorm, unless_constant
from gantool.networks.strips import change_in_place, run

PADDINGS = ("reflect", "zero")
UPSAMPLINGS = ("transposed", "nearest", "bilinear")


class Generator(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] to pictures (N, 3, H, W) in [-1, 1]; H and W at least 8.

    The output's sides are rounded up to multiples of 4. Each change of scale is two convolutions with nothing between
    them. `padding` is that of the first layer, the last, and the residual blocks; all others pad with zeros.
    `upsample`: "transposed" convolutions as the authors', or "nearest" neighbours or "bilinear" interpolation, and a
    convolution.

    A picture of one colour gives no gradients: all there is to see of it are the borders that zero padding makes behind
    a bias, and every norm makes them 316 times as large.
    """

    strip_rows: int | None = None
    """Rows of a strip, where `forward` goes in strips: see `gantool.networks.strips`. That gives no gradients."""

    def __init__(
        self,
        *,
        width: int = 64,
        blocks: int = 8,
        padding: str = "reflect",
        affine: bool = True,
        eps: float = 1e-5,
        upsample: str = "transposed",
    ) -> None:
        super().__init__()
        w = width
        self.width = width
        self.stem = nn.Sequential(  # (N, w, H, W)
            _pad(padding, 3), NormedConv2d(3, w, 7), _norm(w, affine, eps), nn.ReLU(inplace=True)
        )
        self.down = nn.Sequential(  # (N, 4 w, H/4, W/4)
            nn.Conv2d(w, 2 * w, 3, stride=2, padding=1),
            NormedConv2d(2 * w, 2 * w, 3, padding=1),
            _norm(2 * w, affine, eps),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * w, 4 * w, 3, stride=2, padding=1),
            NormedConv2d(4 * w, 4 * w, 3, padding=1),
            _norm(4 * w, affine, eps),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(4 * w, padding, affine, eps) for _ in range(blocks)))
        self.up = nn.Sequential(  # (N, w, H, W)
            _doubling(upsample, 4 * w, 2 * w),
            NormedConv2d(2 * w, 2 * w, 3, padding=1),
            _norm(2 * w, affine, eps),
            nn.ReLU(inplace=True),
            _doubling(upsample, 2 * w, w),
            NormedConv2d(w, w, 3, padding=1),
            _norm(w, affine, eps),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Sequential(_pad(padding, 3), OutputConv(w, 3, 7), Tanh())

    def forward(self, x: Tensor) -> Tensor:
        if self.strip_rows is not None:
            return torch.cat([run(picture, self.children(), self.strip_rows) for picture in x.split(1)])
        pictures: Tensor = self.head(self.up(self.blocks(self.down(self.stem(x)))))
        return unless_constant(x, pictures)

    def can_run_in_strips(self) -> bool:
        """It always can: there is no layer that draws or looks at other pictures."""
        return True

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture takes as a whole, or in strips: two tensors of a quarter of the resolution, and a strip.

        Fitted, from above, to measurements on a CPU in single precision (widths 4 to 64, sides of 512 to 1536).
        """
        w, nearest = self.width, isinstance(self.up[0], nn.Sequential)
        fixed = 8000 * w**2  # oneDNN's reordered copy of the weights
        if rows is None:
            return height * width * 4 * ((6 if nearest else 4) * w + 64) + fixed
        return height * width * 4 * (w // 2 + 6) + rows * width * 4 * ((20 if nearest else 10) * w + 120) + fixed


class ResidualBlock(nn.Module):
    """x + f(x) with two 3x3 convolutions and nothing after the sum; (N, C, H, W) both ways."""

    def __init__(self, channels: int, padding: str, affine: bool, eps: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _pad(padding, 1),
            NormedConv2d(channels, channels, 3),
            _norm(channels, affine, eps),
            nn.ReLU(inplace=True),
            _pad(padding, 1),
            NormedConv2d(channels, channels, 3),
            _norm(channels, affine, eps),
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.body(x)
        return x + changed

    def work_in_place(self, x: Tensor, strip: int) -> None:
        """See `gantool.networks.strips`."""
        x += change_in_place(x, [*self.body], strip)


class Discriminator(nn.Module):
    """Pictures (N, 3, H, W) to a map of scores (N, 1, H/4, W/4), with the paper's 3 `layers`: logits, no sigmoid.

    Each layer but the first halves the sides and has twice the channels: shallow, since edges are local.
    """

    def __init__(self, *, width: int = 32, layers: int = 3, affine: bool = True) -> None:
        super().__init__()
        body: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        inside = width
        for layer in range(1, layers):
            w = width * min(2**layer, 8)
            body += [
                nn.Conv2d(inside, w, 3, stride=2, padding=1),
                nn.LeakyReLU(0.2, inplace=True),
                NormedConv2d(w, 2 * w, 3, padding=1),
                _norm(2 * w, affine, 1e-5),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            inside = 2 * w
        body += [
            NormedConv2d(inside, inside, 3, padding=1),
            _norm(inside, affine, 1e-5),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(inside, 1, 3, padding=1),
        ]
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.body(x)
        return scores


def begin(network: nn.Module) -> None:
    """The authors' first weights: convolutions N(0, 0.02), biases and shifts 0, scales of norms uniform in [0, 1)."""
    initialize(network)
    for module in network.modules():
        if isinstance(module, AffineInstanceNorm):
            nn.init.uniform_(module.weight)


def _pad(padding: str, width: int) -> nn.Module:
    return ReflectionPad(width) if padding == "reflect" else nn.ZeroPad2d(width)


def _norm(channels: int, affine: bool, eps: float) -> nn.Module:
    return AffineInstanceNorm(channels, eps) if affine else InstanceNorm(channels, eps)


def _doubling(upsample: str, inside: int, outside: int) -> nn.Module:
    if upsample == "bilinear":
        return nn.Sequential(*enlarged(nn.Conv2d(inside, outside, 3)))
    if upsample == "nearest":
        return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(inside, outside, 3, padding=1))
    return nn.ConvTranspose2d(inside, outside, 3, stride=2, padding=1, output_padding=1)
