"""Normalisation layers by name."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORMS = ("instance", "batch", "none")


class InstanceNorm(nn.Module):
    """Instance normalisation without parameters or running statistics (Ulyanov et al. 2016, arXiv 1607.08022).

    One name for the fastest numerically stable route to the same values. In float32 on a CPU that is a group norm with
    a group a channel, in plain NCHW order (in channels-last order its variance is garbage when mean/std is large, so
    the input is made contiguous first). In half precision, whose group norm has a slow backward, and in exported graphs
    it is `F.instance_norm`. Statistics are always in single precision or better.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.channels = channels
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and not torch.compiler.is_compiling():
            return F.group_norm(x.contiguous(), self.channels, eps=self.eps)
        if x.device.type == "cpu" and x.dtype.itemsize < 4:
            # Without weights in single precision a CPU would round the statistics to half precision.
            ones, zeros = (x.new_full((x.shape[1],), value, dtype=torch.float32) for value in (1, 0))
            return F.instance_norm(x, weight=ones, bias=zeros, eps=self.eps)
        return F.instance_norm(x, eps=self.eps)

    def extra_repr(self) -> str:
        return f"{self.channels}, eps={self.eps}"


class AffineInstanceNorm(InstanceNorm):
    """Instance norm with a learned scale and shift for each channel; no running statistics."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and not torch.compiler.is_compiling():
            return F.group_norm(x.contiguous(), self.channels, self.weight, self.bias, self.eps)
        return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)


def norm_layer(norm: str, channels: int) -> nn.Module:
    """The layer that `norm` names. "none" is an identity module, so that a network's layers keep their places."""
    if norm == "instance":
        return InstanceNorm(channels)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "none":
        return nn.Identity()
    raise ValueError(f"there is no norm {norm!r}; known: {', '.join(NORMS)}")
