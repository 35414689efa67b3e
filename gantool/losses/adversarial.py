"""Adversarial objectives on the scores of a discriminator. Every reduction is a mean over all elements.

`docs/objectives.md` lists them: what each asks of a discriminator, what of a generator, and what belongs to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, relu

from gantool.losses.f_divergences import F_DIVERGENCES
from gantool.networks.passes import together
from gantool.networks.precision import single

GAN_MODES = ("lsgan", "vanilla", "wgangp", "hinge", *(name for name in F_DIVERGENCES if name != "vanilla"))

UNPENALISED = tuple(mode for mode in GAN_MODES if mode != "wgangp")
"""Those to which no gradient penalty belongs."""


def adversarial_loss(scores: Tensor | Sequence[Tensor], real: bool, mode: str = "lsgan") -> Tensor:
    """How far `scores` (any shape) are from saying "real" or "fake". Of the scores of several scales, the sum.

    lsgan: mean (p - 1)^2 or mean p^2 (Mao et al. 2017, arXiv 1611.04076). vanilla: binary cross-entropy of logits
    (Goodfellow et al. 2014, arXiv 1406.2661). wgangp: -mean p or mean p (Arjovsky et al. 2017, arXiv 1701.07875), to
    which a gradient penalty belongs. hinge: mean max(0, 1 - p) or mean max(0, 1 + p) (Lim and Ye 2017, arXiv
    1705.02894). The others: -mean g_f(p) or mean f*(g_f(p)), see `gantool.losses.f_divergences`.
    """
    scales = [scores] if isinstance(scores, Tensor) else scores
    means = [_mean(single(p), real, mode) for p in scales]
    total = means[0] if len(means) == 1 else torch.stack(means).sum()
    return -total if real and mode not in ("lsgan", "hinge") else total  # the sign once, for all scales


def _mean(p: Tensor, real: bool, mode: str) -> Tensor:
    """The mean in the objective, without its sign."""
    if mode == "lsgan":
        return mse_loss(p, p.new_full((), float(real)).expand_as(p))
    if mode == "wgangp":
        return p.mean()
    if mode == "hinge":
        return relu(1 - p if real else 1 + p).mean()
    if mode in F_DIVERGENCES:
        of = F_DIVERGENCES[mode]
        return (of.activation(p) if real else of.conjugate(p)).mean()
    raise ValueError(f"there is no adversarial objective {mode!r}; known: {', '.join(GAN_MODES)}")


def generator_loss(scores: Tensor | Sequence[Tensor], mode: str = "lsgan") -> Tensor:
    """How far the scores of fakes are from what a generator wants; otherwise as `adversarial_loss`.

    A generator wants its fakes to be taken for real, so this is the same as saying "real" of them (non-saturating: in
    f-GAN, section 3.2), but for the hinge, which would leave it without a gradient beyond 1: there it is -mean p.
    """
    return adversarial_loss(scores, True, "wgangp" if mode == "hinge" else mode)


def discriminator_losses(
    discriminator: nn.Module, first: tuple[Tensor, bool], second: tuple[Tensor, bool], mode: str = "lsgan"
) -> tuple[Tensor, Tensor]:
    """The objectives on two batches, each given as (pictures, whether they are real).

    They share one pass where that gives the same. Their order decides how batch norms and spectral norms move.
    """
    of_first, of_second = together(discriminator, first[0], second[0])
    return adversarial_loss(of_first, first[1], mode), adversarial_loss(of_second, second[1], mode)
