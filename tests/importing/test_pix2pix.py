"""Official pix2pix files become runs that translate as the authors' networks do, and can be trained further."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.model import Progress
from gantool.runs import checkpoint
from gantool.training.run import TrainingRun

from .imports import import_files, whole
from .official_networks import Patch, Pixel, Resnet, Unet


def write(folder: Path, **networks: nn.Module) -> list[Path]:
    files = []
    for name, network in networks.items():
        files.append(folder / f"latest_net_{name}.pth")
        torch.save(network.state_dict(), files[-1])
    return files


def moved(network: nn.Module) -> nn.Module:
    """The network after a pass: its running statistics are not those of the pictures below."""
    into = next(network.parameters()).shape[1]
    network.train()(torch.randn(2, into, 64, 64))
    return network


def picture(channels: int = 3) -> Tensor:
    return torch.rand(1, channels, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_a_lone_unet_with_batch_norm_is_pix2pixs_and_translates_as_it_was_released(tmp_path: Path) -> None:
    network = moved(Unet(norm="batch", depth=6))
    report = import_files(write(tmp_path, G=network), tmp_path / "run")
    assert report.model == "pix2pix"
    assert not report.training
    assert report.directions == (("A", "B"),)
    o = report.options
    assert (o.generator, o.depth, o.width, o.norm) == ("unet", 6, 4, "batch")
    assert (o.dropout, o.test_dropout, o.test_norm) == (True, True, "picture")
    _, model = checkpoint.load_model(report.weights)
    with torch.no_grad():
        ours = model.translate(picture(), source=0, target=1, code=model.mean_code(1))
        theirs = network.train()(picture())  # the authors' protocol, without its dropout
    assert (ours - theirs).abs().max() < 1e-5
    assert theirs.std() > 0.01


@pytest.mark.parametrize(
    ("generator", "judge", "options"),
    [
        (
            lambda: Unet(norm="batch"),
            lambda: Patch(into=6, norm="batch", layers=2),
            {"generator": "unet", "depth": 5, "discriminator": "patch", "d_layers": 2, "norm": "batch"},
        ),
        (
            lambda: Unet(into=1, norm="instance"),
            lambda: Pixel(into=4, norm="instance"),
            {"discriminator": "pixel", "norm": "instance", "channels_a": 1, "channels_b": 3},
        ),
        (
            lambda: Resnet(norm="batch", dropout=True),
            lambda: Patch(into=6, norm="batch"),
            {"generator": "resnet", "blocks": 2, "dropout": True, "d_layers": 3},
        ),
    ],
)
def test_a_conditional_discriminator_makes_a_run_that_can_be_trained_further(
    tmp_path: Path, generator, judge, options: dict
) -> None:
    g, d = moved(generator()), moved(judge())
    report = import_files(write(tmp_path, G=g, D=d), tmp_path / "run")
    assert report.model == "pix2pix"
    assert report.training
    assert {name: getattr(report.options, name) for name in options} == options
    model = whole(report)
    a, b = (picture(channels) for channels in report.spec.channels)
    pair = torch.cat([a, b], 1)
    with torch.no_grad():
        assert (model.d.eval()(pair) - d.eval()(pair)).abs().max() < 1e-5
    run = TrainingRun(model.train(), model.optimizers())
    run.begin(Progress(0, 1), 1.0)
    for _ in run.batches():
        model.training_step({"A": a, "B": b}, run)
    run.end()
    assert run.skipped_in_a_row() == 0


def test_colorization(tmp_path: Path) -> None:
    network = moved(Unet(into=1, out=2, norm="batch"))
    report = import_files(write(tmp_path, G=network, D=Patch(into=3, norm="batch")), tmp_path / "run")
    assert report.options.colorization
    assert report.spec.domains == ("grey", "colour")
    assert report.spec.channels == (3, 3)
    alone = import_files(write(tmp_path, G=network), tmp_path / "alone")
    assert alone.options.colorization
    _, model = checkpoint.load_model(alone.weights)
    with torch.no_grad():
        made = model.translate(picture(), source=0, target=1)  # a U-Net of 5 levels has no dropout
    assert made.shape == (1, 3, 64, 64)


def test_files_older_than_the_count_of_batches(tmp_path: Path) -> None:
    (file,) = write(tmp_path, G=Unet(norm="batch"))
    state = {key: value for key, value in torch.load(file).items() if not key.endswith("num_batches_tracked")}
    torch.save(state, file)
    assert import_files([file], tmp_path / "run").model == "pix2pix"


@pytest.mark.parametrize(
    "networks",
    [
        {"G": Resnet()},
        {"G": Resnet(norm="batch")},
        {"G": Unet(norm="instance")},
        {"G_A": Unet(norm="batch")},
        {"G_A": Unet(norm="batch"), "G_B": Unet(norm="batch")},
    ],
)
def test_these_stay_cyclegans(tmp_path: Path, networks: dict[str, nn.Module]) -> None:
    assert import_files(write(tmp_path, **networks), tmp_path / "run").model == "cyclegan"


@pytest.mark.parametrize(
    ("networks", "words"),
    [
        ({"G": Unet(norm="batch"), "D": Patch(into=3, norm="batch")}, "judges pictures of 3 channels"),
        ({"G": Unet(norm="batch"), "D": Patch(into=6)}, "norm is batch and instance"),
        ({"D": Patch(into=6, norm="batch")}, "no installed model"),
    ],
)
def test_files_that_do_not_belong_together(tmp_path: Path, networks: dict[str, nn.Module], words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        import_files(write(tmp_path, **networks), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_file_that_lacks_a_key_is_named(tmp_path: Path) -> None:
    (file,) = write(tmp_path, G=Unet(norm="batch"))
    state = torch.load(file)
    del state["model.model.1.model.2.weight"]
    state["model.model.1.model.6.weight"] = torch.zeros(3)
    torch.save(state, file)
    with pytest.raises(CheckpointError, match=r"latest_net_G\.pth"):
        import_files([file], tmp_path / "run")
