"""Where random transformations take their numbers from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor


class Draws(Protocol):
    """What `gantool.model.Run` gives: draws on the device, the first dimension of which is the batch."""

    def rand(self, *shape: int) -> Tensor:
        """Uniform draws in [0, 1)."""

    def randn(self, *shape: int) -> Tensor:
        """Standard normal draws."""


Sometimes = Callable[[Tensor, float], Tensor]
"""Values (N, ...) of some pictures, and for the others the one that changes nothing."""


def sometimes(draws: Draws, p: Tensor) -> Sometimes:
    """Chooses each picture with probability p, anew at each call."""

    def chosen(values: Tensor, otherwise: float) -> Tensor:
        lots = draws.rand(len(values)).view(-1, *[1] * (values.dim() - 1))
        return torch.where(lots < p, values, otherwise)

    return chosen
