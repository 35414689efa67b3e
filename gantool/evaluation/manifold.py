"""How much of the fake pictures looks real, and how much of the real ones is made: two figures where FID has one.

Precision and recall: Kynkaanniemi et al., NeurIPS 2019, arXiv 1904.06991. Density and coverage: Naeem et al., ICML
2020, arXiv 2002.09797. Both take a set of features for the union of balls around its members, each as wide as the
distance to the k-th nearest other one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

K_PRECISION, K_DENSITY = 3, 5
"""Neighbours that decide how wide a ball is, of precision and recall, and of density and coverage: as in the papers. A
set of fewer has all but one."""
_AT_ONCE = 2**24  # distances that are in memory together
_ROUNDING = 1e-9  # shares by which two equal distances may differ, as one is computed from here and one from there


class Manifold(NamedTuple):
    """All four, as shares."""

    precision: float
    """Fake pictures within a ball of some real one."""
    recall: float
    """Real pictures within a ball of some fake one."""
    density: float
    """Real balls that hold a fake picture, over k: 1 is expected of equal distributions, and more is possible."""
    coverage: float
    """Real balls that hold some fake picture."""


def manifold(real: NDArray[np.floating], fake: NDArray[np.floating], *, device: torch.device | None = None) -> Manifold:
    """Of features (N, D) and (M, D), N and M at least 2. Balls of precision and recall have their borders, those of
    density and coverage do not (equal sets have a density of 1). Distances are computed in float64.
    """
    # Apple's devices have no float64.
    place = device if device is not None and device.type == "cuda" else torch.device("cpu")
    x, y = (torch.from_numpy(np.asarray(each, np.float64)).to(place) for each in (real, fake))
    centre = x.mean(dim=0)  # distances stay, and small numbers lose less
    x, y = x - centre, y - centre
    k_real, k_fake, k_dense = min(K_PRECISION, len(x) - 1), min(K_PRECISION, len(y) - 1), min(K_DENSITY, len(x) - 1)
    nearest_real, nearest_fake = _nearest(x, max(k_real, k_dense)), _nearest(y, k_fake)  # (N, k + 1), (M, k + 1)
    border_real, border_fake = (1 + _ROUNDING) * nearest_real[:, k_real], (1 + _ROUNDING) * nearest_fake[:, k_fake]
    inside_real = (1 - _ROUNDING) * nearest_real[:, k_dense]
    precise = held = 0
    recalled, covered = (torch.zeros(len(x), dtype=torch.bool, device=place) for _ in range(2))
    step = max(1, _AT_ONCE // len(x))
    for some, border in zip(y.split(step), border_fake.split(step), strict=True):
        apart = _squared_distances(some, x)  # (step, N)
        precise += int((apart <= border_real).any(dim=1).sum())
        recalled |= (apart <= border[:, None]).any(dim=0)
        within = apart < inside_real
        held += int(within.sum())
        covered |= within.any(dim=0)
    return Manifold(
        precision=precise / len(y),
        recall=float(recalled.double().mean()),
        density=held / (k_dense * len(y)),
        coverage=float(covered.double().mean()),
    )


def _nearest(x: Tensor, k: int) -> Tensor:
    """Squared distances (N, k + 1) of each row to the nearest rows, itself first."""
    parts = x.split(max(1, _AT_ONCE // len(x)))
    return torch.cat([_squared_distances(part, x).topk(k + 1, largest=False).values for part in parts])


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """(N, M) of (N, D) and (M, D)."""
    return (x.square().sum(dim=1)[:, None] + y.square().sum(dim=1) - 2 * x @ y.T).clamp(min=0)
