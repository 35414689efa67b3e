"""Pictures that are the same everywhere, and the networks that cannot learn from them."""

from __future__ import annotations

import torch
from torch import Tensor

_FLAT = 1e-3


def unless_flat(x: Tensor, y: Tensor) -> Tensor:
    """`y`, computed from `x` (both N, ..., H, W), without gradients for samples whose `x` is the same everywhere.

    Of a constant picture every instance norm sees zero variance and multiplies gradients by 1 / sqrt(1e-5) = 316. A
    chain of seven makes 3e17 of it: finite, and squared in Adam's second moments it would end training for good. A
    single pixel that is one level off is enough to keep gradients as they are for any picture.
    """
    if not y.requires_grad:
        return y
    with torch.no_grad():
        flat = (x.amax((2, 3)) - x.amin((2, 3)) < _FLAT).all(dim=1).view(-1, 1, 1, 1)
    return torch.where(flat, y.detach(), y)
