"""UNIT: noise in training alone, terms without weight, blank pictures. Its mathematics is compared in tests/parity."""

from __future__ import annotations

import pytest
import torch
from gantool_munit.unit import UNIT

from gantool.capabilities import abilities
from gantool.model import Progress

from .test_munit import assert_survives_blank_pictures, build, picture, train


def test_translation_draws_nothing() -> None:
    model = build(UNIT)
    x = picture(1)
    with torch.no_grad():
        results = [model.translate(x, source=0, target=1) for model in (model.train(), model, model.eval())]
        mean = model.g_b.decoder(model.g_a.encoder(x))
    assert all(torch.equal(result, mean) for result in results)
    assert abilities(model) == {"translate"}


@pytest.mark.parametrize("activation", ["relu", "lrelu"])
def test_blank_pictures_leave_training_as_it_was(activation: str) -> None:
    """A ReLU's own gradient at 0 may hide it, another activation's does not."""
    assert_survives_blank_pictures(UNIT, activation=activation)


def test_losses_that_have_no_weight_are_not_computed() -> None:
    batch = {"A": picture(1), "B": picture(2)}
    kept = {f"{name}_{side}" for name in ("gan", "recon_x", "kl", "d") for side in "ab"} | {"g", "d"}
    cycles, divergences = {"cycle_a", "cycle_b"}, {"kl_aba", "kl_bab"}
    assert train(build(UNIT), [batch])[0].keys() == kept | cycles | divergences
    assert train(build(UNIT, cycle=0.0), [batch])[0].keys() == kept | divergences
    assert train(build(UNIT, cycle=0.0, kl_cycle=0.0), [batch])[0].keys() == kept
    assert train(build(UNIT, kl_cycle=0.0), [batch])[0].keys() == kept | cycles | divergences


def test_training_adds_noise_to_the_code() -> None:
    """One and the same picture on both sides and a step that changes nothing: only the noise tells steps apart."""
    model = build(UNIT, lr=0.0, weight_decay=0.0)
    batch = {"A": picture(1), "B": picture(2)}
    (first, _), (second, run) = train(model, [batch]), train(model, [batch])
    assert first == second  # all draws follow from the number of the step
    run.begin(Progress(1, 1), 1.0)
    model.training_step(batch, run)
    other = run.losses()
    assert other["kl_a"] == first["kl_a"]  # of the mean code
    assert other["recon_x_a"] != first["recon_x_a"]


def test_domains_of_other_channels_and_sizes() -> None:
    model = build(UNIT, channels_b=1)
    train(model, [{"A": picture(1, 48), "B": picture(2, 32, channels=1)}])
    with torch.no_grad():
        assert model.translate(picture(1), source=0, target=1).shape == (1, 1, 32, 32)


@pytest.mark.parametrize("downsample", [0, 1, 2, 4])
def test_the_smallest_picture(downsample: int) -> None:
    model = build(UNIT, downsample=downsample, blocks=1).eval()
    x = torch.rand(1, 3, *model.sizes.fit(1, 1))
    with torch.no_grad():
        assert model.translate(x, source=0, target=1).shape == x.shape
