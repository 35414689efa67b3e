"""Convolutions with TensorFlow's padding "SAME"."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SameConv2d(nn.Conv2d):
    """A convolution of (N, C, H, W) to (N, C', H / stride, W / stride), rounded up, with zeros around: of an odd number
    of them in a row, the odd one comes last."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int) -> None:
        super().__init__(inside, outside, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(self.padded(x), self.weight, self.bias, self.stride)

    def padded(self, x: Tensor) -> Tensor:
        """The picture with its zeros."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        height, width = (kernel - (side % stride or stride) for side in x.shape[2:])
        return F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))


class SameConvTranspose2d(nn.ConvTranspose2d):
    """The transpose of such a convolution of stride 2: (N, C, H, W) to (N, C', 2 H, 2 W)."""

    def __init__(self, inside: int, outside: int, kernel: int) -> None:
        super().__init__(inside, outside, kernel, 2, (kernel - 2) // 2)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(x)[..., :-1, :-1]


class NormedSameConv2d(SameConv2d):
    """One whose bias the instance norm behind it takes away again: it is kept, and left out of the sums."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(self.padded(x), self.weight, None, self.stride)


class NormedSameConvTranspose2d(SameConvTranspose2d):
    """The same for a transposed convolution."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        assert not isinstance(self.padding, str)
        return F.conv_transpose2d(x, self.weight, None, self.stride, self.padding)[..., :-1, :-1]
