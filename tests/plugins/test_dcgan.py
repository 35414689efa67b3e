"""DCGAN beyond what every model does: classes, sizes, objectives, whom a step teaches, the average."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gantool_dcgan import DCGAN
from torch import Tensor

import gantool
from gantool.errors import UsageError
from gantool.losses.adversarial import GAN_MODES
from gantool.model import Progress
from gantool.training.ema import Averages
from gantool.training.run import TrainingRun
from tests.conftest import draw

TINY = {"latent": 5, "width": 2, "d_width": 2}
CLASSES = ("cat", "dog", "owl")


def model(size: int = 16, domains: tuple[str, ...] = ("pictures",), **options) -> DCGAN:
    torch.manual_seed(0)
    o = DCGAN.Options(**TINY | options)
    return DCGAN(o, DCGAN.data(o).spec(domains, size)).train()


def trained(gan: DCGAN, steps: int, size: int = 16, average: Averages | None = None) -> TrainingRun:
    run = TrainingRun(gan, gan.optimizers())
    generator = torch.Generator().manual_seed(1)
    for step in range(steps):
        batch = {"image": torch.rand(6, gan.spec.channels[0], size, size, generator=generator) * 2 - 1}
        if gan.options.classes:
            batch["label"] = torch.randint(gan.label_size, (6,), generator=generator)
        now = Progress(step, steps)
        run.begin(now, 1.0)
        for _ in run.batches():
            gan.training_step(batch, run)
        run.end()
        if average:
            average.update(gan, now, run.applied())
    return run


def test_a_picture_depends_on_its_own_latent_and_class_alone():
    gan = model(domains=CLASSES, classes=True)
    trained(gan, 3)
    gan.eval()
    z, labels = torch.randn(4, 5), torch.eye(3)[[0, 1, 2, 0]]
    with torch.no_grad():
        together, other = gan.sample(z, labels=labels), gan.sample(z, labels=labels.roll(1, 1))
        for row in range(4):
            alone = gan.sample(z[row : row + 1], labels=labels[row : row + 1])
            assert (alone - together[row]).abs().max() < 1e-5
    assert (other - together).abs().amax((1, 2, 3)).min() > 1e-4, "the class changes every picture"


@pytest.mark.parametrize("network", ["conv", "linear", "maxout"])
def test_the_discriminator_is_told_the_class(network):
    gan = model(domains=CLASSES, classes=True, network=network).eval()
    x = torch.rand(1, 3, 16, 16).expand(3, -1, -1, -1) * 2 - 1
    scores = gan.d(x, torch.eye(3))
    assert scores.unique().numel() == 3


@pytest.mark.parametrize("network", ["conv", "linear", "maxout"])
def test_shares_of_classes_make_pictures_between_them(network):
    gan = model(domains=CLASSES, classes=True, network=network).eval()
    z = torch.randn(1, 5)
    with torch.no_grad():
        whole, half, other = (
            gan.sample(z, labels=torch.tensor([[1 - share, share, 0.0]])) for share in (0.0, 0.5, 1.0)
        )
    apart = (whole - other).norm()
    assert 0 < (whole - half).norm() < apart
    assert 0 < (half - other).norm() < apart


@pytest.mark.parametrize("size", [8, 32, 128, 256])
def test_sizes(size):
    gan = model(size, width=1, d_width=1).eval()
    with torch.no_grad():
        made = gan.sample(torch.randn(2, 5))
    assert made.shape == (2, 3, size, size)
    assert gan.d(made).shape == (2,)


def test_other_sizes_are_refused_in_words(tmp_path):
    data = [draw(tmp_path / "data", 4, seed=1)]
    with pytest.raises(UsageError, match="squares of 8, 16, 32, 64, 128, 256 pixels, not 48: choose one of them"):
        gantool.train("dcgan", data, out=tmp_path / "run", preset="smoke", size=48)


def test_dense_networks_take_classes():
    with pytest.raises(ValueError, match="network=linear is told classes: it takes classes=true"):
        DCGAN.Options(network="linear")


@pytest.mark.parametrize("gan", GAN_MODES)
def test_every_objective_trains(gan):
    taught = model(size=8, gan=gan)
    before = {name: p.detach().clone() for name, p in taught.named_parameters()}
    run = trained(taught, 3, size=8)
    assert run.skipped_in_a_row() == 0
    for name, p in taught.named_parameters():
        assert torch.isfinite(p).all()
        assert not torch.equal(p, before[name]), name


@pytest.mark.parametrize("first", ["D", "G"])
def test_g_learns_from_the_d_that_has_learnt_or_from_the_one_before(first):
    gan = model(first=first)
    before = [p.detach().clone() for p in gan.d.parameters()]
    seen: list[bool] = []

    def look(_: object, inputs: tuple[Tensor, ...]) -> None:
        if inputs[0].requires_grad:  # fakes that G learns from
            seen.append(all(torch.equal(p, old) for p, old in zip(gan.d.parameters(), before, strict=True)))

    gan.d.register_forward_pre_hook(look)
    trained(gan, 1)
    assert seen == [first == "G"]


def test_the_average_forgets_the_first_weights_at_once_and_then_lags():
    gan = model(ema=0.9)
    average = Averages(gan)
    first = [p.clone() for p in average.averages["g"].parameters()]
    trained(gan, 1, average=average)
    for mean, weight in zip(average.averages["g"].state_dict().values(), gan.g.state_dict().values(), strict=True):
        assert torch.equal(mean, weight)
    trained(gan, 5, average=average)
    means, weights = list(average.averages["g"].parameters()), list(gan.g.parameters())
    assert not any(torch.equal(m, w) or torch.equal(m, f) for m, w, f in zip(means, weights, first, strict=True))
    assert model().averaged == (), "no average unless it is asked for"


def test_a_folder_a_class_from_training_to_pictures(tmp_path):
    for number, name in enumerate(CLASSES[:2]):
        draw(tmp_path / "data" / name, 4, seed=number)
    run = gantool.train(
        "dcgan", [tmp_path / "data"], out=tmp_path / "run", preset="smoke", steps=2, workers=0, set={"classes": True}
    )
    made = gantool.load(run)
    assert made.domains == ("cat", "dog")
    (cat,), (dog,), (again,) = (made.sample(1, 7, to=name) for name in ("cat", "dog", "cat"))
    assert cat.size == (16, 16)
    assert np.array_equal(np.asarray(cat), np.asarray(again))
    assert not np.array_equal(np.asarray(cat), np.asarray(dog))
