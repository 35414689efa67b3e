"""Normalisation layers by name."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORMS = ("instance", "batch", "none")


def unless_constant(x: Tensor, y: Tensor, over: tuple[int, ...] = (2, 3)) -> Tensor:
    """`y`, without gradients for samples whose `x` is constant over the dimensions `over`. (N, C, ...) both.

    Constant means exactly so, in every channel and in the precision of `x`: a single value that is one rounding off is
    enough to keep all gradients. With the batch's dimension 0 in `over`, all samples are judged together.
    """
    if not y.requires_grad:
        return y
    kept: Tensor = _UnlessConstant.apply(x, y, over)  # type: ignore[no-untyped-call]
    return kept


class _UnlessConstant(torch.autograd.Function):
    """It looks at `x` on the way back only, where the norm keeps it anyway: no memory, and no work in translation."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, over: tuple[int, ...]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.over = over
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[None, Tensor, None]:
        (x,) = ctx.saved_tensors
        constant = (x.amax(ctx.over, keepdim=True) == x.amin(ctx.over, keepdim=True)).flatten(1).all(1)
        return None, outputs[0].masked_fill(constant.view(-1, 1, 1, 1), 0), None


class InstanceNorm(nn.Module):
    """Instance normalisation without parameters or running statistics (Ulyanov et al. 2016, arXiv 1607.08022).

    One name for the fastest numerically stable route to the same values. In float32 on a CPU that is a group norm with
    a group a channel, in plain NCHW order (in channels-last order its variance is garbage when mean/std is large, so
    the input is made contiguous first). In half precision, whose group norm has a slow backward, and in exported graphs
    it is `F.instance_norm`. Statistics are always in single precision or better.

    A sample whose channels are all constant gets no gradient through here. Its result is 0 whatever the layers before
    do, so their weights have a gradient of 0. Computed, that is rounding noise times 1 / sqrt(eps) = 316, and a chain
    of seven such norms makes 3e17 of it: squared in Adam's second moments it would end training for good. Blank
    pictures do this in any precision, and in half precision whatever rounds to a constant.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.channels = channels
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        x = unless_constant(x, x)
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
        x = unless_constant(x, x)
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
