"""Small layers that differ from torch's own in speed or precision, never in what they compute."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.precision import single

_LARGE, _STRIP = 8 * 2**20, 2 * 2**20
"""Bytes of a transposed convolution's result, beyond which it goes in strips, and of a strip's."""


class ReflectionPad(nn.Module):
    """Reflection padding on all sides.

    torch's own, but for the way back on a CPU, where slices are twice as fast, and on a GPU where determinism is asked
    for: torch's is not deterministic there.
    """

    def __init__(self, padding: int) -> None:
        super().__init__()
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        slices = x.device.type == "cpu" or torch.are_deterministic_algorithms_enabled()
        if slices and self.padding and not torch.compiler.is_compiling():
            padded: Tensor = _ReflectionPad.apply(x, self.padding)  # type: ignore[no-untyped-call]
            return padded
        return _reflected(x, self.padding)

    def extra_repr(self) -> str:
        return str(self.padding)


class ReplicationPad(nn.ReplicationPad2d):
    """Padding on all sides with the border's pixels.

    torch's own, except in compiled trainings: there torch 2.13 takes its gradient for one of another order in memory,
    and stops.
    """

    def __init__(self, padding: int) -> None:
        super().__init__(padding)

    def forward(self, x: Tensor) -> Tensor:
        if not torch.compiler.is_compiling() or torch.compiler.is_exporting():
            return super().forward(x)
        width = self.padding[0]
        for axis in (2, 3):
            first, last = x.narrow(axis, 0, 1), x.narrow(axis, x.shape[axis] - 1, 1)
            x = torch.cat([*[first] * width, x, *[last] * width], axis)
        return x


class OutputConv(nn.Conv2d):
    """A convolution with a large kernel to a few channels, as at the end of a generator: stride 1, padding with zeros.

    A CPU pads 3 output channels to a full vector and wastes four fifths of its work. So there the kernel's columns
    become channels of a (k x 1) convolution whose shifted outputs are added: the same sums in another order, 2 to 3
    times as fast.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or torch.compiler.is_compiling():
            return super().forward(x)
        width = int(self.padding[0])
        return self.valid(F.pad(x, (width,) * 4) if width else x)

    def valid(self, x: Tensor) -> Tensor:
        """The convolution without padding."""
        if x.device.type != "cpu" or torch.compiler.is_compiling():
            return F.conv2d(x, self.weight, self.bias)
        out, inside, height, width = self.weight.shape
        columns = self.weight.permute(3, 0, 1, 2).reshape(width * out, inside, height, 1)
        parts = F.conv2d(x, columns).unflatten(1, (width, out)).unbind(1)  # each (N, out, H - height + 1, W)
        size = x.shape[-1] - width + 1
        total: Tensor = parts[0][..., :size]
        for column in range(1, width):
            total = total + parts[column][..., column : column + size]
        return total if self.bias is None else total + self.bias.view(-1, 1, 1).to(total.dtype)


class NormedConv2d(nn.Conv2d):
    """A convolution whose bias the instance norm behind it takes away again: it is kept, and left out of the sums.

    Its gradient would be rounding noise, and to add that up takes a pass over the feature map.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, None, self.stride, self.padding)


class NormedConvTranspose2d(nn.ConvTranspose2d):
    """The same for a transposed convolution.

    A CPU computes it in memory of some times the result's size. For a large result the system clears that anew in each
    pass, which takes as long as the sums. So without gradients, 3x3 convolutions of stride 2 go there in strips.
    """

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        assert not isinstance(self.padding, str)
        doubles = (self.kernel_size, self.stride, self.padding, self.output_padding) == ((3, 3), (2, 2), (1, 1), (1, 1))
        if x.device.type == "cpu" and doubles and not torch.is_grad_enabled() and not torch.compiler.is_compiling():
            row = 4 * len(x) * self.out_channels * x.shape[3] * x.element_size()  # two rows of the result
            if row * x.shape[2] > _LARGE:
                return self._in_strips(x, max(1, _STRIP // row))
        return F.conv_transpose2d(x, self.weight, None, self.stride, self.padding, self.output_padding)

    def _in_strips(self, x: Tensor, rows: int) -> Tensor:
        n, _, height, width = x.shape
        result = x.new_empty(n, self.out_channels, 2 * height, 2 * width)
        for first in range(0, height, rows):
            last = min(first + rows, height)
            # The last of a strip's rows takes from the row below it.
            strip = F.conv_transpose2d(x[:, :, first : last + 1], self.weight, None, 2, 1, 1)
            result[:, :, 2 * first : 2 * last] = strip[:, :, : 2 * (last - first)]
        return result


def enlarged(conv: nn.Conv2d) -> tuple[nn.Upsample, ReflectionPad, nn.Conv2d]:
    """Layers to twice the sides, in place of a transposed convolution: bilinear interpolation, reflection padding, and
    a 3x3 convolution that does not pad.

    They make no checkerboards: no pixel gets more of the kernel than its neighbour does (Odena et al. 2016, Distill,
    "Deconvolution and Checkerboard Artifacts").
    """
    return nn.Upsample(scale_factor=2, mode="bilinear"), ReflectionPad(1), conv


class Tanh(nn.Module):
    """The hyperbolic tangent, in single precision also under autocast: pictures keep their 256 levels."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(single(x))


class _ReflectionPad(torch.autograd.Function):
    """The gradients of what lies outside, mirrored back and added to those inside."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, padding: int) -> Tensor:
        ctx.padding = padding
        return _reflected(x, padding)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None]:
        p: int = ctx.padding
        g = outputs[0]
        rows = g[..., p:-p, :].clone()
        rows[..., 1 : p + 1, :] += g[..., :p, :].flip(-2)
        rows[..., -p - 1 : -1, :] += g[..., -p:, :].flip(-2)
        inside = rows[..., p:-p].clone(memory_format=torch.contiguous_format)
        inside[..., 1 : p + 1] += rows[..., :p].flip(-1)
        inside[..., -p - 1 : -1] += rows[..., -p:].flip(-1)
        return inside, None


def _reflected(x: Tensor, padding: int) -> Tensor:
    return F.pad(x, (padding,) * 4, mode="reflect")
