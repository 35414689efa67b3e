"""DRIT's losses. "Mean" is over all elements."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.losses.adversarial import adversarial_loss, discriminator_losses
from gantool.losses.reconstruction import l1
from gantool.networks.passes import per_sample, together
from gantool.networks.precision import single


def discriminator_loss(network: nn.Module, real: Tensor, *fakes: Tensor) -> Tensor:
    """The sum over scales, for every fake against the real pictures.

    A spectral norm sees a fake, then the real pictures, and so on for every fake. Without one the real pictures are
    judged once, and count as often.
    """
    if per_sample(network):
        *on_fakes, on_real = together(network, *(fake.detach() for fake in fakes), real)
        of_real = len(fakes) * adversarial_loss(on_real, True, "vanilla")
    else:
        scores = [network(x) for fake in fakes for x in (fake.detach(), real)]
        on_fakes, of_real = scores[::2], adversarial_loss([*chain(*scores[1::2])], True, "vanilla")
    return adversarial_loss([*chain(*on_fakes)], False, "vanilla") + of_real


def generator_loss(network: nn.Module, *fakes: Tensor) -> Tensor:
    """The sum over scales, and over fakes."""
    return adversarial_loss([*chain(*together(network, *fakes))], True, "vanilla")


def content_discriminator_loss(network: nn.Module, c_a: Tensor, c_b: Tensor) -> Tensor:
    """Contents of A are to score 0, contents of B 1."""
    of_a, of_b = discriminator_losses(network, (c_a.detach(), False), (c_b.detach(), True), "vanilla")
    return of_a + of_b


def undecided(logits: Tensor) -> Tensor:
    """How far scores are from "one or the other": binary cross-entropy with the target 1/2."""
    x = single(logits)
    return (F.softplus(x) - 0.5 * x).mean()


def mode_seeking(fake_1: Tensor, fake_2: Tensor, z_1: Tensor, z_2: Tensor) -> Tensor:
    """Small where attributes that differ give pictures that differ (Mao et al. 2019, arXiv 1903.05628)."""
    return 1 / (l1(fake_2, fake_1) / l1(z_2, z_1) + 1e-5)


def l2(x: Tensor) -> Tensor:
    """Mean square, in single precision or better."""
    return (single(x) ** 2).mean()


def total(losses: Iterable[Tensor]) -> Tensor:
    """Their sum."""
    return torch.stack(list(losses)).sum()
