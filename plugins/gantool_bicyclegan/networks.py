"""BicycleGAN's networks: a U-Net that takes a latent code, two encoders, and a discriminator of several scales.

Every convolution has a bias, whatever the norm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.layers import Tanh, enlarged
from gantool.networks.multiscale import MultiScaleDiscriminator
from gantool.networks.norms import norm_layer
from gantool.networks.precision import single

if TYPE_CHECKING:
    from gantool_bicyclegan import BicycleGAN

ACTIVATIONS = ("relu", "lrelu", "elu")
_POOLED = 8  # the side of the encoders' last map at the size that their depth is made for


def _norms(norm: str, channels: int) -> list[nn.Module]:
    return [] if norm == "none" else [norm_layer(norm, channels)]


def _activation(name: str) -> nn.Module:
    if name == "lrelu":
        return nn.LeakyReLU(0.2, inplace=True)
    return nn.ELU(inplace=True) if name == "elu" else nn.ReLU(inplace=True)


def _doubled(into: int, out: int, upsample: str) -> list[nn.Module]:
    """Layers to `out` channels at twice the sides."""
    if upsample == "basic":
        return [nn.ConvTranspose2d(into, out, 4, stride=2, padding=1)]
    return [*enlarged(nn.Conv2d(into, out, 3))]


class StyleUnet(nn.Module):
    """Pictures (N, in_channels, H, W) in [-1, 1] and codes (N, nz) to pictures (N, out_channels, H, W) in [-1, 1].

    `depth` levels, each of which halves the sides: H and W must be multiples of 2^depth. The code is repeated
    over H x W and joins the channels at the input of every level (`where` "all") or of the outermost alone
    ("input"). `dropout` (p = 0.5) acts on the way up in levels 4 to depth - 2, counted from the outermost, 0.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        nz: int = 8,
        width: int = 64,
        depth: int = 8,
        where: str = "all",
        norm: str = "instance",
        activation: str = "relu",
        upsample: str = "basic",
        dropout: bool = False,
    ) -> None:
        super().__init__()
        if depth < 3:
            raise ValueError(f"a U-Net needs at least 3 levels, not {depth}")
        self.everywhere = where == "all" and nz > 0
        codes = nz if self.everywhere else 0
        channels = [width * min(2**level, 8) for level in range(depth)]
        down: list[nn.Module] = [nn.Sequential(nn.Conv2d(in_channels + nz, width, 4, stride=2, padding=1))]
        up: list[nn.Module] = [
            nn.Sequential(_activation(activation), *_doubled(2 * width, out_channels, upsample), Tanh())
        ]
        for level in range(1, depth):
            outer, inner, innermost = channels[level - 1], channels[level], level == depth - 1
            convolution = nn.Conv2d(outer + codes, inner, 4, stride=2, padding=1)
            down.append(nn.Sequential(convolution, *([] if innermost else _norms(norm, inner))))
            joined = inner if innermost else 2 * inner
            layers = [_activation(activation), *_doubled(joined, outer, upsample), *_norms(norm, outer)]
            if dropout and 4 <= level < depth - 1:
                layers.append(nn.Dropout(0.5))
            up.append(nn.Sequential(*layers))
        self.down = nn.ModuleList(down)  # level l: (N, c_l, H / 2^(l+1), W / 2^(l+1))
        self.up = nn.ModuleList(up)  # level l: (N, c_(l-1), H / 2^l, W / 2^l)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        skips: list[Tensor] = []
        x = self.down[0](_with_code(x, z))
        for layer in self.down[1:]:
            # What goes across is x as it is where a code joins at every level, and the activated x where none does.
            # That makes a difference to the activations other than ReLU, which see it next.
            skips.append(x)
            x = layer(F.leaky_relu_(_with_code(x, z) if self.everywhere else x, 0.2))
        x = self.up[-1](x)
        for layer in reversed(self.up[:-1]):
            x = layer(torch.cat([x, skips.pop()], dim=1))
        return x


def _with_code(x: Tensor, z: Tensor) -> Tensor:
    return torch.cat([x, z.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)


class Encoder(nn.Module):
    """Pictures (N, in_channels, H, W) in [-1, 1] to mean and logarithm of the variance of their codes, (N, nz) both.

    `layers` halvings lead to the last map: five for pictures of 256 pixels, four for 128, which makes it 8 x 8. Its
    mean goes into the two heads. `pool` "corner" takes the mean of the map's upper left 8 x 8 values alone: with larger
    pictures the authors' code does that. `kind` is "resnet" or "conv". Both results are at least in single precision.
    """

    def __init__(
        self,
        in_channels: int,
        nz: int = 8,
        *,
        kind: str = "resnet",
        width: int = 64,
        layers: int = 5,
        norm: str = "instance",
        pool: str = "all",
    ) -> None:
        super().__init__()
        self.corner = pool == "corner"
        body: list[nn.Module] = [nn.Conv2d(in_channels, width, 4, stride=2, padding=1)]  # (N, width, H/2, W/2)
        out = width
        if kind == "resnet":
            for n in range(1, layers):
                into, out = out, width * min(n + 1, 4)
                body.append(EncoderBlock(into, out, norm))
        else:
            for n in range(1, layers):
                into, out = out, width * min(2**n, 4)
                body += [
                    nn.LeakyReLU(0.2, inplace=True),
                    nn.Conv2d(into, out, 4, stride=2, padding=1),
                    *_norms(norm, out),
                ]
        self.body = nn.Sequential(*body, nn.LeakyReLU(0.2, inplace=True))  # (N, out, H / 2^layers, W / 2^layers)
        self.mu = nn.Linear(out, nz)
        self.logvar = nn.Linear(out, nz)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.body(x)
        if self.corner:
            x = x[..., :_POOLED, :_POOLED]
        x = x.mean(dim=(2, 3))
        mu, logvar = self.mu(x), self.logvar(x)
        return single(mu), single(logvar)


class EncoderBlock(nn.Module):
    """A residual block with the activations in front (He et al. 2016, arXiv 1603.05027): (N, in, H, W) to
    (N, out, H/2, W/2)."""

    def __init__(self, into: int, out: int, norm: str) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_norms(norm, into),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(into, into, 3, padding=1),
            *_norms(norm, into),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(into, out, 3, padding=1),
        )
        self.shortcut = nn.Conv2d(into, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        # Where there is no norm the body's first activation changes x itself, and the shortcut sees that: so do the
        # authors' weights expect it.
        changed = F.avg_pool2d(self.body(x), 2)
        shortcut: Tensor = self.shortcut(F.avg_pool2d(x, 2))
        return changed + shortcut


def patches(into: int, width: int, layers: int, norm: str) -> nn.Sequential:
    """Pictures (N, into, H, W) to a map of scores (N, 1, h, w). They are logits: no sigmoid.

    `layers` counts the stride-2 convolutions: 3 judge patches of 70 x 70.
    """
    body: list[nn.Module] = [nn.Conv2d(into, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    channels = [width * min(2**n, 8) for n in range(layers + 1)]
    for n in range(1, layers + 1):
        body += [
            nn.Conv2d(channels[n - 1], channels[n], 4, stride=2 if n < layers else 1, padding=1),
            *_norms(norm, channels[n]),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    return nn.Sequential(*body, nn.Conv2d(channels[layers], 1, 4, stride=1, padding=1))


def generator(o: BicycleGAN.Options, in_channels: int, out_channels: int) -> StyleUnet:
    """The generator that the options describe."""
    return StyleUnet(
        in_channels,
        out_channels,
        nz=o.nz,
        width=o.width,
        depth=o.depth,
        where=o.where,
        norm=o.norm,
        activation=o.activation,
        upsample=o.upsample,
        dropout=o.dropout,
    )


def encoder(o: BicycleGAN.Options, channels: int) -> Encoder:
    """The encoder that the options describe."""
    return Encoder(channels, o.nz, kind=o.encoder, width=o.e_width, layers=o.e_layers, norm=o.norm, pool=o.e_pool)


def discriminator(o: BicycleGAN.Options, channels: int, layers: int | None = None) -> MultiScaleDiscriminator:
    """D, or with `layers` the other one: each scale half as wide as the one before."""
    widths = [max(1, round(o.d_width / 2**i)) for i in range(o.scales)]
    return MultiScaleDiscriminator(patches(channels, width, layers or o.d_layers, o.norm) for width in widths)
