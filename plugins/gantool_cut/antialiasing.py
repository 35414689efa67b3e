"""Blur before sampling (Zhang 2019, "Making Convolutional Networks Shift-Invariant Again", arXiv 1904.11486).

Both layers are one depthwise convolution with a constant filter, and both can work on bands of rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.layers import ReflectionPad, ReplicationPad
from gantool.networks.strips import Band, padded_rows


class _Blur(nn.Module):
    filter: Tensor

    def __init__(self, channels: int, taps: Sequence[float]) -> None:
        super().__init__()
        self.channels = channels
        row = torch.tensor(taps)
        # Not persistent: it is a constant.
        self.register_buffer("filter", torch.outer(row, row), persistent=False)

    def kernel(self, x: Tensor) -> Tensor:
        """The filter for each channel, (C, 1, k, k), in the precision of `x`."""
        return self.filter.to(x.dtype).expand(self.channels, 1, -1, -1)

    def extra_repr(self) -> str:
        return str(self.channels)


class Downsample(_Blur):
    """(N, C, H, W) to half the sides, odd ones rounded up: mirrored borders, filter [1, 2, 1], every second pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, (0.25, 0.5, 0.25))
        self.pad = ReflectionPad(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.sampled(self.pad(x))

    def sampled(self, padded: Tensor) -> Tensor:
        """What is left of a map (N, C, H + 2, W + 2) that has its borders."""
        return F.conv2d(padded, self.kernel(padded), stride=2, groups=self.channels)

    def band(self, source: Band) -> Band:
        return _Down(source, self)


class Upsample(_Blur):
    """(N, C, H, W) to (N, C, 2 H, 2 W): borders repeated, zeros between the pixels, the filter [1, 3, 3, 1]."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, (0.25, 0.75, 0.75, 0.25))
        self.pad = ReplicationPad(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.spread(self.pad(x))

    def spread(self, padded: Tensor) -> Tensor:
        """What becomes of a map (N, C, H + 2, W + 2) that has its borders."""
        kernel = self.kernel(padded)
        y = F.conv_transpose2d(padded, kernel, stride=2, padding=2, groups=self.channels)
        return y[..., 1:-1, 1:-1]

    def band(self, source: Band) -> Band:
        return _Up(source, self)


class _Down:
    """A band of half the rows."""

    def __init__(self, source: Band, layer: Downsample) -> None:
        self.source, self.layer = source, layer
        self.height = (source.height + 1) // 2

    def rows(self, start: int, stop: int) -> Tensor:
        x = padded_rows(self.source, 2 * start - 1, 2 * stop - 1, "reflect")
        return self.layer.sampled(F.pad(x, (1, 1, 0, 0), mode="reflect"))


class _Up:
    """A band of twice the rows."""

    def __init__(self, source: Band, layer: Upsample) -> None:
        self.source, self.layer = source, layer
        self.height = 2 * source.height

    def rows(self, start: int, stop: int) -> Tensor:
        # Row o is of the source's rows (o - 1) // 2 and (o + 1) // 2.
        first, last = start // 2 - 1, (stop - 1) // 2 + 1
        x = padded_rows(self.source, first, last, "replicate")
        y = self.layer.spread(F.pad(x, (1, 1, 0, 0), mode="replicate"))  # rows 2 first + 2 ...
        return y[..., start - 2 * first - 2 : stop - 2 * first - 2, :]
