"""DRIT: which step trains what, what a batch holds, styles, sizes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from gantool_drit import DRIT, A, B
from gantool_drit.losses import discriminator_loss
from torch import Tensor

from gantool.errors import UsageError
from gantool.model import Progress
from gantool.networks import norms
from gantool.networks.spectral import SpectralConv2d
from gantool.options import restore
from gantool.spec import Spec
from gantool.training.run import TrainingRun
from tests.parity.adapters import drit as parity

FULL = 2
"""With `d_iter` 3, the first step that trains everything."""
PASS = 100
"""Steps of a pass over the data."""


def built(crop: int = 48, channels: tuple[int, int] = (3, 3), **options: Any) -> DRIT:
    """A small model, always with the same weights."""
    torch.manual_seed(0)
    tiny = {"width": 2, "d_width": 2, "d_scales": 2, "content_layers": 1, **options}
    a, b = channels
    chosen = DRIT.Options(**tiny, channels_a=a, channels_b=b)
    return DRIT(chosen, Spec(("A", "B"), chosen.kinds, crop)).train()


def pictures(count: int = 2, side: int = 48, channels: tuple[int, int] = (3, 3), seed: int = 0) -> dict[str, Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    shapes = zip("AB", channels, strict=True)
    return {name: torch.rand(count, c, side, side, generator=drawn) * 2 - 1 for name, c in shapes}


def trained(model: DRIT, *steps: int, batch: dict[str, Tensor] | None = None) -> TrainingRun:
    run = TrainingRun(model, model.optimizers())
    for step in steps:
        run.begin(Progress(step, PASS, pass_steps=PASS), 1.0)
        for _ in run.batches():
            model.training_step(pictures() if batch is None else batch, run)
        run.end()
    return run


def moved(model: DRIT, other: DRIT) -> set[str]:
    """The networks in which two models differ."""
    theirs = other.state_dict()
    return {key.partition(".")[0] for key, value in model.state_dict().items() if not torch.equal(value, theirs[key])}


EVERYTHING = {"enc_c", "enc_a", "gen", "dis_a", "dis_b", "dis_a2", "dis_b2", "dis_content"}


@pytest.mark.parametrize("injection", ["concat", "featurewise"])
def test_most_steps_train_the_content_discriminator_alone(injection):
    model = built(injection=injection)
    losses = trained(model, 0, 1).losses()
    assert losses.keys() == {"d_content"}
    assert moved(model, built(injection=injection)) == {"dis_content"}
    trained(model, FULL)
    assert moved(model, built(injection=injection)) == EVERYTHING


def full_steps(d_iter: int, length: float, epochs: int) -> list[int]:
    """The steps that train everything, where a pass over the data is `length` batches long."""
    model, total = built(d_iter=d_iter), round(length * epochs)
    return [step for step in range(total) if model.is_full_step(Progress(step, total, pass_steps=length))]


def test_the_cadence_begins_anew_with_every_pass_over_the_data_whose_last_two_steps_are_full():
    assert full_steps(3, 8, 2) == [2, 5, 6, 7, 10, 13, 14, 15]
    assert full_steps(3, 5, 3) == [2, 3, 4, 7, 8, 9, 12, 13, 14]
    assert full_steps(1, 5, 2) == list(range(10))
    assert full_steps(4, 102, 1) == [*range(3, 100, 4), 100, 101]
    assert full_steps(3, 30, 3)[-4:] == [83, 86, 88, 89]
    assert full_steps(3, 2, 2) == [0, 1, 2, 3]  # the first step of all is one of the last two


def test_a_pass_over_the_data_need_not_be_whole_batches():
    full = full_steps(3, 33 + 2 / 3, 6)
    assert len(full) == pytest.approx(6 * (33.67 / 3 + 4 / 3), abs=6)
    assert max(after - before for before, after in pairwise(full)) <= 5


@pytest.mark.parametrize("injection", ["concat", "featurewise"])
def test_a_blank_picture_leaves_training_as_it_was(injection: str):
    """In half precision, where a norm does not take a constant to exactly 0. As for MUNIT: Adam's second moments."""

    def largest(blank: bool) -> float:
        model = built(32, width=4, content_layers=0, d_iter=1, injection=injection)
        run = TrainingRun(model, model.optimizers(), precision="bf16")
        for step in range(3):
            batch = pictures(1, side=32, seed=step)
            if blank and step == 1:
                batch["A"] = torch.full_like(batch["A"], 0.3)
            run.begin(Progress(step, PASS, pass_steps=PASS), 1.0)
            for _ in run.batches():
                model.training_step(batch, run)
            run.end()
        assert run.skipped_in_a_row() == 0
        return max(s["exp_avg_sq"].max().item() for o in run.optimizers.values() for s in o.state.values())

    assert largest(True) < 100 * largest(False)


def saturated(moved: float = 0.0) -> dict[str, Tensor]:
    """The weights of four steps in double precision, one channel, batches of three, where all translations are white
    up to 1e-4: 5 lies before the tanh. `moved` is how far the pictures of the data are moved."""
    model = built(32, (1, 1), width=4, d_width=4, content_layers=0, d_iter=1).double()
    for domain in model.gen.domains:
        torch.nn.init.constant_(domain.picture[0].bias, 5.0)
    ranges = []
    model.enc_c.register_forward_hook(lambda network, given, made: ranges.append(given[0].amax() - given[0].amin()))
    run = TrainingRun(model, model.optimizers())
    for step in range(4):
        batch = {name: x.double() + moved * torch.sin(1e3 * x) for name, x in pictures(3, 32, (1, 1), step).items()}
        run.begin(Progress(step, 10, pass_steps=10), 1.0)
        for _ in run.batches():
            model.training_step(batch, run)
        run.end()
    assert 0 < max(ranges[2::4] + ranges[3::4]) < 1e-4  # a step encodes two pictures of the data, then two translations
    return model.state_dict()


def test_saturated_translations_teach_what_they_teach_without_a_guard(monkeypatch):
    """A guard that took pictures with a range below 1e-3 for blank ones moved weights by 9e-4 here."""

    def apart(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
        return max((one[key] - other[key]).abs().max().item() for key in one if key.endswith("weight"))

    ours = saturated()
    with monkeypatch.context() as patch:
        patch.setattr(norms._UnlessConstant, "apply", lambda x, y, over: y)
        theirs, moved = saturated(), saturated(1e-13)
    assert 0 < apart(moved, theirs) < 1e-8  # well conditioned: what differs is not noise
    assert apart(ours, theirs) < 1e-10


def test_a_batch_of_one_is_its_own_random_picture():
    """What the encoders see is the first picture alone; the others are for two discriminators."""
    once, one, two, other = (built() for _ in range(4))
    single = pictures(1)
    trained(once, FULL, batch=single)
    trained(one, FULL, batch=single)
    trained(two, FULL, batch={name: x.repeat(2, 1, 1, 1) for name, x in single.items()})
    assert not moved(once, one)
    assert not moved(once, two)
    rest = pictures(1, seed=1)
    trained(other, FULL, batch={name: torch.cat([x, rest[name]]) for name, x in single.items()})
    assert {"dis_a2", "dis_b2"} <= moved(once, other)
    assert not {"dis_a", "dis_b", "dis_content", "enc_a"} & moved(once, other)


def test_only_the_gradient_of_the_content_discriminator_is_clipped():
    """With plain gradient descent at rate 1 a step is as long as the gradient."""
    lengths = {}
    for name, scale in (("dis_content", 30.0), ("D", 30.0)):
        model = built(d_iter=1)
        optimizers = model.optimizers()
        group = optimizers[name].param_groups[0]["params"]
        with torch.no_grad():
            for p in group:
                p.mul_(scale)  # scores, and so gradients, far from 0
        before = [p.clone() for p in group]
        optimizers[name] = torch.optim.SGD(group, lr=1.0)
        run = TrainingRun(model, optimizers)
        run.begin(Progress(0, PASS, pass_steps=PASS), 1.0)
        for _ in run.batches():
            model.training_step(pictures(), run)
        lengths[name] = torch.stack([(p - q).norm() for p, q in zip(group, before, strict=True)]).norm().item()
    assert lengths["dis_content"] == pytest.approx(5.0, rel=1e-3)
    assert lengths["D"] > 10


def test_both_updates_of_the_generator_stand_on_the_same_weights():
    """With plain gradient descent two updates add up: at old weights, to the step of both losses together."""

    def after(rate: float, kind: type[TrainingRun] = TrainingRun) -> list[Tensor]:
        model = built(d_iter=1).double()
        start = [p.detach().clone() for p in (*model.enc_c.parameters(), *model.gen.parameters())]
        optimizers = model.optimizers()
        for name in ("G", "enc_a"):
            optimizers[name] = torch.optim.SGD(optimizers[name].param_groups[0]["params"], lr=rate)
        run = kind(model, optimizers)
        run.begin(Progress(0, PASS, pass_steps=PASS), 1.0)
        for _ in run.batches():
            model.training_step({name: x.double() for name, x in pictures().items()}, run)
        ends = (*model.enc_c.parameters(), *model.gen.parameters())
        return [(p - q) / rate for p, q in zip(ends, start, strict=True)]

    def apart(one: list[Tensor], other: list[Tensor]) -> float:
        return max((x - y).abs().max().item() for x, y in zip(one, other, strict=True))

    slow = after(1e-9)
    assert apart(after(1e-3), slow) < 1e-5  # the step is linear in the rate: no gradient saw a moved weight
    assert apart(after(1e-3, parity.Run), slow) > 1e-3
    assert apart(after(1e-9, parity.Run), slow) < 1e-3


def test_without_mode_seeking_there_is_one_random_attribute():
    model = built(d_iter=1, mode_seeking=0.0)
    losses = trained(model, 0).losses()
    assert not {"diversity_a", "diversity_b"} & losses.keys()
    assert {"diversity_a", "diversity_b"} <= trained(built(d_iter=1), 0).losses().keys()


@pytest.mark.parametrize("injection", ["concat", "featurewise"])
def test_styles(injection):
    model = built(injection=injection, style_size=5).eval()
    x = pictures(3, side=32)
    codes = model.encode(x["B"], domain=B)
    assert codes.shape == (3, 5)
    assert torch.equal(codes, model.encode(x["B"], domain=B))
    assert not torch.equal(codes, model.encode(x["B"], domain=A))
    assert torch.equal(model.mean_code(B), torch.zeros(1, 5))
    drawn = model.random_code(B, torch.Generator().manual_seed(3))
    assert drawn.shape == (1, 5)
    ways = {"source": A, "target": B}
    once, again = (model.translate(x["A"], code=drawn.expand(3, -1), **ways) for _ in range(2))
    assert torch.equal(once, again)  # no noise outside training
    assert not torch.equal(once, model.translate(x["A"], code=-drawn.expand(3, -1), **ways))


def test_training_adds_unit_noise_to_contents():
    model = built()
    run = TrainingRun(model, model.optimizers())
    run.begin(Progress(0, PASS, pass_steps=PASS), 1.0)
    x = pictures(1)
    with torch.no_grad():
        noise = model.contents(x["A"], x["B"], run)[0] - model.enc_c(x["A"], 0)
    assert noise.mean().item() == pytest.approx(0, abs=0.15)
    assert noise.std().item() == pytest.approx(1, abs=0.1)


def test_grey_to_colour_trains():
    model = built(channels=(1, 3), d_iter=1)
    losses = trained(model, 0, batch=pictures(channels=(1, 3))).losses()
    assert torch.tensor(list(losses.values())).isfinite().all()
    x = pictures(1, channels=(1, 3))
    assert model.translate(x["A"], source=A, target=B, code=model.mean_code(B)).shape == (1, 3, 48, 48)


@pytest.mark.parametrize(
    ("options", "least"),
    [
        ({"content_layers": 3, "d_scales": 3}, 212),
        ({"content_layers": 2, "d_scales": 3}, 100),
        ({"content_layers": 1, "d_scales": 3}, 64),
        ({"content_layers": 1, "d_scales": 2}, 44),
        ({"content_layers": 0, "d_scales": 2}, 32),
        ({"content_layers": 0, "d_scales": 1}, 36),
        ({"content_layers": 0, "d_scales": 2, "injection": "featurewise", "spectral_norm": True}, 32),
    ],
)
def test_the_smallest_crop_is_the_smallest(options, least):
    model = built(**options, d_iter=1)
    assert model.crops.minimum == least
    losses = trained(model, 0, batch=pictures(side=least)).losses()
    assert torch.tensor(list(losses.values())).isfinite().all()
    with pytest.raises(RuntimeError):
        trained(model, 0, batch=pictures(side=least - 4))


def test_spectral_norm_bounds_the_kernel_and_counts_passes():
    torch.manual_seed(0)
    conv = SpectralConv2d(3, 8, 3, evaluation="kernel")
    x = torch.rand(1, 3, 8, 8)
    before = conv.weight_u.clone()
    for _ in range(50):
        conv(x)
    assert not torch.equal(conv.weight_u, before)
    assert torch.linalg.matrix_norm(conv.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-4)
    conv.eval()
    before = conv.weight_u.clone()
    assert torch.equal(conv(x), torch.conv2d(x, conv.weight, conv.bias))
    assert torch.equal(conv.weight_u, before)


def test_pictures_have_one_or_three_channels():
    with pytest.raises(UsageError, match="1 or 3 channels"):
        restore(DRIT.Options, {"channels_a": 2}, where="drit")


@pytest.mark.parametrize("spectral_norm", [False, True])
def test_two_fakes_are_judged_as_one_after_the_other(spectral_norm: bool):
    real, *fakes = (pictures(count, seed=seed)["A"] for seed, count in enumerate((3, 1, 1)))
    found = []
    for at_once in (True, False):
        network = built(spectral_norm=spectral_norm).dis_a2
        calls = [fakes] if at_once else [[fake] for fake in fakes]
        loss = sum(discriminator_loss(network, real, *some) for some in calls)
        assert isinstance(loss, Tensor)
        found.append([loss, *torch.autograd.grad(loss, list(network.parameters()))])
    for together, apart in zip(*found, strict=True):
        torch.testing.assert_close(together, apart)
