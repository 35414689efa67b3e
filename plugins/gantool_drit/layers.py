"""Layers that DRIT's networks are made of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.layers import ReflectionPad
from gantool.networks.norms import InstanceNorm
from gantool.networks.resnet import ResidualBlock


class SpectralConv(nn.Module):
    """A convolution without padding whose kernel is divided by its largest singular value (Miyato et al. 2018).

    In training every pass makes one step of the power iteration and keeps the result in `weight`; evaluation uses that.
    It needs no right vector: one step finds it from the left one, `weight_u`.
    """

    mixes_pictures = True  # every pass moves `weight_u`: two pictures in one pass are not two passes
    weight: Tensor
    weight_u: Tensor

    def __init__(self, i: int, o: int, kernel: int, stride: int) -> None:
        super().__init__()
        plain = nn.Conv2d(i, o, kernel)  # the published code leaves torch's own initialisation here
        self.stride, self.bias, self.weight_orig = stride, plain.bias, plain.weight
        self.register_buffer("weight", plain.weight.detach().clone())
        self.register_buffer("weight_u", F.normalize(torch.randn(o), dim=0))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.normalised() if self.training else self.weight, self.bias, self.stride)

    def normalised(self) -> Tensor:
        """The kernel over its singular value, after one more step of the power iteration."""
        with torch.autocast(self.weight.device.type, enabled=False):
            matrix = self.weight_orig.flatten(1)
            with torch.no_grad():
                v = F.normalize(matrix.t() @ self.weight_u, dim=0)
                u = F.normalize(matrix @ v, dim=0)
            kernel = self.weight_orig / torch.dot(u, matrix @ v)
            with torch.no_grad():
                self.weight_u.copy_(u)
                self.weight.copy_(kernel)
            return kernel


class LayerNorm(nn.Module):
    """Layer normalisation of each picture over (C, H, W), with one weight and one bias for each channel, (C, 1, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, 1, self.weight.flatten(), self.bias.flatten(), eps=1e-5)


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
    return ResidualBlock(channels, "instance", dropout=False, padding="reflect")


def conv(i: int, o: int, kernel: int, stride: int, *, spectral_norm: bool = False) -> nn.Module:
    """A convolution with bias and without padding."""
    return SpectralConv(i, o, kernel, stride) if spectral_norm else nn.Conv2d(i, o, kernel, stride)


def leaky_conv(i: int, o: int, kernel: int, stride: int, padding: int, *, spectral_norm: bool = False) -> nn.Sequential:
    layer = conv(i, o, kernel, stride, spectral_norm=spectral_norm)
    return nn.Sequential(ReflectionPad(padding), layer, nn.LeakyReLU(0.01, inplace=True))


def norm_conv(i: int, o: int, kernel: int, stride: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        ReflectionPad(padding), nn.Conv2d(i, o, kernel, stride), InstanceNorm(o), nn.ReLU(inplace=True)
    )


def up_conv(i: int, o: int) -> nn.Sequential:
    """(N, i, h, w) to (N, o, 2h, 2w)."""
    return nn.Sequential(nn.ConvTranspose2d(i, o, 3, 2, 1, output_padding=1), LayerNorm(o), nn.ReLU(inplace=True))


def with_maps(x: Tensor, z: Tensor) -> Tensor:
    """Features (N, C, h, w) with codes (N, S) as constant maps behind them: (N, C + S, h, w)."""
    maps = z[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, maps.to(x.dtype)], dim=1)
