"""f-divergences as adversarial objectives: Nowozin, Cseke and Tomioka, "f-GAN", NIPS 2016, arXiv 1606.00709.

Of a convex f with f(1) = 0, the divergence of distributions P and Q is the sum of q f(p / q). With its conjugate f* it
is the largest value of E_P[T] - E_Q[f*(T)] over all T (equation 4): what a discriminator with scores v learns to be,
whose output activation T = g_f(v) keeps T where f* is defined.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Divergence:
    """The two functions of the scores (any shape) that a discriminator's objective takes the means of."""

    activation: Callable[[Tensor], Tensor]
    """T = g_f(v), of real pictures (table 2): it rises with v."""
    conjugate: Callable[[Tensor], Tensor]
    """f*(g_f(v)), of fakes (table 1), shortened by hand: exact where g_f(v) by itself would round to its limit."""


F_DIVERGENCES: Mapping[str, Divergence] = {
    # f(u) = u log u, f*(t) = exp(t - 1), g(v) = v
    "kl": Divergence(lambda v: v, lambda v: torch.exp(v - 1)),
    # f(u) = -log u, f*(t) = -1 - log(-t), g(v) = -exp(-v)
    "reverse_kl": Divergence(lambda v: -torch.exp(-v), lambda v: v - 1),
    # f(u) = (u - 1)^2, f*(t) = t^2 / 4 + t, g(v) = v
    "pearson": Divergence(lambda v: v, lambda v: v**2 / 4 + v),
    # f(u) = (sqrt u - 1)^2, f*(t) = t / (1 - t), g(v) = 1 - exp(-v)
    "hellinger": Divergence(lambda v: -torch.expm1(-v), torch.expm1),
    # f(u) = u log u - (u + 1) log((1 + u) / 2), f*(t) = -log(2 - exp t), g(v) = log 2 - log(1 + exp(-v))
    "jensen_shannon": Divergence(lambda v: math.log(2) - F.softplus(-v), lambda v: F.softplus(v) - math.log(2)),
    # f(u) = u log u - (u + 1) log(u + 1), f*(t) = -log(1 - exp t), g(v) = -log(1 + exp(-v))
    "vanilla": Divergence(lambda v: F.softplus(v, -1), F.softplus),  # beta -1: the two signs are in it
}
"""By name. `vanilla` is the GAN of Goodfellow et al. 2014: `jensen_shannon` less log 4."""
