"""State dicts of DiscoGAN's authors become runs that translate as their networks do; their pickled modules do not."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from gantool_discogan.official import recognise
from torch import Tensor, nn

import gantool
from gantool.errors import CheckpointError
from gantool.runs import checkpoint, folders
from tests.conftest import draw

from .imports import import_files, whole

W = 4


class Generator(nn.Module):
    """The authors' generator, numbered as theirs."""

    def __init__(self, bottleneck: int = 0) -> None:
        super().__init__()

        def conv(a: int, b: int, *more: int) -> list[nn.Module]:
            return [nn.Conv2d(a, b, 4, *(more or (2, 1)), bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]

        def deconv(a: int, b: int, *more: int) -> list[nn.Module]:
            return [nn.ConvTranspose2d(a, b, 4, *(more or (2, 1)), bias=False), nn.BatchNorm2d(b), nn.ReLU()]

        deep = [*conv(8 * W, bottleneck, 1, 0), *deconv(bottleneck, 8 * W, 1, 0)] if bottleneck else []
        self.main = nn.Sequential(
            *(nn.Conv2d(3, W, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)),
            *(*conv(W, 2 * W), *conv(2 * W, 4 * W), *conv(4 * W, 8 * W), *deep),
            *(*deconv(8 * W, 4 * W), *deconv(4 * W, 2 * W), *deconv(2 * W, W)),
            *(nn.ConvTranspose2d(W, 3, 4, 2, 1, bias=False), nn.Sigmoid()),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x)


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = [3, W, 2 * W, 4 * W, 8 * W]
        for number in range(1, 5):
            self.add_module(f"conv{number}", nn.Conv2d(widths[number - 1], widths[number], 4, 2, 1, bias=False))
            if number > 1:
                self.add_module(f"bn{number}", nn.BatchNorm2d(widths[number]))
        self.conv5 = nn.Conv2d(8 * W, 1, 4, bias=False)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def moved(network: nn.Module) -> nn.Module:
    """The network with the statistics of a batch, so that its pictures are not all grey."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    network.train()(torch.rand(8, 3, 64, 64))
    return network.eval()


def write(folder: Path, **networks: nn.Module) -> list[Path]:
    """State dicts under the names that the authors give their files, which have no extension."""
    files = [folder / f"model_{name}-3" for name in networks]
    for file, network in zip(files, networks.values(), strict=True):
        torch.save(network.state_dict(), file)
    return files


@pytest.mark.parametrize("bottleneck", [0, 7])
def test_generator_b_makes_pictures_of_b_in_our_order_of_colours(tmp_path, bottleneck):
    to_b, to_a = moved(Generator(bottleneck)), moved(Generator(bottleneck))
    report = import_files(write(tmp_path, gen_B=to_b, gen_A=to_a), tmp_path / "run")
    assert report.model == "discogan"
    assert (report.options.width, report.options.bottleneck) == (W, bottleneck)
    assert sorted(report.directions) == [("A", "B"), ("B", "A")]
    _, model = checkpoint.load_model(report.weights)
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    for source, network in ((0, to_b), (1, to_a)):
        with torch.no_grad():
            ours = model.translate(x, source=source, target=1 - source)
            theirs = network((x.flip(1) + 1) / 2)  # blue, green, red in [0, 1]
        assert (ours - (2 * theirs.flip(1) - 1)).abs().max() < 1e-5
        assert theirs.std() > 0.01


def test_one_generator_brings_its_direction(tmp_path):
    report = import_files(write(tmp_path, gen_A=Generator()), tmp_path / "run")
    assert report.directions == (("B", "A"),)


def test_training_goes_on_with_the_authors_discriminators(tmp_path):
    judges = {"dis_A": Discriminator(), "dis_B": Discriminator()}
    files = write(tmp_path, gen_A=Generator(), gen_B=Generator(), **judges)
    report = import_files(files, tmp_path / "run")
    assert report.training
    model = whole(report)
    assert torch.equal(model.d_a.conv1.weight, judges["dis_A"].conv1.weight.flip(1))
    assert torch.equal(model.d_b.bn3.weight, judges["dis_B"].bn3.weight)
    data = [draw(tmp_path / "trainA", 2, seed=1), draw(tmp_path / "trainB", 2, seed=2)]
    more = {"size": 64, "crop": 64, "batch": 2, "steps": 2, "workers": 0}
    assert folders.saves(gantool.train("discogan", data, out=tmp_path / "more", from_=tmp_path / "run", **more))


def test_a_pickled_module_is_refused_in_one_line_with_the_way_out(tmp_path, monkeypatch):
    """What the authors' code saves: its class is `Generator` in `model`."""
    module = ModuleType("model")
    monkeypatch.setitem(sys.modules, "model", module)
    monkeypatch.setattr(Generator, "__module__", "model")
    module.Generator = Generator
    torch.save(Generator(), tmp_path / "model_gen_A-3")
    with pytest.raises(CheckpointError) as caught:
        import_files([tmp_path / "model_gen_A-3"], tmp_path / "run")
    said = str(caught.value)
    assert "model_gen_A-3 is refused: it holds more than tensors (model.Generator)" in said
    assert "load it in PyTorch and save its state_dict() alone" in said
    assert "\n" not in said


def test_files_whose_names_say_too_little_or_contradict_are_refused(tmp_path):
    (file,) = write(tmp_path, gen_B=Generator())
    unnamed = file.rename(tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=r"holds a generator: which one\? Let its name end in gen_A or gen_B"):
        import_files([unnamed], tmp_path / "run")
    mixed = unnamed.rename(tmp_path / "model_dis_A-3")
    with pytest.raises(CheckpointError, match="holds a generator, but its name says discriminator"):
        import_files([mixed], tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"no generator in .* give model_gen_A and model_gen_B"):
        import_files(write(tmp_path, dis_B=Discriminator()), tmp_path / "run")


def test_a_generator_of_noise_with_like_keys_is_not_discogans():
    """DCGAN's sequence has the same name."""
    keys = {f"main.{number}.weight": torch.zeros(4, 4, 4, 4) for number in (0, 3, 6, 9, 12)}
    assert recognise({"netG.pth": keys}) is None
