"""WGAN beyond what every model does: rounds, clipping, the penalty, what it logs, networks and sizes."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from gantool_wgan import WGAN
from gantool_wgan.rounds import ends_round
from torch import Tensor

import gantool
from gantool.errors import UsageError
from gantool.model import Progress
from gantool.training.run import TrainingRun
from tests.conftest import draw

TINY = {"latent": 5, "width": 2, "d_width": 2}
CLIPPED = {"constraint": "clip", "network": "dcgan", "d_norm": "batch", "optimizer": "rmsprop"}


def model(size: int = 16, **options) -> WGAN:
    torch.manual_seed(0)
    o = WGAN.Options(**TINY | options)
    return WGAN(o, WGAN.data(o).spec(("pictures",), size)).train()


def pictures(size: int = 16, seed: int = 1) -> Tensor:
    return torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def step(gan: WGAN, run: TrainingRun, number: int, size: int = 16) -> dict[str, float]:
    run.begin(Progress(number, 100), 1.0)
    for _ in run.batches():
        gan.training_step({"image": pictures(size, seed=number)}, run)
    run.end()
    return run.losses()


def rounds(n_critic: int, early: int):
    """Whether each step of the critic ends a round, as the authors' loop counts."""
    learnt = 0
    while True:
        length = early if early and (learnt < 25 or learnt % 500 == 0) else n_critic
        yield from [False] * (length - 1) + [True]
        learnt += 1


@pytest.mark.parametrize(("n_critic", "early"), [(5, 100), (5, 0), (2, 7), (1, 0), (3, 3)])
def test_rounds_are_those_of_the_authors_loop(n_critic, early):
    wanted = list(islice(rounds(n_critic, early), 9000))
    assert [ends_round(number, n_critic, early) for number in range(9000)] == wanted


def test_g_learns_behind_the_last_step_of_a_round_and_the_critic_in_every_step():
    gan = model(n_critic=3)
    run = TrainingRun(gan, gan.optimizers())
    moved = []
    for number in range(6):
        before = {name: p.detach().clone() for name, p in gan.named_parameters()}
        step(gan, run, number)
        moved.append({name[0] for name, p in gan.named_parameters() if not torch.equal(p, before[name])})
    assert moved == [{"d"}, {"d"}, {"d", "g"}] * 2
    decays = [model(n_critic=3, ema=0.9).average_decay(Progress(number, 6)) for number in (300, 301, 302)]
    assert decays[:2] == [1, 1], "the average waits for the generator"
    assert decays[2] == 0.9


def test_clipping_comes_before_the_gradient_and_takes_norms_as_well():
    gan = model(**CLIPPED, clip=0.01, lr=0.1)
    run = TrainingRun(gan, gan.optimizers())
    largest: list[float] = []
    gan.d.register_forward_pre_hook(
        lambda *_: largest.append(max(p.detach().abs().max().item() for p in gan.d.parameters()))
    )
    for number in range(2):
        step(gan, run, number)
    assert largest == pytest.approx([0.01] * len(largest))
    assert max(p.detach().abs().max().item() for p in gan.d.parameters()) > 0.01, "the update itself is free"


def test_the_penalty_brings_the_critics_gradient_to_one():
    gan = model(network="mlp", size=8, width=8, d_width=16, lr=0.005, n_critic=1000)
    run = TrainingRun(gan, gan.optimizers())
    for number in range(60):
        losses = step(gan, run, number, size=8)
    x = ((pictures(8, seed=59) + gan.g(torch.randn(4, 5)).detach()) / 2).requires_grad_()
    (gradient,) = torch.autograd.grad(gan.d(x).sum(), x)
    assert gradient.flatten(1).norm(dim=1).mean().item() == pytest.approx(1, abs=0.3)
    assert losses["wasserstein"] > 0.1


def test_the_estimate_is_how_much_higher_pictures_score():
    gan = model(network="mlp", size=8)
    with torch.no_grad():
        gan.d.main[-1].bias.fill_(3.0)
    run = TrainingRun(gan, gan.optimizers())
    scores: list[float] = []
    gan.d.register_forward_hook(lambda _, inputs, output: scores.append(float(output.detach().mean())))
    losses = step(gan, run, 0, size=8)
    assert losses["wasserstein"] == pytest.approx(scores[0] - scores[1], abs=1e-6)


def test_no_penalty_on_a_critic_that_mixes_pictures():
    with pytest.raises(ValueError, match="d_norm=batch mixes pictures: d_norm=layer or none"):
        WGAN.Options(d_norm="batch")
    WGAN.Options(d_norm="batch", constraint="clip")


@pytest.mark.parametrize("network", ["resnet", "dcgan", "mlp", "cifar"])
@pytest.mark.parametrize("size", [8, 32, 128])
def test_networks_and_sizes(network, size):
    if network == "cifar" and size != 32:
        with pytest.raises(UsageError, match="network=cifar makes squares of 32 pixels, not"):
            model(size, network=network)
        return
    gan = model(size, network=network, width=1, d_width=1).eval()
    with torch.no_grad():
        made = gan.sample(100 * torch.randn(2, 5))
        scores = gan.d(made)
    assert made.shape == (2, 3, size, size)
    assert made.abs().max() <= 1
    assert scores.shape == (2,)
    both = gan.sample(torch.cat([torch.ones(1, 5), torch.zeros(1, 5)]))
    assert (both[:1] - gan.sample(torch.ones(1, 5))).abs().max() < 1e-5, "whoever shares its batch"


def test_an_odd_size_is_refused_in_words(tmp_path):
    data = [draw(tmp_path / "data", 4, seed=1)]
    with pytest.raises(UsageError, match="network=resnet makes squares of 8 or 16 or 32 or 64 or 128 or 256 pixels"):
        gantool.train("wgan", data, out=tmp_path / "run", preset="smoke", size=48)
