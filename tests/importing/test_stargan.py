"""Official StarGAN files become runs that translate as the authors' networks do."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from gantool_stargan.official import RELEASED, recognise
from PIL import Image
from torch import Tensor, nn

import gantool
from gantool.errors import CheckpointError, UsageError
from gantool.runs import checkpoint
from gantool.runs.header import read_facts

from .imports import import_files


def normed(convolution: nn.Module, channels: int) -> list[nn.Module]:
    return [convolution, nn.InstanceNorm2d(channels, affine=True, track_running_stats=True), nn.ReLU()]


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        layers = [layer for _ in range(2) for layer in normed(nn.Conv2d(width, width, 3, 1, 1, bias=False), width)]
        self.main = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.main(x)


class G(nn.Module):
    """The authors' generator as their files describe it; statistics and all."""

    def __init__(self, labels: int, w: int = 4, blocks: int = 2) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *normed(nn.Conv2d(3 + labels, w, 7, 1, 3, bias=False), w),
            *normed(nn.Conv2d(w, 2 * w, 4, 2, 1, bias=False), 2 * w),
            *normed(nn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=False), 4 * w),
            *(Block(4 * w) for _ in range(blocks)),
            *normed(nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False), 2 * w),
            *normed(nn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False), w),
            nn.Conv2d(w, 3, 7, 1, 3, bias=False),
            nn.Tanh(),
        )

    def forward(self, x: Tensor, labels: list[float]) -> Tensor:
        maps = torch.tensor(labels).view(1, -1, 1, 1).expand(len(x), -1, *x.shape[2:])
        return self.main(torch.cat((x, maps), 1))


class D(nn.Module):
    def __init__(self, labels: int, size: int = 32, w: int = 4, layers: int = 3) -> None:
        super().__init__()
        widths = [3, *(w * 2**layer for layer in range(layers))]
        pairs = pairwise(widths)
        self.main = nn.Sequential(*(m for a, b in pairs for m in (nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.01))))
        self.conv1 = nn.Conv2d(widths[-1], 1, 3, 1, 1, bias=False)
        self.conv2 = nn.Conv2d(widths[-1], labels, size // 2**layers, bias=False)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def write(folder: Path, leave_out: str = "nothing", **networks: nn.Module) -> list[Path]:
    files = []
    for name, network in networks.items():
        files.append(folder / f"200000-{name}.ckpt")
        torch.save({k: v for k, v in network.state_dict().items() if leave_out not in k}, files[-1])
    return files


def picture() -> Tensor:
    return torch.rand(2, 3, 32, 40, generator=torch.Generator().manual_seed(1)) * 2 - 1


def assert_translates(weights: Path, target: str, network: G, labels: list[float]) -> None:
    """As the authors' generator in training mode, in which they run it."""
    _, model = checkpoint.load_model(weights)
    with torch.no_grad():
        told = model.condition(target, picture())
        ours = model.translate(picture(), source=0, target=model.spec.index(target), condition=told)
        theirs = network.train()(picture(), labels)
    assert (ours - theirs).abs().max() < 1e-5
    assert theirs.std() > 0.01


@pytest.mark.parametrize("leave_out", ["nothing", "num_batches_tracked", "running_mean", "running_"])
def test_the_released_files_with_or_without_statistics(tmp_path, leave_out):
    g = G(5)
    report = import_files(write(tmp_path, leave_out, G=g, D=D(5)), tmp_path / "run")
    assert report.model == "stargan"
    assert report.spec.domains == RELEASED
    assert report.spec.attributes
    assert report.spec.size == 32
    o = report.options
    assert (o.attributes, o.width, o.blocks, o.d_width, o.d_layers) == (RELEASED, 4, 2, 4, 3)
    assert all("never used" in why for why in report.dropped.values())
    assert_translates(report.weights, "Blond_Hair,Male", g, [0, 1, 0, 1, 0])
    assert_translates(report.weights, "+Brown_Hair,-Male,-Young", g, [0, 0, 1, 0, 0])


def test_a_generator_alone_needs_whole_labels(tmp_path):
    g = G(5)
    report = import_files(write(tmp_path, G=g), tmp_path / "run")
    assert report.directions == ()
    assert report.spec.size == 128
    assert read_facts(report.weights).missing == ("d",)
    assert_translates(report.weights, "Black_Hair,Young", g, [1, 0, 0, 0, 1])
    translator = gantool.load(tmp_path / "run", device="cpu")
    image = Image.effect_noise((40, 32), 50).convert("RGB")
    assert translator.translate(image, to="Black_Hair,Young").size == (40, 32)
    for target in ("Male", "+Male", None):
        with pytest.raises(UsageError, match=r"cannot tell what a picture is.*Name exactly the attributes"):
            translator.translate(image, to=target)


def test_other_numbers_of_labels_are_classes_and_can_be_renamed(tmp_path):
    g = G(3)
    files = write(tmp_path, G=g, D=D(3, size=100, layers=4))
    report = import_files(files, tmp_path / "run")
    assert report.spec.domains == ("label1", "label2", "label3")
    assert report.spec.size == 96  # their head is 6 wide: all sizes from 96 to 111 make the same file
    assert not report.spec.attributes
    report = import_files(files, tmp_path / "named", domains=("angry", "happy", "sad"))
    assert_translates(report.weights, "sad", g, [0, 0, 1])
    assert ("sad", "happy") in report.directions


def test_the_authors_joint_training(tmp_path):
    g = G(15)
    report = import_files(write(tmp_path, G=g, D=D(13)), tmp_path / "run")
    assert report.spec.domains == (*RELEASED, *(f"label{number}" for number in range(1, 9)))
    assert_translates(report.weights, "Blond_Hair,Young", g, [0, 1, 0, 0, 1, *[0] * 8, 1, 0])
    assert_translates(report.weights, "label8", g, [*[0] * 12, 1, 0, 1])


def test_files_that_do_not_fit_are_refused(tmp_path):
    def refused(files: list[Path], message: str) -> None:
        with pytest.raises(CheckpointError, match=message):
            import_files(files, tmp_path / "run")

    folders = [tmp_path / str(number) for number in range(6)]
    for folder in folders:
        folder.mkdir()
    refused(write(folders[0], G=G(5), A=G(5)), "200000-G.ckpt and .*200000-A.ckpt both hold G")
    refused(write(folders[1], D=D(5)), "there is no generator")
    refused(write(folders[2], G=G(5), D=D(4)), "do not belong to one model: 5 and 4 labels")
    refused(write(folders[3], G=G(9), D=D(7)), "trained jointly on 7 labels")
    refused(write(folders[4], "main.11.weight", G=G(5)), "main.11.weight is missing")
    torch.save({**G(5).state_dict(), "main.40.weight": torch.zeros(1)}, folders[5] / "1-G.ckpt")
    refused([folders[5] / "1-G.ckpt"], "main.40.weight is unknown")
    assert recognise({"x.pth": {"main.0.weight": torch.zeros(4, 3, 7, 7)}}) is None
