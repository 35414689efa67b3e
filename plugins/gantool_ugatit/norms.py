"""Normalisations of U-GAT-IT's decoder."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.constants import constant
from gantool.networks.norms import of_all_channels, unless_constant
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
        if x.device.type == "cuda" and not torch.compiler.is_compiling():
            return _on_gpu(x, rho, single(scale), single(shift)).to(kind)
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

    def of_statistics(
        self, mean: Tensor, variance: Tensor, pixels: int, gamma: Tensor | None = None, beta: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(centre, scale, shift) for a picture with these statistics of its channels: `gantool.networks.strips`."""
        scale, shift = (self.gamma, self.beta) if gamma is None or beta is None else (_map(gamma), _map(beta))
        whole, spread = of_all_channels(mean, variance)
        values = mean.shape[1] * pixels
        instance = torch.rsqrt(variance * (pixels / (pixels - 1)) + _EPS)
        layer = torch.rsqrt(spread * (values / (values - 1)) + _EPS)
        factor = scale * (self.rho * instance + (1 - self.rho) * layer)
        return mean, factor, scale * (1 - self.rho) * (mean - whole) * layer + shift


@torch.no_grad()
def clip(*networks: nn.Module) -> None:
    """Puts every learned rho of these networks back into [0, 1], as after every update."""
    norms = [module for network in networks for module in network.modules() if isinstance(module, InstanceLayerNorm)]
    learned: list[Tensor] = [norm.rho for norm in norms if norm.learned]
    if learned:
        torch._foreach_clamp_min_(learned, 0)
        torch._foreach_clamp_max_(learned, 1)


def _on_gpu(x: Tensor, rho: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """The same by two of torch's norms, whose variances are biased: a quarter of the launches."""
    count, channels, height, width = x.shape
    pixels, values = height * width, channels * height * width
    instance, layer = (pixels - 1) / pixels, (values - 1) / values
    # The scale times rho sqrt(instance) and (1 - rho) sqrt(layer), both in one tensor: (2, N, C, 1, 1).
    ends = (0.0, layer**0.5), (instance**0.5, -(layer**0.5))
    start, slope = (constant(both, rho).view(2, 1, 1, 1, 1) for both in ends)
    weights = scale * torch.addcmul(start, slope, rho)
    first, second = weights.expand(2, count, channels, 1, 1).flatten(1).unbind()
    offset = shift.expand(count, channels, 1, 1).flatten()
    x = unless_constant(x, x).reshape(1, -1, height, width)
    one = torch.batch_norm(x, first, offset, None, None, True, 0.0, _EPS * instance, False)
    two = F.group_norm(x, count, second, None, _EPS * layer)
    # No view: of an activation in place behind one autograd makes three copies on the way back.
    no_view: Tensor = torch.ops.aten._unsafe_view(one + two, (count, channels, height, width))
    return no_view


class GroupNorm(nn.GroupNorm):
    """Group norm for the paper's comparison: 32 groups, or one for each channel where there are fewer."""

    def __init__(self, channels: int) -> None:
        super().__init__(min(32, channels), channels)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(unless_constant(x.unflatten(1, (self.num_groups, -1)), x, (2, 3, 4)))

    def of_statistics(self, mean: Tensor, variance: Tensor, pixels: int) -> tuple[Tensor, Tensor, Tensor]:
        """As that of `InstanceLayerNorm`."""
        groups = (self.num_groups, -1)
        means, variances = mean.view(*groups, 1, 1), variance.view(*groups, 1, 1)
        centre, spread = (one.expand_as(means).reshape(mean.shape) for one in of_all_channels(means, variances))
        scale = torch.rsqrt(spread + self.eps) * self.weight.view(-1, 1, 1)
        return centre, scale, self.bias.view(-1, 1, 1)


def _map(values: Tensor) -> Tensor:
    return values[:, :, None, None]
