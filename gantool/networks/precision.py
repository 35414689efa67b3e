"""Single precision for losses, statistics of norms and spectral norms; double precision where there is one."""

from __future__ import annotations

import torch
from torch import Tensor


def single(x: Tensor) -> Tensor:
    """Half precision as single; single and double stay as they are."""
    return x.float() if x.dtype.itemsize < 4 else x


def widest(device: torch.device) -> torch.dtype:
    """The most precise floating-point type of a device: double, or single on Apple's, which have no double."""
    return torch.float32 if device.type == "mps" else torch.float64
