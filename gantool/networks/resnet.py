"""The ResNet generator of Johnson et al. 2016 (arXiv 1603.08155) as CycleGAN and pix2pix use it, whole or in strips."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantool.networks.layers import (
    NormedConv2d,
    NormedConvTranspose2d,
    OutputConv,
    ReflectionPad,
    ReplicationPad,
    Tanh,
    enlarged,
)
from gantool.networks.norms import norm_layer, unless_constant
from gantool.networks.strips import change_in_place, run, settled

PADDINGS = ("reflect", "replicate", "zero")


class ResnetGenerator(nn.Module):
    """Pictures (N, in_channels, H, W) in [-1, 1] to pictures (N, out_channels, H, W) in [-1, 1].

    H and W must be multiples of 4 and at least 8. `padding` is that of the residual blocks; `dropout` puts one (p =
    0.5) into each block. `upsample`: "transposed" convolutions, or "bilinear" (`layers.enlarged`). Convolutions before
    a norm have a bias only where the norm does not bring one (not "batch" and "none", as in the reference). With batch
    norm, a batch that is one constant gives no gradients: a bias that is all there is to see of it would get 300 times
    as large ones.
    """

    strip_rows: int | None = None
    """Rows of a strip, where `forward` goes in strips: see `gantool.networks.strips`. That gives no gradients."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int = 64,
        blocks: int = 9,
        norm: str = "instance",
        dropout: bool = False,
        padding: str = "reflect",
        upsample: str = "transposed",
    ) -> None:
        super().__init__()
        bias = norm == "instance"
        conv, transposed = (NormedConv2d, NormedConvTranspose2d) if bias else (nn.Conv2d, nn.ConvTranspose2d)

        def doubled(inside: int, outside: int) -> list[nn.Module]:
            if upsample == "bilinear":
                return [*enlarged(conv(inside, outside, 3, bias=bias))]
            return [transposed(inside, outside, 3, stride=2, padding=1, output_padding=1, bias=bias)]

        w = width
        self.width = width
        self.channels = in_channels + out_channels
        self.norm, self.upsample = norm, upsample
        self.stem = nn.Sequential(  # (N, w, H, W)
            ReflectionPad(3), conv(in_channels, w, 7, bias=bias), norm_layer(norm, w), nn.ReLU(inplace=True)
        )
        self.down = nn.Sequential(  # (N, 4 w, H/4, W/4)
            conv(w, 2 * w, 3, stride=2, padding=1, bias=bias),
            norm_layer(norm, 2 * w),
            nn.ReLU(inplace=True),
            conv(2 * w, 4 * w, 3, stride=2, padding=1, bias=bias),
            norm_layer(norm, 4 * w),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(4 * w, norm, dropout, padding) for _ in range(blocks)))
        self.up = nn.Sequential(  # (N, w, H, W)
            *doubled(4 * w, 2 * w),
            norm_layer(norm, 2 * w),
            nn.ReLU(inplace=True),
            *doubled(2 * w, w),
            norm_layer(norm, w),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Sequential(ReflectionPad(3), OutputConv(w, out_channels, 7), Tanh())

    def forward(self, x: Tensor) -> Tensor:
        if self.strip_rows is not None:
            return torch.cat([run(picture, self.children(), self.strip_rows) for picture in x.split(1)])
        output: Tensor = self.head(self.up(self.blocks(self.down(self.stem(x)))))
        return unless_constant(x, output, (0, 2, 3)) if self.norm == "batch" else output

    def can_run_in_strips(self) -> bool:
        """Whether no batch norm takes the picture's own statistics, and no dropout draws."""
        return settled(self)

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture takes as a whole, or in strips: two tensors of a quarter of the resolution, and a strip.

        Fitted, from above, to measurements on a CPU in single precision (widths 4 to 64, sides of 256 to 2048; 950
        bytes a pixel at width 64). Half precision takes less where the processor has it.
        """
        w, channels = self.width, self.channels
        fixed = 8000 * w**2  # oneDNN's reordered copy of the weights
        if rows is None:
            maps = 6 * w if self.upsample == "bilinear" else 3 * w
            return height * width * 4 * (maps + 50 + channels) + fixed
        return height * width * 4 * (w // 2 + channels) + rows * width * 4 * (6 * w + 120) + fixed


class ResidualBlock(nn.Module):
    """x + f(x) with two 3x3 convolutions and no activation after the sum; (N, C, H, W) both ways.

    The convolutions have a bias where `bias` says so. By default they have one before an instance norm, which takes it
    away again: it is kept, and left out of the sums.
    """

    def __init__(
        self, channels: int, norm: str, dropout: bool = False, padding: str = "reflect", *, bias: bool | None = None
    ) -> None:
        super().__init__()
        if padding not in PADDINGS:
            raise ValueError(f"there is no padding {padding!r}; known: {', '.join(PADDINGS)}")
        conv = NormedConv2d if bias is None and norm == "instance" else nn.Conv2d
        bias = norm == "instance" if bias is None else bias
        layers: list[nn.Module] = []
        for last in (False, True):
            if padding == "reflect":
                layers.append(ReflectionPad(1))
            elif padding == "replicate":
                layers.append(ReplicationPad(1))
            layers.append(conv(channels, channels, 3, padding=int(padding == "zero"), bias=bias))
            layers.append(norm_layer(norm, channels))
            if not last:
                layers.append(nn.ReLU(inplace=True))
                if dropout:
                    layers.append(nn.Dropout(0.5))
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.body(x)
        return x + changed

    def work_in_place(self, x: Tensor, strip: int) -> None:
        """See `gantool.networks.strips`."""
        x += change_in_place(x, [*self.body], strip)
