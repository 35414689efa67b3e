"""Layers of MUNIT and UNIT: the convolution block, the residual block, and their norms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantool.networks.layers import ReflectionPad
from gantool.networks.norms import InstanceNorm
from gantool.networks.precision import single

ACTIVATIONS = ("relu", "lrelu", "prelu", "selu", "tanh", "none")
NORMS = ("none", "instance", "batch", "layer", "spectral")


class ConvBlock(nn.Module):
    """Padding, convolution with bias, norm, activation: (N, into, H, W) to (N, out, H / stride, W / stride).

    `norm` is one of NORMS or "adain", whose shift and scale `forward` takes as further arguments.
    """

    def __init__(
        self,
        into: int,
        out: int,
        kernel: int,
        stride: int = 1,
        *,
        norm: str = "none",
        activation: str = "none",
        padding: str = "reflect",
        convolution: type[nn.Conv2d] = nn.Conv2d,
    ) -> None:
        super().__init__()
        self.pad = _padding(padding, (kernel - 1) // 2)
        self.conv = (SpectralConv if norm == "spectral" else convolution)(into, out, kernel, stride)
        self.norm = _norm(norm, out)
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor, *style: Tensor) -> Tensor:
        y: Tensor = self.activation(self.norm(self.conv(self.pad(x)), *style))
        return y


class ResidualBlock(nn.Module):
    """x + f(x) with two 3x3 convolutions and no activation after the second or the sum; (N, C, H, W) both ways.

    With `norm` "adain", `forward` takes the parameters of both norms, (N, 4 C): shift and scale of the first, then of
    the second.
    """

    def __init__(self, channels: int, norm: str, activation: str, padding: str) -> None:
        super().__init__()
        self.first = ConvBlock(channels, channels, 3, norm=norm, activation=activation, padding=padding)
        self.second = ConvBlock(channels, channels, 3, norm=norm, padding=padding)

    def forward(self, x: Tensor, adain: Tensor | None = None) -> Tensor:
        if adain is None:
            changed: Tensor = self.second(self.first(x))
        else:
            shift_1, scale_1, shift_2, scale_2 = adain[..., None, None].chunk(4, dim=1)
            changed = self.second(self.first(x, shift_1, scale_1), shift_2, scale_2)
        return x + changed


class AdaIN(nn.Module):
    """Adaptive instance norm (Huang and Belongie 2017, arXiv 1703.06868): normalised x (N, C, H, W) times `scale` plus
    `shift`, both (N, C, 1, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = InstanceNorm(channels)

    def forward(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        normalised: Tensor = self.norm(x)
        return torch.addcmul(shift, normalised, scale)


class LayerNorm(nn.Module):
    """(x - m) / (s + eps) * gamma + beta over the whole of each sample, (N, C, H, W), gamma and beta a channel.

    MUNIT's own: s is the unbiased standard deviation, and eps is added to it, not to the variance. Statistics are in
    single precision or better: sums over a sample overflow half precision.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.rand(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        wide = single(x)
        _, channels, height, width = x.shape
        centred = wide - wide.mean((1, 2, 3), keepdim=True)
        # First over the pixels, then over the channels: a single sum of so many squares would lose four digits.
        length = torch.linalg.vector_norm(torch.linalg.vector_norm(centred, dim=(2, 3)), dim=1)
        deviation = (length * (1 / (channels * height * width - 1)) ** 0.5).view(-1, 1, 1, 1)
        scale = self.gamma.view(-1, 1, 1) / (deviation + self.eps)
        y: Tensor = torch.addcmul(self.beta.view(-1, 1, 1), centred, scale)
        return y.to(x.dtype)


class SpectralConv(nn.Conv2d):
    """A convolution whose weight is divided by its largest singular value (Miyato et al. 2018, arXiv 1802.05957).

    Every pass, in training and evaluation, moves the estimate by one power iteration: so passes cannot share a batch.
    """

    mixes_pictures = True
    u: Tensor
    v: Tensor

    def __init__(self, into: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(into, out, kernel, stride)
        self.register_buffer("u", _unit(torch.randn(out)))
        self.register_buffer("v", _unit(torch.randn(into * kernel * kernel)))

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            matrix = self.weight.flatten(1)
            with torch.no_grad():
                v = _unit(matrix.t().mv(self.u))
                u = _unit(matrix.mv(v))
                self.u.copy_(u)
                self.v.copy_(v)
            weight = self.weight / u.dot(matrix.mv(v))
        y: Tensor = self._conv_forward(x, weight, self.bias)
        return y


def activation_layer(name: str) -> nn.Module:
    """The layer that one of ACTIVATIONS names."""
    layers: dict[str, nn.Module] = {
        "relu": nn.ReLU(inplace=True),
        "lrelu": nn.LeakyReLU(0.2, inplace=True),
        "prelu": nn.PReLU(),
        "selu": nn.SELU(inplace=True),
        "tanh": nn.Tanh(),
        "none": nn.Identity(),
    }
    return layers[name]


def _padding(padding: str, width: int) -> nn.Module:
    if padding == "reflect":
        return ReflectionPad(width)
    return nn.ReplicationPad2d(width) if padding == "replicate" else nn.ZeroPad2d(width)


def _norm(norm: str, channels: int) -> nn.Module:
    if norm == "instance":
        return InstanceNorm(channels)
    if norm == "adain":
        return AdaIN(channels)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    return LayerNorm(channels) if norm == "layer" else nn.Identity()


def _unit(vector: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(vector) + 1e-12
    return vector / length
