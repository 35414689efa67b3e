"""How far a reconstruction is from what it reconstructs."""

from __future__ import annotations

from torch import Tensor

from gantool.networks.precision import single


def l1(x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute difference of tensors of one shape, in single precision or better."""
    return (single(x) - single(y)).abs().mean()


def l2(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared difference of tensors of one shape, in single precision or better."""
    return (single(x) - single(y)).square().mean()
