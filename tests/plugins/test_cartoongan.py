"""CartoonGAN beyond what every model does: its initialisation, the smoothed cartoons, VGG-19 from a file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from gantool_cartoongan import CartoonGAN
from gantool_cartoongan.content import content_loss, read_vgg
from gantool_cartoongan.networks import Discriminator, Generator, begin
from PIL import Image
from torch import Tensor, nn

import gantool as package
from gantool.errors import CheckpointError, UsageError
from gantool.inference.engine import Engine
from gantool.model import Progress
from gantool.networks.norms import AffineInstanceNorm
from gantool.networks.vgg import CONV4_4, VGG19
from gantool.runs import checkpoint, folders
from gantool.spec import Direction, Pictures, Spec
from gantool.training.run import TrainingRun
from tests.conftest import draw

TINY = {"width": 4, "blocks": 1, "d_width": 4, "features": "pixels"}
EPOCHS = {"init_epochs": 1, "init_epochs_decay": 0, "n_epochs": 1, "n_epochs_decay": 0}
SPEC = Spec(("A", "B"), (Pictures(), Pictures()), 32)


def built(**options) -> CartoonGAN:
    torch.manual_seed(0)
    return CartoonGAN(CartoonGAN.Options(**{**TINY, **options}), SPEC)


def pictures(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1 for name in "ABE"}


def step(model: CartoonGAN, run: TrainingRun, batch: dict[str, Tensor], epoch: float) -> dict[str, float]:
    now = Progress(0, 10, schedule=epoch)
    run.begin(now, model.rate_factor(now))
    for _ in run.batches():
        model.training_step(batch, run)
    run.end()
    return run.losses()


def state(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[key], other[key]) for key in one)


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory) -> Path:
    """A file as torchvision's: later layers and a classifier, too. Random weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save(VGG19().half().state_dict() | {"classifier.0.weight": torch.zeros(2, 2)}, path)
    return path


# -- the phases


def test_the_initialisation_trains_the_generator_alone_by_the_content_alone():
    model = built(**EPOCHS)
    run = TrainingRun(model, model.optimizers())
    g, d = state(model.g), state(model.d)
    assert step(model, run, pictures(), 0.9).keys() == {"content"}
    assert not same(g, state(model.g))
    assert same(d, state(model.d))
    g = state(model.g)
    assert step(model, run, pictures(), 1.0).keys() == {"gan", "content", "d_real", "d_edge", "d_fake"}
    assert not same(g, state(model.g))
    assert not same(d, state(model.d))


def test_the_training_proper_begins_with_fresh_moments_and_a_rate_of_its_own():
    model = built(**EPOCHS, lr=0.25, lr_init=0.5)
    run = TrainingRun(model, model.optimizers())
    step(model, run, pictures(), 0.0)
    assert {name: len(o.state) > 0 for name, o in run.optimizers.items()} == {"G": False, "D": False, "init": True}
    assert {name: o.param_groups[0]["lr"] for name, o in run.optimizers.items()} == {"G": 0.25, "D": 0.25, "init": 0.5}
    step(model, run, pictures(), 1.0)
    steps = {name: {int(s["step"]) for s in o.state.values()} for name, o in run.optimizers.items()}
    assert steps == {"G": {1}, "D": {1}, "init": {1}}


def test_the_rate_falls_at_the_end_of_each_phase_as_the_authors_does():
    model = built(init_epochs=2, init_epochs_decay=2, n_epochs=1, n_epochs_decay=4)
    rates = [model.rate_factor(Progress(0, 1, schedule=epoch + 0.5)) for epoch in range(9)]
    assert rates == [1, 1, 1, 0.5, 1, 1, 0.75, 0.5, 0.25]
    assert CartoonGAN.length(model.options).count == 9


def test_without_an_initialisation_there_is_none():
    model = built(init_epochs=0, init_epochs_decay=0)
    assert model.optimizers().keys() == {"G", "D"}
    run = TrainingRun(model, model.optimizers())
    assert "d_edge" in step(model, run, pictures(), 0.0)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_resuming_in_either_phase_gives_the_same_bytes(at, tmp_path):
    data = [draw(tmp_path / "trainA", 3, seed=1), draw(tmp_path / "trainB", 4, seed=2)]
    settings = {"preset": "smoke", "steps": 4, "save_every": 1, "keep": 0, "workers": 0, "set": {**EPOCHS, "pool": 3}}
    run = package.train("cartoongan", data, out=tmp_path / "run", **settings)
    broken = tmp_path / "broken"
    (broken / folders.CHECKPOINTS).mkdir(parents=True)
    shutil.copy(run / folders.SETTINGS, broken)
    shutil.copytree(folders.save_folder(run, at), folders.save_folder(broken, at))
    package.train("cartoongan", out=broken, resume=True)
    for file in (folders.WEIGHTS, folders.STATE):
        ours, theirs = (folders.save_folder(which, 4) / file for which in (broken, run))
        assert ours.read_bytes() == theirs.read_bytes()


# -- the losses


@pytest.mark.parametrize("gan", ["lsgan", "vanilla"])
def test_smoothed_cartoons_are_wrong_for_the_discriminator(gan):
    """With a rate of 0 the losses are those of the first weights: computed here once more, by hand."""
    model, batch = built(gan=gan, init_epochs=0, init_epochs_decay=0, lr=0.0, content=2.5), pictures()
    losses = step(model, TrainingRun(model, model.optimizers()), batch, 0.0)
    with torch.no_grad():
        fake = model.g(batch["A"])
        scores = {"d_real": model.d(batch["B"]), "d_edge": model.d(batch["E"]), "d_fake": model.d(fake)}
        for name, p in scores.items():
            wanted = torch.full_like(p, float(name == "d_real"))
            loss = nn.functional.binary_cross_entropy_with_logits if gan == "vanilla" else nn.functional.mse_loss
            assert losses[name] == pytest.approx(float(loss(p, wanted)), rel=1e-4)
        assert losses["content"] == pytest.approx(2.5 * float((fake - batch["A"]).abs().mean()), rel=1e-4)


def test_the_pool_shows_the_discriminator_older_pictures():
    model = built(init_epochs=0, init_epochs_decay=0, pool=2)
    run = TrainingRun(model, model.optimizers())
    step(model, run, pictures(), 0.0)
    assert len(model.pool.images) == 2
    weights, state = checkpoint.parted(model, model.state_dict())
    assert {checkpoint.part(key) for key in weights} == {"g"}
    assert {"model.pool.0000", "model.pool.0001"} <= state.keys()


def test_content_is_the_difference_of_vggs_features_and_flows_into_what_was_made(vgg_file):
    network = read_vgg(str(vgg_file))
    assert len(network.features) == CONV4_4 + 1, "nothing behind conv4_4 is computed"
    photo, made = (pictures()[name][:1].requires_grad_() for name in "AB")
    loss = content_loss(made, photo, "caffe", network)
    loss.backward()
    assert made.grad is not None
    assert made.grad.any()
    assert photo.grad is None
    with torch.no_grad():
        others = [content_loss(made, photo, features, network) for features in ("caffe224", "plain")]
        assert len({float(value) for value in (loss.detach(), *others)}) == 3
        assert content_loss(photo, photo, "caffe", network) == 0


def test_content_is_in_single_precision_under_autocast(vgg_file):
    network, batch = read_vgg(str(vgg_file)), pictures()
    exact = content_loss(batch["B"], batch["A"], "caffe", network)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(content_loss(batch["B"], batch["A"], "caffe", network), exact)


# -- VGG-19's file


def test_a_file_with_vggs_weights_trains_and_is_not_saved(tmp_path, vgg_file):
    data = [draw(tmp_path / "trainA", 2, seed=1), draw(tmp_path / "trainB", 2, seed=2)]
    file = shutil.copy(vgg_file, tmp_path / "vgg.pth")
    options = {"features": "caffe", "vgg": str(file)}
    run = package.train("cartoongan", data, out=tmp_path / "run", preset="smoke", steps=2, workers=0, set=options)
    save = folders.saves(run)[-1]
    assert sum(path.stat().st_size for path in save.iterdir()) < file.stat().st_size / 10
    file.unlink()
    photo = Image.open(data[0] / "00.png")
    assert package.load(run, device="cpu").translate(photo).size == photo.size, "to translate, it need not be there"
    with pytest.raises(CheckpointError, match=r"vgg\.pth"):
        package.train("cartoongan", out=run, resume=True, steps=3)


def test_without_a_file_it_says_what_to_do_before_anything_is_made(tmp_path, main):
    data = [draw(tmp_path / "photos", 2, seed=1), draw(tmp_path / "cartoons", 2, seed=2)]
    words = ["train", "cartoongan", *data, "-o", tmp_path / "run", "--preset", "smoke", "--steps", 1, "--workers", 0]
    for features, file in (("caffe", "VGG_ILSVRC_19_layers"), ("plain", "vgg19-dcbb9e9d.pth")):
        _, _, err = main(*words, "--set", f"features={features}", code=2)
        assert "gantool downloads nothing: --set vgg=FILE" in err
        assert file in err
        assert "--set features=pixels need none" in err
        assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="compares photo and cartoon by VGG-19"):
        built(features="caffe").prepare_training()


def test_a_file_that_is_no_vgg_is_named(tmp_path):
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other\.pth holds no weights of VGG-19 .* features\.0\.bias is missing"):
        built(features="plain", vgg=str(tmp_path / "other.pth")).prepare_training()


# -- the networks


def test_the_first_weights_are_the_authors():
    torch.manual_seed(0)
    for network in (Generator(), Discriminator()):
        begin(network)
        for module in network.modules():
            if isinstance(module, AffineInstanceNorm):
                least, most = (float(x) for x in module.weight.detach().aminmax())
                assert 0 <= least < 0.2 < 0.8 < most < 1
                assert not module.bias.any()
            elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                assert not module.bias.any()
                assert float(module.weight.detach().std()) == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("upsample", ["transposed", "nearest"])
def test_outputs_are_rounded_up_to_multiples_of_4(upsample):
    network = Generator(width=4, blocks=1, upsample=upsample)
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 50, 70)).shape == (1, 3, 52, 72)


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_a_discriminator_of_any_depth(layers):
    network = Discriminator(width=4, layers=layers)
    side = 4 << layers
    with torch.no_grad():
        assert network(torch.zeros(1, 3, side, side)).shape == (1, 1, 8, 8)
    convolutions = [layer.out_channels for layer in network.body if isinstance(layer, nn.Conv2d)]
    assert (
        convolutions
        == {
            1: [4, 4, 1],
            2: [4, 8, 16, 16, 1],
            3: [4, 8, 16, 16, 32, 32, 1],
            5: [4, 8, 16, 16, 32, 32, 64, 32, 64, 64, 1],
        }[layers]
    )


def test_a_photo_of_one_colour_gives_the_generator_no_gradients():
    model = built(init_epochs=0, init_epochs_decay=0)
    for p in model.g.parameters():  # biases that zero padding makes a border of
        nn.init.normal_(p)
    blank = torch.full((1, 3, 32, 32), 0.5)
    model.d(model.g(blank)).mean().backward()
    assert not any(p.grad is not None and p.grad.any() for p in model.g.parameters())
    both = torch.cat([blank, pictures()["A"][:1]])
    model.d(model.g(both)).mean().backward()
    assert model.g.down[0].weight.grad.any()


def test_large_pictures_go_in_strips_and_stay_the_same(trained):
    run = trained("cartoongan")
    pixels = np.random.default_rng(0).integers(0, 256, (200, 120, 3), dtype=np.uint8)
    _, model = checkpoint.load_model(folders.saves(run)[-1] / folders.WEIGHTS)
    whole, lean = (Engine(model, memory=memory) for memory in (10**9, 6 * 10**6))
    assert lean.way(200, 120).strips
    assert not whole.way(200, 120).strips
    made = [engine.translate([pixels], Direction("A", "B"))[0].astype(int) for engine in (whole, lean)]
    assert np.abs(made[0] - made[1]).max() <= 1
