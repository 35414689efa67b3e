"""Small layers that differ from torch's own in speed or precision, never in what they compute."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ReflectionPad(nn.Module):
    """Reflection padding on all sides.

    The CUDA backward of torch's own is not deterministic; where determinism is asked for, the same values are put
    together
    from slices, whose backward is.
    """

    def __init__(self, padding: int) -> None:
        super().__init__()
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        p = self.padding
        if x.is_cuda and torch.are_deterministic_algorithms_enabled():
            x = torch.cat([x[..., 1 : p + 1].flip(-1), x, x[..., -p - 1 : -1].flip(-1)], dim=-1)
            return torch.cat([x[..., 1 : p + 1, :].flip(-2), x, x[..., -p - 1 : -1, :].flip(-2)], dim=-2)
        return F.pad(x, (p, p, p, p), mode="reflect")

    def extra_repr(self) -> str:
        return str(self.padding)


class OutputConv(nn.Conv2d):
    """A convolution with a large kernel to a few channels, as at the end of a generator: stride 1, no padding.

    A CPU pads 3 output channels to a full vector and wastes four fifths of its work. So there the kernel's columns
    become channels of a (k x 1) convolution whose shifted outputs are added: the same sums in another order, 2 to 3
    times as fast.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or torch.compiler.is_compiling():
            return super().forward(x)
        out, inside, height, width = self.weight.shape
        columns = self.weight.permute(3, 0, 1, 2).reshape(width * out, inside, height, 1)
        shifted = F.conv2d(x, columns)  # (N, width * out, H - height + 1, W)
        size = x.shape[-1] - width + 1
        total = shifted[:, :out, :, :size]
        for column in range(1, width):
            total = total + shifted[:, column * out : (column + 1) * out, :, column : column + size]
        return total if self.bias is None else total + self.bias.view(-1, 1, 1).to(total.dtype)


class Tanh(nn.Module):
    """The hyperbolic tangent, in single precision also under autocast: pictures keep their 256 levels."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x.float() if x.dtype in (torch.bfloat16, torch.float16) else x)
