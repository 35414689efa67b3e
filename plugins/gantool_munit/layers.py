"""Layers of MUNIT and UNIT: the convolution block and the residual block."""

from __future__ import annotations

from torch import Tensor, nn

from gantool.networks.layers import ReflectionPad, ReplicationPad
from gantool.networks.norms import AdaIN, DeviationLayerNorm, InstanceNorm
from gantool.networks.spectral import SpectralConv2d
from gantool.networks.strips import Layer, WithStyle, change_in_place

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
        if norm == "spectral":  # the authors' moves in evaluation, too
            self.conv: nn.Conv2d = SpectralConv2d(into, out, kernel, stride, evaluation="moves")
        else:
            self.conv = convolution(into, out, kernel, stride)
        self.norm = _norm(norm, out)
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor, *style: Tensor) -> Tensor:
        y: Tensor = self.activation(self.norm(self.conv(self.pad(x)), *style))
        return y

    def layers(self, *style: Tensor) -> list[Layer]:
        """Its layers, for `gantool.networks.strips`."""
        return [self.pad, self.conv, WithStyle(self.norm, *style) if style else self.norm, self.activation]


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

    def work_in_place(self, x: Tensor, strip: int, adain: Tensor | None = None) -> None:
        """x (1, C, H, W) becomes what `forward` gives, in strips of so many rows: see `gantool.networks.strips`."""
        style = () if adain is None else adain[..., None, None].chunk(4, dim=1)
        x += change_in_place(x, [*self.first.layers(*style[:2]), *self.second.layers(*style[2:])], strip)


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
    return ReplicationPad(width) if padding == "replicate" else nn.ZeroPad2d(width)


def _norm(norm: str, channels: int) -> nn.Module:
    if norm == "instance":
        return InstanceNorm(channels)
    if norm == "adain":
        return AdaIN(channels)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    return DeviationLayerNorm(channels) if norm == "layer" else nn.Identity()
