"""Each loss by figures that were computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from gantool.losses.adversarial import GAN_MODES, adversarial_loss, discriminator_losses, generator_loss
from gantool.losses.feature_matching import feature_matching_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated, r1
from gantool.losses.kl import kl
from gantool.losses.perceptual import perceptual_loss
from gantool.losses.reconstruction import l1

SCORES = torch.tensor([[0.0, 2.0], [1.0, -1.0]])


@pytest.mark.parametrize(
    ("mode", "real", "loss"),
    [
        ("lsgan", True, (1 + 1 + 0 + 4) / 4),
        ("lsgan", False, (0 + 4 + 1 + 1) / 4),
        ("vanilla", True, sum(math.log(1 + math.exp(-p)) for p in (0, 2, 1, -1)) / 4),
        ("vanilla", False, sum(math.log(1 + math.exp(p)) for p in (0, 2, 1, -1)) / 4),
        ("wgangp", True, -0.5),
        ("wgangp", False, 0.5),
        ("hinge", True, (1 + 0 + 0 + 2) / 4),
        ("hinge", False, (1 + 3 + 2 + 0) / 4),
    ],
)
def test_adversarial_objectives(mode, real, loss):
    assert adversarial_loss(SCORES, real, mode).item() == pytest.approx(loss)


def test_the_scores_of_several_scales_add_up_whatever_their_sizes():
    assert adversarial_loss([torch.tensor([3.0]), torch.zeros(2, 5)], True).item() == pytest.approx(4 + 1)


def test_an_objective_that_there_is_not():
    with pytest.raises(ValueError, match="no adversarial objective 'wgan'; known: lsgan"):
        adversarial_loss(SCORES, True, "wgan")


@pytest.mark.parametrize("mode", GAN_MODES)
def test_a_generator_wants_higher_scores_wherever_they_are(mode):
    """Also where D is sure of its fakes, and, with a hinge, where fakes pass: there an objective of D may be flat."""
    scores = torch.tensor([-8.0, 0.0, 0.5] if mode == "lsgan" else [-8.0, 0.0, 3.0], requires_grad=True)
    generator_loss([scores, scores], mode).backward()
    assert (scores.grad < 0).all()


def test_a_discriminator_is_told_which_batch_is_real():
    judge = nn.Flatten()  # the scores are the pictures' values
    fake, real = torch.full((2, 1, 1, 1), 3.0), torch.full((2, 1, 1, 1), 2.0)
    of_fake, of_real = discriminator_losses(judge, (fake, False), (real, True))
    assert (of_fake.item(), of_real.item()) == (9, 1)


def test_reconstruction():
    assert l1(torch.tensor([1.0, -2.0, 0.0]), torch.tensor([0.0, 2.0, 1.0])).item() == 2
    halves = torch.full((1,), 1 / 3, dtype=torch.bfloat16)
    assert l1(halves, torch.zeros(1)).dtype == torch.float32


def test_feature_matching_weighs_scales_and_stages_and_leaves_out_the_scores():
    def scale(*values: float) -> list[Tensor]:
        return [torch.tensor([float(value)], requires_grad=True) for value in values]

    fake, real = [scale(1, 5, 100), scale(2, 2, -100)], [scale(0, 2, 0), scale(0, 1, 0)]
    loss = feature_matching_loss(fake, real)
    assert loss.item() == pytest.approx(4 * ((1 + 3) / 2 + (2 + 1) / 2) / 2)
    loss.backward()
    assert fake[0][0].grad == 1
    assert fake[0][2].grad is None
    assert real[0][0].grad is None


def linear(pictures: Tensor) -> Tensor:
    """Scores whose gradient is (3, 4) for every picture: of norm 5."""
    return pictures.flatten(1) @ torch.tensor([3.0, 4.0])


def test_gradient_penalty_is_the_square_of_what_the_norm_lacks():
    pictures = torch.rand(3, 1, 1, 2)
    assert gradient_penalty(linear, pictures).item() == pytest.approx((5 - 1) ** 2)
    assert gradient_penalty(linear, pictures, constant=7.0).item() == pytest.approx((5 - 7) ** 2)


def test_gradient_penalty_has_a_gradient_where_scores_are_flat():
    weight = torch.zeros(2, requires_grad=True)
    penalty = gradient_penalty(lambda x: x.flatten(1) @ weight, torch.rand(3, 1, 1, 2))
    assert penalty.item() == pytest.approx(1)
    penalty.backward()
    assert torch.isfinite(weight.grad).all()


def test_r1_is_half_the_square_of_the_norm_and_comes_with_the_scores():
    pictures = torch.ones(2, 1, 1, 2)
    scores, penalty = r1(linear, pictures)
    assert scores.tolist() == [7, 7]
    assert penalty.item() == pytest.approx(25 / 2)


def test_points_between_real_and_fake_pictures():
    real, fake = torch.full((2, 1, 1, 1), 8.0), torch.zeros(2, 1, 1, 1)
    assert interpolated(real, fake, torch.tensor([0.25, 1.0])).flatten().tolist() == [2, 8]


def test_kl_is_summed_over_codes_and_batch():
    assert kl(torch.zeros(2, 3), torch.zeros(2, 3)).item() == 0
    mu, logvar = torch.tensor([[2.0], [0.0]]), torch.tensor([[0.0], [math.log(4)]])
    assert kl(mu, logvar).item() == pytest.approx(2 + 0.5 * (4 - 1 - math.log(4)))


def test_perceptual_loss_weighs_the_maps_and_repeats_grey():
    seen = []

    def maps(x: Tensor) -> list[Tensor]:
        seen.append(x.shape)
        return [x.mean(dim=(1, 2, 3)) * 32] * 5

    fake, real = torch.full((1, 1, 2, 2), 0.5), torch.zeros(1, 1, 2, 2)
    assert perceptual_loss(maps, fake, real).item() == pytest.approx(16 * (1 / 32 + 1 / 16 + 1 / 8 + 1 / 4 + 1))
    assert seen == [(1, 3, 2, 2)] * 2
