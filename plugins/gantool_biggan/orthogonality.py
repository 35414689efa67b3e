"""Orthogonal regularisation."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from gantool.networks.precision import single


def orthogonality(weights: Iterable[Tensor]) -> Tensor:
    """Half the squared scalar products of different rows, summed over all weights of two and more dimensions.

    Its gradient is 2 (W W^T o (1 - I)) W, which the authors add to that of the loss (section 3.1, equation 3).
    """
    terms = []
    for weight in weights:
        if weight.dim() >= 2:
            rows = single(weight).flatten(1)
            products = rows @ rows.t()
            terms.append(0.5 * (products - products.diagonal().diag()).square().sum())
    return sum(terms[1:], terms[0]) if terms else torch.zeros(())
