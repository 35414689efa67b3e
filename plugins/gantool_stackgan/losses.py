"""The objectives of both stages (equations 3 to 6 of the paper), as the authors' code has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from gantool.losses.adversarial import adversarial_loss
from gantool.losses.kl import kl


class Judge(Protocol):
    """The heads of a discriminator, on features (N, F, 4, 4)."""

    @property
    def get_cond_logits(self) -> Callable[[Tensor, Tensor], Tensor]: ...

    @property
    def get_uncond_logits(self) -> Callable[[Tensor], Tensor] | None: ...


def discriminator_losses(d: Judge, of_real: Tensor, of_fake: Tensor, c: Tensor) -> dict[str, Tensor]:
    """The loss "d" of features of real and made pictures and of the conditions (N, C) of their texts, and its parts.

    Wrong pairs are real pictures with the texts of their neighbours.
    """
    real = _cross_entropy(d.get_cond_logits(of_real, c), True)
    wrong = _cross_entropy(d.get_cond_logits(of_real[:-1], c[1:]), False)
    fake = _cross_entropy(d.get_cond_logits(of_fake, c), False)
    if d.get_uncond_logits is None:
        return {"d": real + (fake + wrong) / 2, "d_real": real, "d_wrong": wrong, "d_fake": fake}
    real_alone = _cross_entropy(d.get_uncond_logits(of_real), True)
    fake_alone = _cross_entropy(d.get_uncond_logits(of_fake), False)
    return {
        "d": (real + real_alone) / 2 + (fake + wrong + fake_alone) / 3,
        "d_real": (real + real_alone) / 2,
        "d_wrong": wrong,
        "d_fake": (fake + fake_alone) / 2,
    }


def generator_loss(d: Judge, of_fake: Tensor, c: Tensor) -> Tensor:
    """How far features of made pictures are from being taken for real, with their texts and by themselves."""
    loss = _cross_entropy(d.get_cond_logits(of_fake, c), True)
    return loss if d.get_uncond_logits is None else loss + _cross_entropy(d.get_uncond_logits(of_fake), True)


def divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """The KL divergence of conditions from N(0, 1), a mean over the batch and their numbers."""
    return kl(mu, logvar) / mu.numel()


def _cross_entropy(logits: Tensor, real: bool) -> Tensor:
    return adversarial_loss(logits, real, "vanilla")
