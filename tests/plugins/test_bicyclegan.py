"""BicycleGAN: who learns from what, and what a code does. Its mathematics is compared in tests/parity."""

from __future__ import annotations

import pytest
import torch
from gantool_bicyclegan import BicycleGAN
from torch import Tensor

from gantool.capabilities import abilities
from gantool.errors import UsageError
from gantool.model import Progress
from gantool.training.run import TrainingRun

TINY = {
    "nz": 3,
    "width": 4,
    "depth": 4,
    "e_width": 4,
    "e_layers": 3,
    "d_width": 4,
    "d_layers": 2,
    "d2_layers": 2,
    "init_gain": 1.0,
}
SIDE = 32


def build(**options) -> BicycleGAN:
    torch.manual_seed(0)
    chosen = BicycleGAN.Options(**{**TINY, **options})
    return BicycleGAN(chosen, BicycleGAN.data(chosen).spec(("A", "B"), SIDE))


def pairs(count: int = 2, a: int = 3, b: int = 3) -> dict[str, Tensor]:
    drawn = torch.rand(count, a + b, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return {"A": drawn[:, :a], "B": drawn[:, a:]}


def step(model: BicycleGAN, batch: dict[str, Tensor], **settings) -> tuple[dict[str, float], TrainingRun]:
    """One step: the losses and the run."""
    run = TrainingRun(model.train(), model.optimizers(), **settings)
    run.begin(Progress(0, 1), 1.0)
    for _ in run.batches():
        model.training_step(batch, run)
    run.end()
    assert run.skipped_in_a_row() == 0
    return run.losses(), run


def moved(model: BicycleGAN, before: dict[str, Tensor]) -> set[str]:
    """The networks of which some parameter is another than before."""
    return {key.split(".")[0] for key, p in model.named_parameters() if not torch.equal(p, before[key])}


def weights(model: BicycleGAN) -> dict[str, Tensor]:
    return {key: p.detach().clone() for key, p in model.named_parameters()}


CYCLES = {
    "both": ({}, {"g", "e", "d", "d2"}, {"gan", "l1", "kl", "gan2", "z_l1"}),
    "cVAE-GAN": ({"lambda_gan2": 0, "lambda_z": 0}, {"g", "e", "d"}, {"gan", "l1", "kl"}),
    "cLR-GAN": ({"lambda_gan": 0, "lambda_l1": 0}, {"g", "e", "d2"}, {"gan2", "z_l1"}),
    "noise": ({"lambda_gan": 0, "lambda_l1": 0, "lambda_z": 0}, {"g", "d2"}, {"gan2"}),
    "autoencoder": ({"lambda_gan": 0, "lambda_gan2": 0, "lambda_z": 0}, {"g", "e"}, {"l1", "kl"}),
    "one D": ({"same_d": True}, {"g", "e", "d"}, {"gan", "l1", "kl", "gan2", "z_l1"}),
    "one D, cLR-GAN": ({"same_d": True, "lambda_gan": 0, "lambda_l1": 0}, {"g", "e", "d"}, {"gan2", "z_l1"}),
}


@pytest.mark.parametrize("case", CYCLES)
def test_a_weight_of_zero_leaves_out_what_only_it_needs(case):
    options, networks, losses = CYCLES[case]
    model = build(**options)
    assert {name for name, _ in model.named_children()} == networks
    before = weights(model)
    logged, _ = step(model, pairs())
    assert {name for name in logged if not name.startswith("d")} == losses
    assert moved(model, before) == networks


def test_no_weight_at_all_is_refused():
    with pytest.raises(ValueError, match="nothing would be learnt"):
        BicycleGAN.Options(lambda_gan=0, lambda_l1=0, lambda_gan2=0, lambda_z=0)
    with pytest.raises(ValueError, match="z_step"):
        BicycleGAN.Options(lambda_gan=0, lambda_l1=0, z_step=True)


def test_the_code_found_again_teaches_g_and_not_e():
    after = {}
    for weight in (0.0, 5.0):
        model = build(lambda_z=weight)
        step(model, pairs())
        after[weight] = weights(model)
    for key, value in after[0.0].items():
        if key.startswith("e."):
            torch.testing.assert_close(value, after[5.0][key], rtol=0, atol=0)
    assert any(not torch.equal(value, after[5.0][key]) for key, value in after[0.0].items() if key.startswith("g."))


@pytest.mark.parametrize("z_step", [False, True])
def test_a_step_of_its_own_for_the_code(z_step):
    model = build(z_step=z_step)
    _, run = step(model, pairs())
    steps = {
        name: {int(state["step"]) for state in optimizer.state.values()} for name, optimizer in run.optimizers.items()
    }
    assert steps == {"G": {1 + z_step}, "E": {1}, "D": {1}}


def test_the_order_decides_which_discriminator_teaches():
    """D learns the same from the same fakes; G learns from D before or after that."""
    after = {}
    for first in ("G", "D"):
        model = build(first=first)
        step(model, pairs())
        after[first] = weights(model)
    different = {key.split(".")[0] for key, value in after["G"].items() if not torch.equal(value, after["D"][key])}
    assert different == {"g", "e"}


@pytest.mark.parametrize("conditional", [False, True])
def test_the_second_half_gives_the_real_pictures_of_d2(conditional):
    model, batch = build(conditional=conditional), pairs(4)
    losses, _ = step(model, batch)
    for domain, noticed in (("B", {"d2_real"}), ("A", {"d2_real"} if conditional else set())):
        other = {key: value.clone() for key, value in batch.items()}
        other[domain][2:] *= 0.5
        changed, _ = step(build(conditional=conditional), other)
        assert {name for name in losses if losses[name] != changed[name]} == noticed


@pytest.mark.parametrize("count", [1, 3])
def test_odd_batches_use_every_pair(count):
    batch = pairs(count)
    losses, _ = step(build(), batch)
    for row in range(count):
        other = {key: value.clone() for key, value in batch.items()}
        other["B"][row] *= 0.5
        assert step(build(), other)[0] != losses


@pytest.mark.parametrize(
    "options",
    [
        {"norm": "batch", "dropout": True, "depth": 5},
        {"norm": "none", "where": "input", "activation": "elu"},
        {"encoder": "conv", "upsample": "bilinear", "activation": "lrelu", "e_pool": "corner"},
        {"gan": "wgangp", "penalty": 10.0, "scales": 1, "d_layers": 1},
        {"channels_a": 1, "channels_b": 1, "conditional": True, "gan": "vanilla", "d2_layers": 1},
    ],
)
def test_every_choice_trains_every_network(options):
    model = build(**options)
    before = weights(model)
    step(model, pairs(2, model.spec.channels[0], model.spec.channels[1]))
    assert moved(model, before) == {"g", "e", "d", "d2"}


def test_half_precision_trains():
    model = build(gan="wgangp", penalty=10.0)
    before = weights(model)
    step(model, pairs(), precision="bf16")
    assert moved(model, before) == {"g", "e", "d", "d2"}


def test_a_gradient_penalty_changes_the_discriminators_alone():
    after = {}
    for weight in (0.0, 10.0):
        model = build(gan="wgangp", penalty=weight)
        step(model, pairs())
        after[weight] = weights(model)
    different = {key.split(".")[0] for key, value in after[0.0].items() if not torch.equal(value, after[10.0][key])}
    assert different == {"d", "d2"}


@pytest.mark.parametrize("where", ["all", "input"])
def test_the_code_decides_and_dropout_does_not(where):
    model = build(where=where, dropout=True, depth=5).eval()
    images = pairs()["A"]

    def translated(code: Tensor) -> Tensor:
        with torch.no_grad():
            return model.translate(images, source=0, target=1, code=code.expand(2, -1))

    one, other = (model.random_code(1, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert torch.equal(translated(one), translated(one))
    assert (translated(one) - translated(other)).abs().mean() > 0.01
    assert model.directions() == (("A", "B"),)


def test_a_style_comes_from_pictures_of_the_second_domain():
    model, pictures = build().eval(), pairs()["B"]
    with torch.no_grad():
        codes = model.encode(pictures, domain=1)
        assert torch.equal(codes, model.e(pictures)[0])  # the mean, without noise
        assert (codes[0] - codes[1]).abs().max() > 0.01
        larger = model.encode(torch.nn.functional.interpolate(pictures, scale_factor=2), domain=1)
        assert (larger - codes).norm() < 0.5 * (larger - codes.flip(0)).norm()
        small = model.encode(pictures[..., :8, :5], domain=1)
        assert small.shape == (2, 3)
        assert small.isfinite().all()
    with pytest.raises(UsageError, match="of B, not of A"):
        model.encode(pictures, domain=0)
    assert "encode" in abilities(model)
    assert "encode" not in abilities(model, missing=["e"])
    assert "encode" not in abilities(build(lambda_gan=0, lambda_l1=0, lambda_z=0))


def test_between_two_codes_the_length_stays():
    model, one, other = build(nz=4), torch.tensor([[2.0, 0, 0, 0]]), torch.tensor([[0, 2.0, 0, 0]])
    for share in (0.0, 0.25, 0.5, 1.0):
        between = model.between(one, other, share)
        assert between.norm().item() == pytest.approx(2)
        assert between[0, 1].item() == pytest.approx(2 * torch.tensor(share * torch.pi / 2).sin().item(), abs=1e-6)
    for end in (one, -one):  # no arc, and no single arc
        torch.testing.assert_close(model.between(one, end, 0.25), 0.75 * one + 0.25 * end)


def test_the_rate_falls_with_whole_epochs():
    model = build(n_epochs=2, n_epochs_decay=2)
    rates = [model.rate_factor(Progress(0, 1, schedule=epoch)) for epoch in (0, 0.9, 1, 2, 3, 3.9)]
    assert rates == pytest.approx([1, 1, 1, 2 / 3, 1 / 3, 1 / 3])  # 1 - max(0, e - 2) / 3 in epoch e, from 1
    assert build(lr_policy="constant").rate_factor(Progress(0, 1, schedule=150)) == 1
    assert build(lr_policy="step", lr_decay_epochs=5).rate_factor(Progress(0, 1, schedule=5.5)) == pytest.approx(0.1)
    assert build(lr_policy="cosine").rate_factor(Progress(0, 1, schedule=50)) == pytest.approx(0.5)


def test_the_least_crop_trains():
    for options in ({}, {"scales": 1}, {"d_layers": 1}, {"depth": 3, "e_layers": 2, "scales": 1, "d2_layers": 1}):
        model = build(**options)
        side, _ = model.crops.fit(1, 1)
        step(model, {key: value.repeat(1, 1, 2, 2)[..., :side, :side] for key, value in pairs().items()})
