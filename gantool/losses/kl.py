"""How far codes are from a standard normal distribution."""

from __future__ import annotations

from torch import Tensor


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL divergence of N(mu, exp(logvar)) from N(0, 1), summed over the batch and the code (Kingma and Welling 2014,
    arXiv 1312.6114, appendix B)."""
    return -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()
