"""Adversarial objectives on the scores of a discriminator. Every reduction is a mean over all elements."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.passes import together
from gantool.networks.precision import single

GAN_MODES = ("lsgan", "vanilla", "wgangp")


def adversarial_loss(scores: Tensor | Sequence[Tensor], real: bool, mode: str = "lsgan") -> Tensor:
    """How far `scores` (any shape) are from saying "real" or "fake". Of the scores of several scales, the sum.

    lsgan: mean (p - 1)^2 or mean p^2 (Mao et al. 2017, arXiv 1611.04076). vanilla: binary cross-entropy of logits
    (Goodfellow et al. 2014, arXiv 1406.2661). wgangp: -mean p or mean p (Arjovsky et al. 2017, arXiv 1701.07875), to
    which a gradient penalty belongs.
    """
    if not isinstance(scores, Tensor):
        return torch.stack([adversarial_loss(scale, real, mode) for scale in scores]).sum()
    p = single(scores)
    if mode == "lsgan":
        return ((p - 1) ** 2 if real else p**2).mean()
    if mode == "vanilla":
        return F.softplus(-p if real else p).mean()
    if mode == "wgangp":
        return -p.mean() if real else p.mean()
    raise ValueError(f"there is no adversarial objective {mode!r}; known: {', '.join(GAN_MODES)}")


def discriminator_losses(
    discriminator: nn.Module, first: tuple[Tensor, bool], second: tuple[Tensor, bool], mode: str = "lsgan"
) -> tuple[Tensor, Tensor]:
    """The objectives on two batches, each given as (pictures, whether they are real).

    They share one pass where that gives the same. Their order decides how batch norms and spectral norms move.
    """
    of_first, of_second = together(discriminator, first[0], second[0])
    return adversarial_loss(of_first, first[1], mode), adversarial_loss(of_second, second[1], mode)
