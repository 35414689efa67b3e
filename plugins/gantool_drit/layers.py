"""Layers that DRIT's networks are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantool.networks.layers import ReflectionPad, enlarged
from gantool.networks.norms import InstanceNorm, LayerNorm
from gantool.networks.resnet import ResidualBlock
from gantool.networks.spectral import SpectralConv2d


class PoolingBlock(nn.Module):
    """(N, i, H, W) to (N, o, H/2, W/2): two convolutions and a mean over 2x2 pixels, plus a shortcut (BicycleGAN's)."""

    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LeakyReLU(0.2),
            *(ReflectionPad(1), nn.Conv2d(i, i, 3)),
            nn.LeakyReLU(0.2, inplace=True),
            *(ReflectionPad(1), nn.Conv2d(i, o, 3)),
            nn.AvgPool2d(2),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(i, o, 1))

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = self.body(x) + self.shortcut(x)
        return summed


def residual(channels: int) -> ResidualBlock:
    """A block with instance norm, (N, channels, h, w) both ways."""
    return ResidualBlock(channels, "instance", dropout=False, padding="reflect")


def conv(i: int, o: int, kernel: int, stride: int, *, spectral_norm: bool = False) -> nn.Module:
    """A convolution with bias and without padding. As in PyTorch 0.4, evaluation uses the kernel that training left."""
    if spectral_norm:
        return SpectralConv2d(i, o, kernel, stride, evaluation="kernel")
    return nn.Conv2d(i, o, kernel, stride)


def leaky_conv(i: int, o: int, kernel: int, stride: int, padding: int, *, spectral_norm: bool = False) -> nn.Sequential:
    """A convolution padded by reflection, and a leaky ReLU."""
    layer = conv(i, o, kernel, stride, spectral_norm=spectral_norm)
    return nn.Sequential(ReflectionPad(padding), layer, nn.LeakyReLU(0.01, inplace=True))


def norm_conv(i: int, o: int, kernel: int, stride: int, padding: int) -> nn.Sequential:
    """A convolution padded by reflection, instance norm and a ReLU."""
    return nn.Sequential(
        ReflectionPad(padding), nn.Conv2d(i, o, kernel, stride), InstanceNorm(o), nn.ReLU(inplace=True)
    )


def up_conv(i: int, o: int, upsample: str) -> nn.Sequential:
    """(N, i, h, w) to (N, o, 2h, 2w)."""
    after = LayerNorm(o), nn.ReLU(inplace=True)
    if upsample == "bilinear":
        return nn.Sequential(*enlarged(nn.Conv2d(i, o, 3)), *after)
    return nn.Sequential(nn.ConvTranspose2d(i, o, 3, 2, 1, output_padding=1), *after)


def with_maps(x: Tensor, z: Tensor) -> Tensor:
    """Features (N, C, h, w) with codes (N, S) as constant maps behind them: (N, C + S, h, w)."""
    maps = z[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, maps.to(x.dtype)], dim=1)
