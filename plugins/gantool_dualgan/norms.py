"""An instance norm that takes single values."""

from __future__ import annotations

import torch
from torch import Tensor

from gantool.networks.norms import AffineInstanceNorm, unless_constant
from gantool.networks.precision import single


class InnermostNorm(AffineInstanceNorm):
    """Instance norm of a map that may have one value a channel, of which the shift is left: torch's own refuse it."""

    def forward(self, x: Tensor) -> Tensor:
        wide = single(unless_constant(x, x))
        centred = wide - wide.mean((2, 3), keepdim=True)
        scale = self.weight.view(-1, 1, 1) * torch.rsqrt(centred.square().mean((2, 3), keepdim=True) + self.eps)
        return torch.addcmul(self.bias.view(-1, 1, 1), centred, scale).to(x.dtype)
