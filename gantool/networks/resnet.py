"""The ResNet generator of Johnson et al. 2016 (arXiv 1603.08155) as CycleGAN and pix2pix use it."""

from __future__ import annotations

from torch import Tensor, nn

from gantool.networks.layers import NormedConv2d, NormedConvTranspose2d, OutputConv, ReflectionPad, Tanh
from gantool.networks.norms import norm_layer, unless_constant
from gantool.networks.strips import resnet_in_strips

PADDINGS = ("reflect", "replicate", "zero")


class ResnetGenerator(nn.Module):
    """Pictures (N, in_channels, H, W) in [-1, 1] to pictures (N, out_channels, H, W) in [-1, 1].

    H and W must be multiples of 4 and at least 8. `padding` is that of the residual blocks; `dropout` puts one (p =
    0.5) into each block. Convolutions before a norm have a bias only where the norm does not bring one (not "batch" and
    "none", as in the reference). With batch norm, a batch that is one constant gives no gradients: a bias that is all
    there is to see of it would get 300 times as large ones.
    """

    strip_rows: int | None = None
    """Where set, `forward` goes through the picture in strips of this many rows: the same result in much less memory.
    It needs instance norm (or none), no dropout and no gradients."""

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
    ) -> None:
        super().__init__()
        bias = norm == "instance"
        conv, transposed = (NormedConv2d, NormedConvTranspose2d) if bias else (nn.Conv2d, nn.ConvTranspose2d)
        w = width
        self.width = width
        self.norm = norm
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
            transposed(4 * w, 2 * w, 3, stride=2, padding=1, output_padding=1, bias=bias),
            norm_layer(norm, 2 * w),
            nn.ReLU(inplace=True),
            transposed(2 * w, w, 3, stride=2, padding=1, output_padding=1, bias=bias),
            norm_layer(norm, w),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Sequential(ReflectionPad(3), OutputConv(w, out_channels, 7), Tanh())

    def forward(self, x: Tensor) -> Tensor:
        if self.strip_rows is not None:
            return resnet_in_strips(self, x, self.strip_rows)
        output: Tensor = self.head(self.up(self.blocks(self.down(self.stem(x)))))
        return unless_constant(x, output, (0, 2, 3)) if self.norm == "batch" else output


class ResidualBlock(nn.Module):
    """x + f(x) with two 3x3 convolutions and no activation after the sum; (N, C, H, W) both ways."""

    def __init__(self, channels: int, norm: str, dropout: bool, padding: str) -> None:
        super().__init__()
        if padding not in PADDINGS:
            raise ValueError(f"there is no padding {padding!r}; known: {', '.join(PADDINGS)}")
        bias = norm == "instance"
        conv = NormedConv2d if bias else nn.Conv2d
        layers: list[nn.Module] = []
        for last in (False, True):
            if padding == "reflect":
                layers.append(ReflectionPad(1))
            elif padding == "replicate":
                layers.append(nn.ReplicationPad2d(1))
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
