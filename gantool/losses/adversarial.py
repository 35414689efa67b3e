"""Adversarial objectives on the scores of a discriminator. Every reduction is a mean over all elements."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gantool.networks.precision import single

GAN_MODES = ("lsgan", "vanilla", "wgangp")


def adversarial_loss(scores: Tensor, real: bool, mode: str = "lsgan") -> Tensor:
    """How far `scores` (any shape) are from saying "real" or "fake".

    lsgan: mean (p - 1)^2 or mean p^2 (Mao et al. 2017, arXiv 1611.04076). vanilla: binary cross-entropy of logits
    (Goodfellow et al. 2014, arXiv 1406.2661). wgangp: -mean p or mean p (Arjovsky et al. 2017, arXiv 1701.07875), to
    which a gradient penalty belongs.
    """
    p = single(scores)
    if mode == "lsgan":
        return ((p - 1) ** 2 if real else p**2).mean()
    if mode == "vanilla":
        return F.softplus(-p if real else p).mean()
    if mode == "wgangp":
        return -p.mean() if real else p.mean()
    raise ValueError(f"there is no adversarial objective {mode!r}; known: {', '.join(GAN_MODES)}")
