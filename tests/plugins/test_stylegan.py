"""What StyleGAN's users depend on, and what is easily got wrong."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from gantool_stylegan import StyleGAN, adain, schedules
from torch import Tensor

import gantool
from gantool import registry
from gantool.augmentation.adaptive import INTERVAL, SETS, Augment, kinds_of
from gantool.augmentation.geometry import rotation, warped
from gantool.errors import UsageError
from gantool.inference.sampler import Sampler
from gantool.model import Progress
from gantool.options import read_yaml
from gantool.sampling.mixing import mixed
from gantool.training.distributed import Processes
from gantool.training.request import Request, plan
from gantool.training.run import TrainingRun
from tests.conftest import data_of, draw

TINY = {"latent": 6, "style": 5, "mapping_layers": 2, "channel_base": 64, "channel_max": 4}


def built(size: int = 16, classes: int = 0, **options) -> StyleGAN:
    torch.manual_seed(0)
    o = StyleGAN.Options(**{**TINY, "classes": classes > 0, **options})
    return StyleGAN(o, StyleGAN.data(o).spec([f"class{i}" for i in range(max(classes, 1))], size))


def step(model: StyleGAN, number: int = 0, precision: str = "fp32", batch: int = 4) -> TrainingRun:
    run = TrainingRun(model, model.optimizers(), precision=precision)
    run.begin(Progress(number, 100, batch=batch), 1.0)
    images = torch.rand(batch, 3, model.spec.size, model.spec.size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    labels = torch.arange(batch) % max(model.label_size, 1)
    model.train().training_step({"image": images, "label": labels}, run)
    run.end()
    return run


class Sequence:
    """Draws of a fixed seed."""

    def __init__(self) -> None:
        self.rng = torch.Generator().manual_seed(0)

    def rand(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.rng)

    def randn(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.rng)


@pytest.mark.parametrize("version", [1, 2])
def test_a_truncation_of_0_gives_one_picture_for_all_seeds(version):
    model = built(version=version, size=64).eval()
    latents = torch.cat([model.latent(seed) for seed in range(2)])
    with torch.no_grad():
        whole, none = (model.styles(latents, truncation=psi) for psi in (1.0, 0.0))
    assert not torch.equal(whole[0], whole[1])
    cutoff = 8 if version == 1 else 10  # version 1 leaves the styles of fine layers as they are
    assert torch.allclose(none[0, :cutoff], none[1, :cutoff])
    assert torch.equal(none[:, cutoff:], whole[:, cutoff:])


@pytest.mark.parametrize("version", [1, 2])
def test_a_picture_has_noise_of_its_own_in_training_and_the_kept_one_outside(version):
    model = built(version=version)
    for layer in model.g.synthesis.layers():
        layer.noise_strength.data += 1
    styles = torch.randn(1, *model.style_shape).expand(2, -1, -1)
    maps = [torch.randn(2, 1, *noise.shape) for noise in model.noises()]
    with torch.no_grad():
        kept, drawn = model.of_styles(styles), model.g.synthesis(styles, maps)
    assert torch.allclose(kept[0], kept[1], atol=1e-5)
    assert (drawn[0] - drawn[1]).abs().max() > 0.01


def test_a_mixture_has_the_columns_styles_in_the_chosen_layers_alone():
    sampler = Sampler(built())
    rows, columns = (sampler.styles(sampler.latent(seed)) for seed in (1, 2))
    whole, mixture = (mixed(sampler, rows, columns, layers) for layers in (range(6), [0, 1]))
    assert np.array_equal(whole[1][1], whole[0][1])
    expected = torch.cat([columns[:, :2], rows[:, 2:]], 1)
    assert np.array_equal(mixture[1][1], sampler.of_styles(expected)[0])
    assert np.array_equal(mixture[1][0], sampler.of_styles(rows)[0])
    assert not np.array_equal(mixture[1][1], mixture[1][0])


def test_regularisations_come_every_so_many_steps():
    model = built(path_interval=2, r1_interval=3)
    seen = {number: step(model, number).losses().keys() for number in range(4)}
    assert [number for number in seen if "path" in seen[number]] == [0, 2]
    assert [number for number in seen if "r1" in seen[number]] == [0, 3]


def test_r1_is_felt_through_the_augmentation():
    """Its gradient is that to the picture as it is, which a warp that breaks second derivatives would not have."""
    model = built(augment="bgcfnc", gamma=1000.0, path=0.0)
    model.augment.p.fill_(1)
    before = {key: value.clone() for key, value in model.d.named_parameters()}
    run = step(model)
    assert run.losses()["r1"] > 0
    assert run.skipped_in_a_row() == 0
    assert all(not torch.equal(before[key], value) for key, value in model.d.named_parameters())


@pytest.mark.parametrize("version", [1, 2])
def test_half_precision_trains(version):
    model = built(version=version, classes=2)
    run = step(model, precision="bf16")
    assert run.skipped_in_a_row() == 0
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_a_batch_of_one_has_a_path_length():
    assert "path" in step(built(), batch=1).losses()


def test_groups_are_as_large_as_the_batch_allows():
    model = built(group=4)
    images = torch.randn(6, 3, 16, 16)
    with torch.no_grad():
        scores = model.d(images)
        # Groups of 3: the first, third and fifth belong together.
        assert torch.allclose(model.d(images[::2]), scores[::2], atol=1e-6)
        assert not torch.allclose(model.d(images[:3]), scores[:3], atol=1e-6)


def test_labels_decide_what_both_networks_do():
    model = built(classes=3).eval()
    one, other = torch.eye(3)[[0]], torch.eye(3)[[1]]
    with torch.no_grad():
        made = model.sample(model.latent(0), labels=one)
        assert not torch.equal(made, model.sample(model.latent(0), labels=other))
        assert not torch.equal(model.d(made, one), model.d(made, other))


def test_two_processes_ask_for_the_labels_that_one_does():
    model = built(classes=4)
    label = model.told(torch.arange(4))

    class OfTwo(Processes):
        def gather(self, tensor: Tensor) -> Tensor:
            return label

    def asked(part: Tensor, processes: Processes) -> Tensor:
        run = TrainingRun(model, model.optimizers(), processes=processes)
        run.begin(Progress(0, 100, batch=4), 1.0)
        return model.asked(part, run)

    halves = [asked(part, OfTwo(rank=rank, world=2)) for rank, part in enumerate(label.chunk(2))]
    assert torch.equal(torch.cat(halves), asked(label, Processes()))


def test_the_average_follows_g_at_once_in_the_beginning_and_slowly_later():
    model = built(half_life=10.0, rampup=0.05)
    assert model.average_decay(Progress(0, 10, batch=8)) == 0
    assert model.average_decay(Progress(10**6, 10, batch=8)) == pytest.approx(0.5 ** (8 / 10_000))


def test_what_is_chosen_by_itself_follows_size_and_batch():
    model = built(size=32)
    now = Progress(1000, 2000, batch=64)
    assert model.gamma(now) == pytest.approx(0.0002 * 32**2 / 64)
    assert model.average_decay(Progress(10**6, 10**7, batch=64)) == pytest.approx(0.5 ** (64 / 20_000))


def test_the_preset_auto_is_what_is_chosen_for_its_size():
    told = read_yaml(Path(__file__).parents[2] / "plugins/gantool_stylegan/presets/auto.yaml")
    chosen = schedules.automatic(told["size"])
    o = StyleGAN.Options(**told["options"])
    assert (told["batch"], o.channel_base, o.lr, o.group) == (
        chosen.batch,
        chosen.channel_base,
        chosen.lr,
        chosen.group,
    )


def test_a_size_that_is_no_power_of_two_is_refused():
    with pytest.raises(UsageError, match="squares of 8, 16, 32"):
        built(size=48)


# ADA


@pytest.mark.parametrize("name", SETS)
def test_at_p_0_pictures_stay_what_they_are(name):
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    seen = Augment(kinds_of(name))(images, Sequence())
    # Doubling and halving with a wavelet's filter loses a little of the finest detail.
    assert (seen - images).abs().mean() < 0.06


def test_few_pictures_are_told_of_where_they_are_not_augmented(tmp_path):
    folder = draw(tmp_path / "faces", 5, seed=1)

    def note(augment: str) -> str | None:
        return plan(Request("stylegan", (folder,), preset="smoke", set={"augment": augment})).domains[0].note

    assert note("bgc") is None
    assert str(note("none")).startswith("5 pictures are few to make more of")


def test_at_p_1_they_differ_and_gradients_come_back():
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    augment = Augment(kinds_of("bgcfnc"))
    augment.p.fill_(1)
    seen = augment(images, Sequence())
    assert (seen - images).abs().mean() > 0.1
    (slope,) = torch.autograd.grad(seen.square().sum(), images, create_graph=True)
    slope.square().sum().backward()
    assert images.grad is not None
    assert float(images.grad.abs().sum()) > 0


def test_a_quarter_turn_moves_pixels_to_their_places():
    smooth = torch.linspace(-1, 1, 16).view(1, 1, 1, 16) * torch.linspace(0.5, 1, 16).view(1, 1, 16, 1)
    turned = warped(smooth, rotation(torch.tensor([math.pi / 2])))
    assert torch.allclose(turned, torch.rot90(smooth, 1, (2, 3)), atol=0.05)


def test_p_rises_where_the_discriminator_is_sure_and_falls_where_not():
    augment = Augment(("xflip",))
    for number in range(1, 2 * INTERVAL + 1):
        augment.heed(torch.ones(8, 1), 8, target=0.6, kimg=1)
        assert float(augment.p) == pytest.approx(0.032 * (number // INTERVAL))
    for _ in range(INTERVAL):
        augment.heed(-torch.ones(8, 1), 8, target=0.6, kimg=1)
    assert float(augment.p) == pytest.approx(0.032)


def test_p_moves_by_the_pictures_of_a_step_whatever_parts_they_come_in():
    """A step's batches may be several, whose gradients add up."""
    augment = Augment(("xflip",))
    for _ in range(INTERVAL):
        for _ in range(2):
            augment.heed(torch.ones(4, 1), 8, target=0.6, kimg=1)
    assert float(augment.p) == pytest.approx(0.032)


# Version 1 grows


def test_a_block_that_is_not_faded_in_yet_is_not_seen():
    small, large = built(version=1, size=8), built(version=1, size=16)
    large.load_state_dict(dict(large.adopt(small.state_dict())))
    styles = torch.randn(2, *large.style_shape)
    with torch.no_grad():
        before = small.g.synthesis(styles[:, :4])
        assert torch.equal(large.g.synthesis(styles, lod=1.0), adain.doubled(before))
        images = torch.randn(4, 3, 8, 8)
        assert torch.allclose(large.d(adain.doubled(images), None, 1.0), small.d(images), atol=1e-6)


def test_reals_are_no_finer_than_what_is_faded_in():
    real = torch.randn(1, 3, 16, 16)
    assert torch.equal(adain.faded(real, 0), real)
    half = adain.faded(real, 1.0)
    assert torch.equal(half[..., ::2, ::2], half[..., 1::2, 1::2])
    assert torch.allclose(adain.faded(real, 0.5), (real + half) / 2, atol=1e-6)


def test_a_run_of_twice_the_size_goes_on_from_another(tmp_path, pictures_of):
    data = pictures_of(data_of("stylegan"))
    settings = {"preset": "smoke", "device": "cpu", "set": {"version": 1, "fade": 0.01}}
    small = gantool.train("stylegan", data, out=tmp_path / "small", size=8, steps=1, **settings)
    large = gantool.train("stylegan", data, out=tmp_path / "large", size=16, steps=1, from_=small, **settings)
    assert gantool.load(large).sample(1)[0].size == (16, 16)


def test_version_2_does_not_grow():
    with pytest.raises(UsageError, match="does not grow"):
        built(size=16).adopt(built(size=8).state_dict())


def test_paper256_is_paper():
    one, other = (read_yaml(registry.plugin("stylegan").presets()[name]) for name in ("paper", "paper256"))
    assert {**one, "summary": ""} == {**other, "summary": ""}
