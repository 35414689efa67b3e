"""BicycleGAN's losses, without their weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gantool.losses.adversarial import adversarial_loss


def gan_loss(scores: list[Tensor], real: bool, mode: str) -> Tensor:
    """The sum over all scales of the objective's means. A single scale counts once for every picture of the batch: so
    it does with the authors."""
    parts = [adversarial_loss(one, real, mode) for one in scores]
    return len(scores[0]) * parts[0] if len(parts) == 1 else torch.stack(parts).sum()


def all_scores(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """A discriminator whose scales' scores stand side by side, (N, scores)."""
    # A compiled network cannot be differentiated twice: hence `forward`.
    return lambda x: torch.cat([scores.flatten(1) for scores in network.forward(x)], dim=1)


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL divergence of N(mu, exp(logvar)) from N(0, 1), summed over the batch and the code."""
    return -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()
