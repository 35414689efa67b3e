"""BicycleGAN's losses, without their weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gantool.losses.adversarial import adversarial_loss, generator_loss


def gan_loss(scores: list[Tensor], real: bool, mode: str) -> Tensor:
    """The sum over all scales of the objective's means. A single scale counts once for every picture of the batch: so
    it does with the authors."""
    return _counted(scores) * adversarial_loss(scores, real, mode)


def fooling_loss(scores: list[Tensor], mode: str) -> Tensor:
    """The same of what a generator wants of the scores of its fakes."""
    return _counted(scores) * generator_loss(scores, mode)


def _counted(scores: list[Tensor]) -> int:
    return len(scores[0]) if len(scores) == 1 else 1


def all_scores(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """A discriminator whose scales' scores stand side by side, (N, scores)."""
    return lambda x: torch.cat([scores.flatten(1) for scores in network(x)], dim=1)
