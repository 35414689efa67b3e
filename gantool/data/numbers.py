"""Numbers that a person brings in a file: which of them the networks can take. Imports no torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def fit_single(values: NDArray[Any]) -> bool:
    """Whether an array holds real numbers alone, all of which single precision has: 1e300 would become infinite."""
    return values.dtype.kind in "fiu" and bool((np.abs(values) <= np.finfo(np.float32).max).all())
