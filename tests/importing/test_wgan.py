"""State dicts of the WGAN authors' networks become runs that make the pictures that theirs make."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import gantool
from gantool.errors import CheckpointError
from gantool.runs import checkpoint, folders
from tests.conftest import draw

from .imports import import_files, whole

NZ, NGF, NDF = 7, 4, 3


class Named(nn.Sequential):
    """Layers under the authors' names, with colons; their forward passes flatten nothing."""

    def __init__(self, layers: dict[str, nn.Module]) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)


def generator(channels: int = 3, extra: int = 0, norms: bool = True) -> Named:
    """32 pixels."""
    layers: dict[str, nn.Module] = {}

    def add(stage: str, layer: nn.Conv2d | nn.ConvTranspose2d, kind: str, where: str) -> None:
        layers[f"{stage}:{kind}"] = layer
        if norms:
            layers[f"{where}:batchnorm"] = nn.BatchNorm2d(layer.out_channels)
        layers[f"{where}:relu"] = nn.ReLU(True)

    widths = [4 * NGF, 2 * NGF, NGF]
    first = nn.ConvTranspose2d(NZ, widths[0], 4, bias=False)
    add(f"initial:{NZ}-{widths[0]}", first, "convt", f"initial:{widths[0]}")
    for inside, outside in pairwise(widths):
        layer = nn.ConvTranspose2d(inside, outside, 4, 2, 1, bias=False)
        add(f"pyramid:{inside}-{outside}", layer, "convt", f"pyramid:{outside}")
    for number in range(extra):
        where = f"extra-layers-{number}:{NGF}"
        add(where, nn.Conv2d(NGF, NGF, 3, 1, 1, bias=False), "conv", where)
    layers[f"final:{NGF}-{channels}:convt"] = nn.ConvTranspose2d(NGF, channels, 4, 2, 1, bias=False)
    layers[f"final:{channels}:tanh"] = nn.Tanh()
    return Named(layers)


def critic(channels: int = 3) -> Named:
    layers: dict[str, nn.Module] = {f"initial:{channels}-{NDF}:conv": nn.Conv2d(channels, NDF, 4, 2, 1, bias=False)}
    layers[f"initial:{NDF}:relu"] = nn.LeakyReLU(0.2)
    for inside in (NDF, 2 * NDF):
        layers[f"pyramid:{inside}-{2 * inside}:conv"] = nn.Conv2d(inside, 2 * inside, 4, 2, 1, bias=False)
        layers[f"pyramid:{2 * inside}:batchnorm"] = nn.BatchNorm2d(2 * inside)
        layers[f"pyramid:{2 * inside}:relu"] = nn.LeakyReLU(0.2)
    layers[f"final:{4 * NDF}-1:conv"] = nn.Conv2d(4 * NDF, 1, 4, bias=False)
    return Named(layers)


def perceptron(inside: int, outside: int) -> nn.Sequential:
    hidden = [nn.Linear(inside, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(6, outside))


def write(folder: Path, **networks: nn.Module) -> list[Path]:
    files = [folder / f"{name}_epoch_3.pth" for name in networks]
    for file, network in zip(files, networks.values(), strict=True):
        torch.save({f"main.{key}": value for key, value in network.state_dict().items()}, file)
    return files


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def moved(network: nn.Module, x: Tensor) -> nn.Module:
    """The network with the statistics of a batch."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
    network.train()(x)
    return network.eval()


@pytest.mark.parametrize(("channels", "extra", "norms"), [(3, 0, True), (1, 2, True), (3, 1, False)])
def test_it_makes_the_pictures_that_the_file_makes(tmp_path, channels, extra, norms):
    theirs = moved(generator(channels, extra, norms), torch.randn(16, NZ, 1, 1))
    report = import_files(write(tmp_path, netG=theirs), tmp_path / "run")
    assert report.model == "wgan"
    facts, model = checkpoint.load_model(report.weights)
    assert (facts.spec.size, facts.spec.channels) == (32, (channels,))
    assert (model.options.extra, model.options.constraint) == (extra, "clip")
    z = torch.randn(2, NZ)
    with torch.no_grad():
        ours, expected = model.sample(z), theirs(z[:, :, None, None])
    assert (ours - expected).abs().max() < 1e-5
    assert expected.std() > 1e-4


def test_their_critic_scores_fakes_higher_and_ours_pictures(tmp_path):
    x = torch.rand(6, 3, 32, 32)
    judge = moved(critic(), x)
    report = import_files(write(tmp_path, netG=generator(), netD=judge), tmp_path / "run")
    model = whole(report)
    with torch.no_grad():
        assert (model.d(x) + judge(x).flatten()).abs().max() < 1e-6
    more = {"out": tmp_path / "more", "from_": tmp_path / "run", "size": 32, "batch": 2, "steps": 1, "workers": 0}
    assert folders.saves(gantool.train("wgan", [draw(tmp_path / "data", 2, seed=1)], **more))


@pytest.mark.parametrize(("channels", "size"), [(3, 16), (1, 8)])
def test_perceptrons_tell_their_pictures_by_the_numbers(tmp_path, channels, size):
    theirs, judge = perceptron(NZ, channels * size**2), perceptron(channels * size**2, 1)
    report = import_files(write(tmp_path, netG=theirs, netD=judge), tmp_path / "run")
    _, model = checkpoint.load_model(report.weights)
    z = torch.randn(2, NZ)
    with torch.no_grad():
        expected = theirs(z).view(2, channels, size, size).clamp(-1, 1)
        assert (model.sample(z) - expected).abs().max() < 1e-6


def test_the_authors_settings_are_not_needed_and_that_is_said(tmp_path):
    files = write(tmp_path, netG=generator())
    settings = tmp_path / "generator_config.json"
    settings.write_text('{"imageSize": 32, "nz": 7, "nc": 3, "ngf": 4, "ngpu": 1, "n_extra_layers": 0, "noBN": false}')
    with pytest.raises(CheckpointError, match=r"generator_config.json is text in JSON: .*settings.*leave it out"):
        import_files([*files, settings], tmp_path / "run")


def test_networks_of_two_trainings_are_refused(tmp_path):
    files = write(tmp_path, netG=generator(), netD=critic(channels=1))
    with pytest.raises(CheckpointError, match="do not belong to one model: channels is 3 and 1"):
        import_files(files, tmp_path / "run")
