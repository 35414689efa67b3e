"""BigGAN: truncation, standing statistics, mixed classes, one folder without classes, and what it warns of."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from gantool_biggan import BigGAN
from gantool_biggan.spectral import Conv, SpectralNorm, settled

import gantool as package
from gantool.errors import UsageError
from gantool.model import Progress
from gantool.training.request import Request, plan
from gantool.training.run import TrainingRun
from tests.conftest import draw

TINY = {"width": 4, "d_width": 4, "latent": 10, "shared": 4, "attention": (16,), "standing": 2}
CHANGED = 1e-3
"""What is larger is no rounding."""


def model(*, classes: int = 3, size: int = 32, **options) -> BigGAN:
    torch.manual_seed(0)
    chosen = BigGAN.Options(**TINY | options)
    made = BigGAN(chosen, BigGAN.data(chosen).spec([f"c{i}" for i in range(classes)], size))
    with torch.no_grad():
        made.g.blocks[1][1].gamma.fill_(0.5)  # attention would add nothing yet
    return made.eval()


def labels(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows)


def step(biggan: BigGAN, number: int = 0) -> TrainingRun:
    """A training step on random pictures."""
    biggan.train()
    run = TrainingRun(biggan, biggan.optimizers(), seed=number)
    run.begin(Progress(number, 10), 1.0)
    pictures = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(number)) * 2 - 1
    biggan.training_step({"image": pictures, "label": torch.tensor([0, 1, 2, 0])}, run)
    run.end()
    return run


# -- truncation


def test_a_truncated_latent_keeps_what_is_within_and_draws_the_rest_again():
    biggan = model(latent=400)
    whole, cut = biggan.latent(3), biggan.latent(3, 0.5)
    within = whole.abs() <= 0.5
    assert torch.equal(cut[within], whole[within])
    assert cut.abs().max() <= 0.5
    assert len(set(cut[~within].tolist())) == int((~within).sum()), "they are drawn, not put at the bound"
    many = torch.cat([biggan.latent(seed, 0.9) for seed in range(50)])
    density = math.exp(-0.405) / math.sqrt(2 * math.pi)
    of_normal = 1 - 2 * 0.9 * density / math.erf(0.9 / math.sqrt(2))  # the variance of a normal cut off at 0.9
    assert many.var().item() == pytest.approx(of_normal, rel=0.02)


def test_truncation_0_is_one_latent_for_all_seeds_and_1_is_none():
    biggan = model()
    assert torch.equal(biggan.latent(1, 0.0), torch.zeros(1, 8))
    assert torch.equal(biggan.latent(1, 0.0), biggan.latent(2, 0.0))
    expected = np.random.RandomState(5).standard_normal((1, 8)).astype(np.float32)
    assert np.array_equal(biggan.latent(5).numpy(), expected)
    assert biggan.latent(5, 1e-9).abs().max() <= 1e-9  # and it ends


def test_truncated_pictures_have_statistics_of_their_own_which_training_forgets():
    biggan = model()
    z, of = biggan.latent(1, 0.2), labels([0.0, 1.0, 0.0])
    before = {key: value.clone() for key, value in biggan.state_dict().items()}
    with torch.no_grad():
        own = biggan.sample(z, labels=of, truncation=0.2)
        assert torch.equal(own, biggan.sample(z, labels=of, truncation=0.2))
        running = biggan.sample(z, labels=of)
        assert (own - running).abs().max() > CHANGED
        assert torch.equal(running, model(standing=0).sample(z, labels=of, truncation=0.2))
    assert all(torch.equal(value, before[key]) for key, value in biggan.state_dict().items()), "the model is as it was"
    step(biggan)
    with torch.no_grad():
        assert (biggan.eval().sample(z, labels=of, truncation=0.2) - own).abs().max() > CHANGED


# -- what the networks are told


def test_classes_mix_and_a_picture_depends_on_its_own_row_alone():
    biggan = model()
    z = biggan.latent(0).expand(3, -1)
    with torch.no_grad():
        one, half, other = biggan.sample(z, labels=labels([1.0, 0, 0], [0.5, 0.5, 0], [0, 1.0, 0]))
        alone = biggan.sample(z[:1], labels=labels([0.5, 0.5, 0]))[0]
    assert min((one - half).abs().max(), (half - other).abs().max()) > CHANGED
    torch.testing.assert_close(half, alone, rtol=1e-4, atol=1e-5)


def test_every_part_of_the_noise_reaches_a_block_of_its_own():
    """With a latent of 10 there are four parts of two numbers: the last two are left over."""
    biggan = model()
    assert biggan.latent_size == 8
    told: list[torch.Tensor] = []
    for layers in biggan.g.blocks:
        layers[0].register_forward_pre_hook(lambda _, inputs: told.append(inputs[1]))
    z = torch.arange(8.0)[None]
    with torch.no_grad():
        biggan.sample(z, labels=labels([1.0, 0, 0]))
    assert [y[0, -2:].tolist() for y in told] == [[2, 3], [4, 5], [6, 7]]
    assert all(torch.equal(y[0, :4], biggan.g.shared.weight[0]) for y in told)


# -- spectral norm


def test_spectral_norm_moves_its_vector_in_training_alone():
    torch.manual_seed(0)
    layer = Conv(3, 5, 3, SpectralNorm())
    begun = layer.u0.clone()
    for _ in range(40):
        layer.normalised()
    moved = layer.u0.clone()
    assert not torch.equal(moved, begun)
    largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), ord=2)
    torch.testing.assert_close(layer.normalised().detach(), layer.weight.detach() / largest)
    layer.eval().u0.copy_(begun)
    once = layer.normalised()
    assert torch.equal(layer.u0, begun)
    assert torch.equal(layer.normalised(), once)
    layer.train()
    torch.testing.assert_close(layer.normalised(), once)  # the iteration that evaluation made, too


def test_a_settled_generator_makes_the_same_pictures_with_half_of_the_tensors():
    biggan = model()
    z, of = biggan.latent(0), labels([0.0, 0.0, 1.0])
    plain = settled(biggan.g)
    with torch.no_grad():
        torch.testing.assert_close(plain(z, of), biggan.g(z, of), rtol=1e-4, atol=1e-5)
    assert not [key for key in plain.state_dict() if key.endswith((".u0", ".sv0"))]
    assert [key for key in biggan.g.state_dict() if key.endswith(".u0")]


# -- training


def test_a_batch_is_cut_for_steps_of_the_discriminator_and_for_accumulation():
    biggan = model(d_steps=2, accumulations=2)
    sizes: list[int] = []
    biggan.d.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    run = step(biggan)
    assert sizes == [2] * 4 + [1] * 2, "four passes of a made and a real picture, two of a made one"
    moves = {name: {int(s["step"]) for s in o.state.values()} for name, o in run.optimizers.items()}
    assert moves == {"D": {2}, "G": {1}}


def test_orthogonal_regularisation_leaves_out_the_shared_embedding():
    biggan = model(ortho=1.0)
    biggan.g.requires_grad_(True)
    biggan.regularisation(biggan.g).backward()
    assert biggan.g.shared.weight.grad is None
    # Rows that are at right angles already want nothing.
    square = biggan.g.blocks[0][0].conv_sc.weight
    assert square.grad.abs().max() < 1e-4
    with torch.no_grad():
        square.copy_(torch.ones_like(square))
    biggan.regularisation(biggan.g).backward()
    assert square.grad.abs().max() > 1


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"32, 64, 128, 256, 512 pixels, not 96"):
        model(size=96)
    with pytest.raises(ValueError, match="attention needs a layer of at least 8 channels, not 4"):
        model(size=128, attention=(64, 128))
    with pytest.raises(ValueError, match="latent is at least 4, not 3"):
        model(latent=3)
    with pytest.raises(ValueError, match="needs a shared embedding"):
        BigGAN.Options(shared=0)
    BigGAN.Options(shared=0, hierarchical=False)


def test_a_batch_that_cannot_be_cut_is_refused(tmp_path):
    folders = tuple(draw(tmp_path / name, 2, seed=1) for name in ("cat", "dog"))
    with pytest.raises(UsageError, match="batch is at least 4, not 2"):
        plan(Request("biggan", folders, preset="smoke", settings={"batch": 2}, set={"d_steps": 2}))


def test_one_folder_without_classes_and_what_it_is_warned_of(main, tmp_path):
    draw(tmp_path / "pictures", 5, seed=1)
    words = ["--preset", "smoke", "--set", "classes=false", "--steps", 1, "--workers", 0, "-o", "run"]
    _, _, said = main("train", "biggan", "pictures", *words)
    assert "5 pictures are few to make more of" in said
    assert "4 pictures a step are few for biggan: with fewer than 256 trainings are known to collapse" in said
    made = package.load(tmp_path / "run", device="cpu").sampler.pictures(torch.zeros(1, 8))
    assert made[0].shape == (32, 32, 3)


def test_the_smallest_class_is_told_of(tmp_path):
    folders = tuple(draw(tmp_path / name, count, seed=1) for name, count in (("cat", 4), ("dog", 2)))
    notes = [domain.note for domain in plan(Request("biggan", folders, preset="smoke")).domains]
    assert notes[0] is None
    assert notes[1].startswith("dog: 2 pictures are few to make more of")
