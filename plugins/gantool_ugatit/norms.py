"""Normalisations of U-GAT-IT's decoder, and spectral norm as its discriminators use it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.norms import unless_constant
from gantool.networks.precision import single

_EPS = 1e-5


class InstanceLayerNorm(nn.Module):
    """rho times instance norm plus (1 - rho) times layer norm, then a scale and a shift (section 3.1.1, equation 1).

    (N, C, H, W) both ways; both variances are unbiased. `rho` (1, C, 1, 1) is learned and kept in [0, 1] by `clip`;
    with `fixed` it is that number for ever: 1 is instance norm, 0 is layer norm. Without `affine` scale and shift
    (N, C) come with each call (AdaLIN, or AdaIN where rho is 1); with it they are learned (LIN).
    """

    def __init__(self, channels: int, *, rho: float, affine: bool, fixed: bool = False) -> None:
        super().__init__()
        start = torch.full((1, channels, 1, 1), rho)
        if fixed:
            self.register_buffer("rho", start, persistent=False)
        else:
            self.rho = nn.Parameter(start)
        self.learned = not fixed
        if affine:
            self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
            self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None) -> Tensor:
        scale, shift = (self.gamma, self.beta) if gamma is None or beta is None else (_map(gamma), _map(beta))
        kind = x.dtype
        x, rho = single(x), single(self.rho)
        pixels, channels = x.shape[2] * x.shape[3], x.shape[1]
        variance, mean = torch.var_mean(x, (2, 3), unbiased=True, keepdim=True)  # each (N, C, 1, 1)
        # The layer's statistics follow from those of its channels: the picture is read once.
        whole = mean.mean(1, keepdim=True)
        squares = (pixels - 1) * variance + pixels * (mean - whole) ** 2
        spread = squares.sum(1, keepdim=True) / (channels * pixels - 1)
        instance, layer = torch.rsqrt(variance + _EPS), torch.rsqrt(spread + _EPS)
        factor = single(scale) * (rho * instance + (1 - rho) * layer)
        offset = single(scale) * (1 - rho) * (mean - whole) * layer + single(shift)
        return torch.addcmul(offset, unless_constant(x, x - mean), factor).to(kind)

    @torch.no_grad()
    def clip(self) -> None:
        """Puts a learned rho back into [0, 1], as after every update."""
        if self.learned:
            self.rho.clamp_(0, 1)


class GroupNorm(nn.GroupNorm):
    """Group norm for the paper's comparison: 32 groups, or one for each channel where there are fewer."""

    def __init__(self, channels: int) -> None:
        super().__init__(min(32, channels), channels)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(unless_constant(x.unflatten(1, (self.num_groups, -1)), x, (2, 3, 4)))


class _Spectral(nn.Module):
    """What a spectrally normalised layer keeps: its raw weight, and the vectors of one power iteration a pass.

    Miyato et al. 2018 (arXiv 1802.05957): the weight divided by its largest singular value, as estimated. In evaluation
    mode the vectors stay.
    """

    mixes_pictures = True
    weight: Tensor
    u: Tensor
    v: Tensor

    def _begin(self) -> None:
        matrix = self.weight.detach().flatten(1)
        self.register_buffer("u", F.normalize(torch.randn(matrix.shape[0]), dim=0, eps=1e-12))
        self.register_buffer("v", F.normalize(torch.randn(matrix.shape[1]), dim=0, eps=1e-12))

    def normalised(self) -> Tensor:
        """The weight to use in this pass."""
        with torch.autocast(self.weight.device.type, enabled=False):
            return self._normalised()

    def _normalised(self) -> Tensor:
        weight = single(self.weight)
        matrix = weight.flatten(1)
        u, v = self.u, self.v
        if self.training:
            with torch.no_grad():
                v = F.normalize(matrix.t() @ u, dim=0, eps=1e-12)
                u = F.normalize(matrix @ v, dim=0, eps=1e-12)
                self.u.copy_(u)
                self.v.copy_(v)
        return weight / torch.dot(u, matrix @ v)


class SpectralConv2d(nn.Conv2d, _Spectral):
    """A convolution under spectral norm."""

    def __init__(self, inside: int, outside: int, kernel: int, *, stride: int = 1, bias: bool = True) -> None:
        super().__init__(inside, outside, kernel, stride=stride, bias=bias)
        self._begin()

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.normalised(), self.bias, self.stride)


class SpectralLinear(nn.Linear, _Spectral):
    """A linear layer without a bias under spectral norm."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, bias=False)
        self._begin()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.normalised())


def _map(values: Tensor) -> Tensor:
    return values[:, :, None, None]
