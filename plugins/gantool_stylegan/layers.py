"""Layers of both versions: an equalised learning rate, filters around a change of size, spread over the batch.

Equalised learning rate (Karras et al. 2018, arXiv 1710.10196, section 4.1): weights are kept with variance 1 and scaled
when they are used, so that Adam's steps are as large for all of them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.precision import single

MEANS = 3
"""Of version 2's low-pass filter: see `filtered`."""


class Dense(nn.Module):
    """(N, `inside`) to (N, `outside`). `lr` below 1 makes the layer learn that much more slowly."""

    def __init__(self, inside: int, outside: int, *, gain: float = 1.0, lr: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside) / lr)
        self.bias = nn.Parameter(torch.full((outside,), float(bias)))
        self.scale = gain * lr / math.sqrt(inside)
        self.lr = lr

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias * self.lr)


def normalized(x: Tensor) -> Tensor:
    """(N, K), each row divided by its root mean square."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def activated(x: Tensor, gain: float = 1.0, clamp: float | None = None) -> Tensor:
    """Version 2's leaky ReLU, which keeps the variance, times a gain, cut off at +-clamp * gain."""
    return cut(F.leaky_relu(x, 0.2) * (math.sqrt(2) * gain), gain, clamp)


def cut(x: Tensor, gain: float = 1.0, clamp: float | None = None) -> Tensor:
    """x within +-clamp * gain."""
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


def filtered(x: Tensor, means: int, before: int, after: int, *, gain: float = 1.0, down: int = 1) -> Tensor:
    """Maps (N, C, H, W) with so many zeros around, after means of neighbours, `means` times in both directions; every
    `down`-th.

    That is the binomial filter, [1, 3, 3, 1] for 3. Sums are several times as fast on a CPU as a convolution, and so
    are their derivatives.
    """
    x = F.pad(x, (before, after, before, after))
    for step in range(means):
        every = down if step == means - 1 else 1
        x = x[:, :, :-1:every] + x[:, :, 1::every]
        x = x[..., :-1:every] + x[..., 1::every]
    x = x * (gain / 4**means)
    return x


def upsampled(x: Tensor, means: int = MEANS) -> Tensor:
    """(N, C, 2H, 2W): zeros between the rows and columns, filtered."""
    n, channels, height, width = x.shape
    x = torch.stack([x, torch.zeros_like(x)], 3).reshape(n, channels, 2 * height, width)
    x = torch.stack([x, torch.zeros_like(x)], 4).reshape(n, channels, 2 * height, 2 * width)
    return filtered(x, means, (means + 2) // 2, (means - 1) // 2, gain=4)


def downsampled(x: Tensor, means: int = MEANS) -> Tensor:
    """(N, C, H // 2, W // 2): filtered, every second row and column."""
    return filtered(x, means, means // 2, (means - 1) // 2, down=2)


def convolved_up(x: Tensor, weight: Tensor, means: int = MEANS) -> Tensor:
    """(N, O, 2H, 2W) of maps (N, I, H, W) and a weight (O, I, k, k): a transposed convolution, then the filter."""
    if weight.shape[2] == 1:
        return upsampled(F.conv2d(x, weight), means)
    x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    return filtered(x, means, means // 2, (means - 1) // 2, gain=4)


def convolved_down(x: Tensor, weight: Tensor, means: int = MEANS) -> Tensor:
    """(N, O, H / 2, W / 2) of maps (N, I, H, W) and a weight (O, I, k, k): the filter, then a convolution."""
    if weight.shape[2] == 1:
        return F.conv2d(downsampled(x, means), weight)
    return F.conv2d(filtered(x, means, means // 2 + 1, (means - 1) // 2 + 1), weight, stride=2)


def modulated(
    x: Tensor,
    weight: Tensor,
    style: Tensor,
    *,
    up: bool = False,
    demodulate: bool = True,
    means: int = MEANS,
) -> Tensor:
    """A convolution whose weight (O, I, k, k) is scaled for each picture by its style (N, I), per input channel, and
    then to a variance of 1 per output channel (Karras et al. 2020, arXiv 1912.04958, equations 1 and 3).

    The scale of each output channel is taken out of the sum, so one convolution does for all pictures.
    """
    if demodulate:  # its scale is divided out again: a smaller one keeps half precision in its range
        fan_in = weight[0].numel()
        weight = weight / math.sqrt(fan_in)
        squares = single(style).square() @ single(weight).square().sum((2, 3)).T
        scale = (squares + 1e-8 / fan_in).rsqrt()  # (N, O)
    x = x * style[:, :, None, None].to(x.dtype)
    x = convolved_up(x, weight, means) if up else F.conv2d(x, weight, padding=weight.shape[2] // 2)
    return x * scale[:, :, None, None].to(x.dtype) if demodulate else x


class BatchSpread(nn.Module):
    """Adds maps that say how much the pictures of a group differ (Karras et al. 2018, arXiv 1710.10196, section 3).

    Picture n of N is in group n mod (N / size). Where the batch is no multiple of `size`, groups have the largest
    number of pictures below it that divides the batch.
    """

    mixes_pictures = True

    def __init__(self, size: int, maps: int = 1) -> None:
        super().__init__()
        self.size, self.maps = size, maps

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        size = next(size for size in range(min(self.size, n), 0, -1) if n % size == 0)
        groups = single(x).reshape(size, n // size, self.maps, channels // self.maps, height, width)
        spread = ((groups - groups.mean(0)).square().mean(0) + 1e-8).sqrt().mean((2, 3, 4))  # (N / size, maps)
        added = spread.to(x.dtype).repeat(size, 1)[:, :, None, None].expand(-1, -1, height, width)
        return torch.cat([x, added], 1)
