"""State dicts of PyTorch's DCGAN example become runs that make the pictures that its generator makes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gantool_dcgan.official import recognise
from torch import Tensor, nn

import gantool
from gantool.errors import CheckpointError
from gantool.runs import checkpoint, folders
from tests.conftest import draw

from .imports import import_files, whole

NZ, NGF, NDF = 7, 4, 3


def generator(channels: int = 3, stages: int = 4) -> nn.Sequential:
    """The example's generator, numbered as its files are; four stages make 64 pixels."""
    layers: list[nn.Module] = []
    inside = NZ
    for number in range(stages):
        outside = NGF * 2 ** (stages - 1 - number)
        step = (1, 0) if number == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(inside, outside, 4, *step, bias=False), nn.BatchNorm2d(outside), nn.ReLU(True)]
        inside = outside
    return nn.Sequential(*layers, nn.ConvTranspose2d(inside, channels, 4, 2, 1, bias=False), nn.Tanh())


def discriminator(channels: int = 3) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(channels, NDF, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for number in range(3):
        inside, outside = NDF * 2**number, NDF * 2 ** (number + 1)
        layers += [nn.Conv2d(inside, outside, 4, 2, 1, bias=False), nn.BatchNorm2d(outside), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(8 * NDF, 1, 4, 1, 0, bias=False), nn.Sigmoid())


def write(folder: Path, **networks: nn.Module) -> list[Path]:
    """Files as the example saves them."""
    files = [folder / f"{name}_epoch_3.pth" for name in networks]
    for file, network in zip(files, networks.values(), strict=True):
        torch.save({f"main.{key}": value for key, value in network.state_dict().items()}, file)
    return files


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def moved(network: nn.Sequential) -> nn.Sequential:
    """The network with the statistics of a batch, so that its pictures are not all grey."""
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
    network.train()(torch.randn(16, NZ, 1, 1))
    return network.eval()


@pytest.mark.parametrize(("stages", "channels", "size"), [(4, 3, 64), (3, 1, 32)])
def test_it_makes_the_pictures_that_the_file_makes(tmp_path, stages, channels, size):
    theirs = moved(generator(channels, stages))
    report = import_files(write(tmp_path, netG=theirs), tmp_path / "run")
    assert report.model == "dcgan"
    facts, model = checkpoint.load_model(report.weights)
    assert (facts.spec.size, facts.spec.channels) == (size, (channels,))
    assert (model.options.latent, model.options.width) == (NZ, NGF)
    z = torch.randn(2, NZ)
    with torch.no_grad():
        ours, expected = model.sample(z), theirs(z[:, :, None, None])
    assert ours.shape == (2, channels, size, size)
    assert (ours - expected).abs().max() < 1e-5
    assert expected.std() > 0.01


def test_training_goes_on_with_the_discriminator(tmp_path):
    judge = discriminator()
    report = import_files(write(tmp_path, netG=generator(), netD=judge), tmp_path / "run")
    assert report.training
    model = whole(report)
    x: Tensor = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert (model.d(x).sigmoid() - judge.eval()(x).flatten()).abs().max() < 1e-6
    more = {"out": tmp_path / "more", "from_": tmp_path / "run", "batch": 2, "steps": 1, "workers": 0}
    assert folders.saves(gantool.train("dcgan", [draw(tmp_path / "data", 2, seed=1)], **more))


def test_files_from_before_batch_norms_counted_are_read(tmp_path):
    (file,) = write(tmp_path, netG=moved(generator()))
    old = torch.load(file)
    torch.save({key: value for key, value in old.items() if "num_batches" not in key}, file)
    assert import_files([file], tmp_path / "run").model == "dcgan"


def test_a_discriminator_alone_makes_no_pictures(tmp_path):
    with pytest.raises(CheckpointError, match=r"no generator in .*: give netG_epoch_N\.pth as well"):
        import_files(write(tmp_path, netD=discriminator()), tmp_path / "run")


def test_networks_of_two_trainings_are_refused(tmp_path):
    files = write(tmp_path, netG=generator(), netD=discriminator(channels=1))
    with pytest.raises(CheckpointError, match="do not belong to one model: channels is 3 and 1"):
        import_files(files, tmp_path / "run")


def test_discogans_generator_has_like_keys_and_is_not_taken_for_it():
    def conv(a: int, b: int) -> Tensor:
        return torch.zeros(a, b, 4, 4)

    widths = {0: conv(4, 3), 2: conv(8, 4), 5: conv(16, 8), 8: conv(32, 16), 11: conv(32, 16), 14: conv(16, 8)}
    keys = {f"main.{number}.weight": value for number, value in (widths | {17: conv(8, 4), 20: conv(4, 3)}).items()}
    assert recognise({"model_gen_A": keys}) is None
