"""Single precision for losses, statistics of norms and spectral norms."""

from __future__ import annotations

from torch import Tensor


def single(x: Tensor) -> Tensor:
    """Half precision as single; single and double stay as they are."""
    return x.float() if x.dtype.itemsize < 4 else x
