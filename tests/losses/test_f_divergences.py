"""The objectives of f-GAN, on distributions whose divergence can be computed by itself."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gantool.losses.adversarial import GAN_MODES, adversarial_loss
from gantool.losses.f_divergences import F_DIVERGENCES

P = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
Q = torch.tensor([0.1, 0.4, 0.3, 0.2], dtype=torch.float64)
GENERATORS: dict[str, Callable[[Tensor], Tensor]] = {
    "kl": lambda u: u * u.log(),
    "reverse_kl": lambda u: -u.log(),
    "pearson": lambda u: (u - 1) ** 2,
    "hellinger": lambda u: (u.sqrt() - 1) ** 2,
    "jensen_shannon": lambda u: u * u.log() - (u + 1) * ((1 + u) / 2).log(),
    "vanilla": lambda u: u * u.log() - (u + 1) * (u + 1).log(),
}
"""The convex functions f of table 1 of the paper."""
CONJUGATES: dict[str, Callable[[Tensor], Tensor]] = {
    "kl": lambda t: torch.exp(t - 1),
    "reverse_kl": lambda t: -1 - torch.log(-t),
    "pearson": lambda t: t**2 / 4 + t,
    "hellinger": lambda t: t / (1 - t),
    "jensen_shannon": lambda t: -torch.log(2 - t.exp()),
    "vanilla": lambda t: -torch.log(1 - t.exp()),
}
"""Their conjugates f*(t), of the same table."""


def bound(name: str, scores: Tensor) -> Tensor:
    """What a discriminator with these scores of the four outcomes says of the divergence of P from Q: equation 4, as a
    sample of a thousand outcomes has it."""
    of_p, of_q = (scores.repeat_interleave((1000 * share).round().long()) for share in (P, Q))
    return -(adversarial_loss(of_p, True, name) + adversarial_loss(of_q, False, name))


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_what_the_best_discriminator_reaches_is_the_divergence(name):
    scores = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([scores], max_iter=200, tolerance_change=1e-14, line_search_fn="strong_wolfe")

    def worse() -> Tensor:
        optimizer.zero_grad()
        loss = -bound(name, scores)
        loss.backward()
        return loss

    optimizer.step(worse)
    divergence = (Q * GENERATORS[name](P / Q)).sum()
    assert bound(name, scores).item() == pytest.approx(divergence.item(), rel=1e-8)
    with torch.no_grad():
        others = [bound(name, scores + shift) for shift in torch.randn(20, 4, dtype=torch.float64)]
    assert max(others) < divergence


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_shortened_forms_are_the_paper_s(name):
    v = torch.linspace(-6, 6, 49, dtype=torch.float64)
    of = F_DIVERGENCES[name]
    assert torch.allclose(of.conjugate(v), CONJUGATES[name](of.activation(v)), rtol=1e-9, atol=1e-12)
    assert (of.activation(v).diff() > 0).all(), "higher scores are more real"


def test_jensen_shannon_is_bounded_and_the_gan_of_2014_is_it_less_log_4():
    apart = torch.tensor([50.0, -50.0], dtype=torch.float64)  # of two distributions that share no outcome
    bounds = {
        name: -(adversarial_loss(apart[:1], True, name) + adversarial_loss(apart[1:], False, name)).item()
        for name in ("jensen_shannon", "vanilla")
    }
    assert bounds["jensen_shannon"] == pytest.approx(math.log(4))
    assert bounds["vanilla"] == pytest.approx(0, abs=1e-12)


def test_every_divergence_can_be_asked_for():
    assert set(F_DIVERGENCES) < set(GAN_MODES)
