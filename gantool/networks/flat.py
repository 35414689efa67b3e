"""Pictures that are the same everywhere, and the networks that cannot learn from them."""

from __future__ import annotations

import torch
from torch import Tensor

_FLAT = 1e-3
"""Range below which all of a picture's channels count as constant: an eighth of one of its 256 levels."""


def unless_flat(x: Tensor, y: Tensor, norm: str = "instance") -> Tensor:
    """`y`, computed from `x` (both N, ..., H, W), without gradients for samples whose `x` is the same everywhere.

    `norm` says whose statistics the network takes: "instance", each sample's own; "batch", of all samples, which are
    then judged together; "none", where there is nothing to guard.
    Of a constant picture every instance norm sees zero variance and multiplies gradients by 1 / sqrt(1e-5) = 316. A
    chain of seven makes 3e17 of it: finite, and squared in Adam's second moments it would end training for good. A
    single pixel that is one level off is enough to keep gradients as they are for any picture.
    """
    if norm == "none" or not y.requires_grad:
        return y
    over = (0, 2, 3) if norm == "batch" else (2, 3)
    with torch.no_grad():
        flat = (x.amax(over, keepdim=True) - x.amin(over, keepdim=True) < _FLAT).all(dim=1, keepdim=True)
    return torch.where(flat, y.detach(), y)
