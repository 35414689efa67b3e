"""Normalisation layers, some of them by name."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.precision import single

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


def _in_plain_order(y: Tensor) -> Tensor:
    """`y`, whose gradient will be contiguous.

    A CPU's `F.instance_norm` takes the memory of a gradient for plain NCHW order, also where it is channels-last, and
    gives another gradient without a word: with a single picture, torch 2.13 included.
    """
    if y.requires_grad and y.device.type == "cpu" and not torch.compiler.is_compiling():
        y.register_hook(torch.Tensor.contiguous)
    return y


def _on_gpu(x: Tensor, eps: float, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """Instance norm of x (N, C, H, W) on an NVIDIA GPU, times a weight, plus a bias, both (N C,).

    The kernel is that of `F.instance_norm`. What comes out is no view, so that an activation in place behind it is one
    launch on the way back; of a view autograd makes three copies. A constant sample gets no gradient by a weight of 0.
    """
    normalised: Tensor = _InstanceNorm.apply(x, weight, bias, eps)  # type: ignore[no-untyped-call]
    return normalised


class _InstanceNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
        flat = x.contiguous().view(1, -1, *x.shape[2:])
        y, mean, deviation = torch.native_batch_norm(flat, weight, bias, None, None, True, 0.0, eps)
        ctx.save_for_backward(x, weight, mean, deviation)
        ctx.eps = eps
        no_view: Tensor = torch.ops.aten._unsafe_view(y, x.shape)
        return no_view

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, deviation = ctx.saved_tensors
        gradient = outputs[0].contiguous().view(1, -1, *x.shape[2:])
        varies = _varies(x).to(mean.dtype).flatten()
        wanted = [needed and not (i and weight is None) for i, needed in enumerate(ctx.needs_input_grad[:3])]
        for_x, for_weight, for_bias = torch.ops.aten.native_batch_norm_backward(
            *(gradient, x.contiguous().view_as(gradient), varies if weight is None else weight * varies),
            *(None, None, mean, deviation, True, ctx.eps, wanted),
        )
        return None if for_x is None else for_x.view(x.shape), for_weight, for_bias, None


def _varies(x: Tensor) -> Tensor:
    """(N, C), in the type of x (N, C, H, W): 0 for constant samples, 1 for others."""
    low, high = torch.aminmax(x.detach().flatten(2), dim=2)
    # Each channel asks all channels of its sample: to ask once, and spread the answer, is one launch more.
    return low.ne_(high).unsqueeze(1).expand(-1, x.shape[1], -1).amax(2)


def _affine_on_gpu(x: Tensor, eps: float, weight: Tensor, bias: Tensor) -> Tensor:
    """As `_on_gpu`, with a weight and a bias (C,) for all samples: the kernel is that of a group norm, which takes them
    as they are. A constant sample gets no gradient by a spread of infinity."""
    normalised: Tensor = _AffineInstanceNorm.apply(x, weight, bias, eps)  # type: ignore[no-untyped-call]
    return normalised


class _AffineInstanceNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        y, mean, deviation = torch.native_group_norm(x.contiguous(), weight, bias, *_each_channel(x), eps)
        ctx.save_for_backward(x, weight, bias, mean, deviation)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, deviation = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient will be differentiated itself, which that of the kernel cannot be
            again = _on_gpu(x, ctx.eps, weight.repeat(len(x)), bias.repeat(len(x)))
            inputs = [one for one, needed in zip((x, weight, bias), ctx.needs_input_grad, strict=False) if needed]
            found = iter(torch.autograd.grad(again, inputs, outputs[0], create_graph=True))
            return *(next(found) if needed else None for needed in ctx.needs_input_grad[:3]), None
        found = torch.ops.aten.native_group_norm_backward(
            *(outputs[0].contiguous(), x.contiguous(), mean, deviation * _varies(x).to(mean.dtype), weight),
            *(*_each_channel(x), ctx.needs_input_grad[:3]),
        )
        return *found, None


def _each_channel(x: Tensor) -> tuple[int, int, int, int]:
    """What torch's group norm wants to know of x (N, C, H, W) with a group a channel."""
    count, channels, height, width = x.shape
    return count, channels, height * width, channels


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
        if x.device.type == "cuda" and not torch.compiler.is_compiling():
            return _on_gpu(x, self.eps)
        x = unless_constant(x, x)
        if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and not torch.compiler.is_compiling():
            return F.group_norm(x.contiguous(), self.channels, eps=self.eps)
        if x.device.type == "cpu" and x.dtype.itemsize < 4:
            # Without weights in single precision a CPU would round the statistics to half precision.
            ones, zeros = (x.new_full((x.shape[1],), value, dtype=torch.float32) for value in (1, 0))
            return _in_plain_order(F.instance_norm(x, weight=ones, bias=zeros, eps=self.eps))
        return F.instance_norm(x, eps=self.eps)

    def of_statistics(self, mean: Tensor, variance: Tensor, pixels: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """(centre, scale, shift) for a picture with these: see `gantool.networks.strips`."""
        return mean, (variance + self.eps).rsqrt(), None

    def extra_repr(self) -> str:
        return f"{self.channels}, eps={self.eps}"


class AffineInstanceNorm(InstanceNorm):
    """Instance norm with a learned scale and shift for each channel; no running statistics."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cuda" and not torch.compiler.is_compiling():
            if x.dtype == self.weight.dtype:
                return _affine_on_gpu(x, self.eps, self.weight, self.bias)
            # Of two types at once, as under autocast, only the kernel of batch norms knows.
            return _on_gpu(x, self.eps, self.weight.repeat(len(x)), self.bias.repeat(len(x)))
        x = unless_constant(x, x)
        if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and not torch.compiler.is_compiling():
            return F.group_norm(x.contiguous(), self.channels, self.weight, self.bias, self.eps)
        return _in_plain_order(F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps))

    def of_statistics(self, mean: Tensor, variance: Tensor, pixels: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """As that of `InstanceNorm`."""
        return mean, (variance + self.eps).rsqrt() * self.weight.view(-1, 1, 1), self.bias.view(-1, 1, 1)


class AdaIN(nn.Module):
    """Adaptive instance norm (Huang and Belongie 2017, arXiv 1703.06868): normalised x (N, C, H, W) times `scale` plus
    `shift`, both (N, C, 1, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = InstanceNorm(channels)

    def forward(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        if x.device.type == "cuda" and not torch.compiler.is_compiling():
            weight, bias = (single(values.expand(*x.shape[:2], 1, 1)).flatten() for values in (scale, shift))
            return _on_gpu(x, self.norm.eps, weight, bias)
        normalised: Tensor = self.norm(x)
        return torch.addcmul(shift, normalised, scale)

    def of_statistics(
        self, mean: Tensor, variance: Tensor, pixels: int, shift: Tensor, scale: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As that of `InstanceNorm`, with this shift and scale."""
        centre, own, _ = self.norm.of_statistics(mean, variance, pixels)
        return centre, own * scale, shift


class LayerNorm(nn.Module):
    """Each sample (C, H, W) normalised as a whole (Ba et al. 2016, arXiv 1607.06450), then a learned scale and shift
    (C, 1, 1) for each channel: (x - m) / sqrt(variance + eps)."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, 1, self.weight.flatten(), self.bias.flatten(), eps=self.eps)

    def of_statistics(self, mean: Tensor, variance: Tensor, pixels: int) -> tuple[Tensor, Tensor, Tensor]:
        """As that of `InstanceNorm`."""
        centre, spread = of_all_channels(mean, variance)
        return centre, (spread + self.eps).rsqrt() * self.weight, self.bias


class DeviationLayerNorm(nn.Module):
    """The layer norm of MUNIT's authors: (x - m) / (s + eps), with the unbiased standard deviation s.

    Scale and shift are (C,), and the scale begins at random. Statistics are in single precision or better: sums over a
    sample overflow half precision.
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

    def of_statistics(self, mean: Tensor, variance: Tensor, pixels: int) -> tuple[Tensor, Tensor, Tensor]:
        """As that of `InstanceNorm`."""
        centre, spread = of_all_channels(mean, variance)
        values = mean.shape[1] * pixels
        deviation = (spread * (values / (values - 1))).sqrt()
        return centre, self.gamma.view(-1, 1, 1) / (deviation + self.eps), self.beta.view(-1, 1, 1)


def of_all_channels(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance (1, 1, 1, 1) of a picture from those of its channels (1, C, 1, 1)."""
    whole = mean.mean(1, keepdim=True)
    return whole, (variance + (mean - whole) ** 2).mean(1, keepdim=True)


def norm_layer(norm: str, channels: int) -> nn.Module:
    """The layer that `norm` names. "none" is an identity module, so that a network's layers keep their places."""
    if norm == "instance":
        return InstanceNorm(channels)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "none":
        return nn.Identity()
    raise ValueError(f"there is no norm {norm!r}; known: {', '.join(NORMS)}")
