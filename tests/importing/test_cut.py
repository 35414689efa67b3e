"""Official CUT files become runs that translate as the authors' networks do; CycleGAN's are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from gantool_cut import CUT
from torch import Tensor, nn

import gantool
from gantool import registry
from gantool.errors import CheckpointError
from gantool.importing.reading import read_official
from gantool.runs import checkpoint, folders
from tests.conftest import draw

from .imports import import_files, whole
from .official_networks import Block, Patch, Pixel, Resnet


class Blur(nn.Module):
    """The authors' sampling: its filter is a part of their files."""

    def __init__(self, channels: int, up: bool) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0] if up else [1.0, 2.0, 1.0])
        filt = torch.outer(taps, taps) / 16
        self.up = up
        self.register_buffer("filt", filt.expand(channels, 1, -1, -1).clone())

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        if self.up:
            x = F.pad(x, (1, 1, 1, 1), mode="replicate")
            return F.conv_transpose2d(x, self.filt, stride=2, padding=2, groups=channels)[..., 1:-1, 1:-1]
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filt, stride=2, groups=channels)


class BlurredResnet(nn.Module):
    def __init__(
        self, width: int = 4, blocks: int = 6, channels: int = 3, dropout: bool = False, down: bool = True
    ) -> None:
        super().__init__()
        w, n = width, nn.InstanceNorm2d

        def halving(inside: int, outside: int) -> list[nn.Module]:
            layers = [nn.Conv2d(inside, outside, 3, 1 if down else 2, 1), n(outside), nn.ReLU()]
            return [*layers, Blur(outside, up=False)] if down else layers

        self.model = nn.Sequential(
            *(nn.ReflectionPad2d(3), nn.Conv2d(channels, w, 7), n(w), nn.ReLU()),
            *halving(w, 2 * w),
            *halving(2 * w, 4 * w),
            *(Block(4 * w, "instance", dropout, "reflect") for _ in range(blocks)),
            *(Blur(4 * w, up=True), nn.Conv2d(4 * w, 2 * w, 3, 1, 1), n(2 * w), nn.ReLU()),
            *(Blur(2 * w, up=True), nn.Conv2d(2 * w, w, 3, 1, 1), n(w), nn.ReLU()),
            *(nn.ReflectionPad2d(3), nn.Conv2d(w, channels, 7), nn.Tanh()),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class BlurredPatch(nn.Module):
    def __init__(self, width: int = 4, layers: int = 3, channels: int = 3) -> None:
        super().__init__()
        body: list[nn.Module] = [nn.Conv2d(channels, width, 4, 1, 1), nn.LeakyReLU(0.2), Blur(width, up=False)]
        for k in range(1, layers + 1):
            old, new = width * min(2 ** (k - 1), 8), width * min(2**k, 8)
            body += [nn.Conv2d(old, new, 4, 1, 1), nn.InstanceNorm2d(new), nn.LeakyReLU(0.2)]
            body += [Blur(new, up=False)] if k < layers else []
        self.model = nn.Sequential(*body, nn.Conv2d(new, 1, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Heads(nn.Module):
    def __init__(self, channels: tuple[int, ...] = (3, 8, 16, 16, 16), width: int = 8) -> None:
        super().__init__()
        for i, c in enumerate(channels):
            setattr(self, f"mlp_{i}", nn.Sequential(nn.Linear(c, width), nn.ReLU(), nn.Linear(width, width)))


def write(folder: Path, prefix: str = "", **networks: nn.Module) -> list[Path]:
    """`latest_net_NAME.pth` of each network; with `module.` before its keys, as training on a CPU writes them."""
    files = []
    for name, network in networks.items():
        files.append(folder / f"latest_net_{name}.pth")
        torch.save({prefix + key: value for key, value in network.state_dict().items()}, files[-1])
    return files


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def picture(channels: int = 3) -> Tensor:
    return torch.rand(1, channels, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, {"width": 4, "blocks": 6, "antialias": True, "antialias_up": True, "layers": (0, 4, 8, 12, 16)}),
        ({"dropout": True, "blocks": 9}, {"dropout": True, "blocks": 9}),
        ({"channels": 1}, {"channels": 1}),
        ({"down": False}, {"antialias": False, "antialias_up": True}),
        ({"blocks": 4}, {"blocks": 4, "layers": (0, 4, 8, 12)}),
    ],
)
def test_a_generator_alone_translates(tmp_path, settings, options, prefix):
    network = BlurredResnet(**settings)
    report = import_files(write(tmp_path, prefix, G=network), tmp_path / "run")
    assert report.model == "cut"
    assert {name: getattr(report.options, name) for name in options} == options
    _, model = checkpoint.load_model(report.weights)
    x = picture(settings.get("channels", 3))
    with torch.no_grad():
        theirs = network.eval()(x)
        assert (model.translate(x, source=0, target=1) - theirs).abs().max() < 1e-5
    assert theirs.std() > 0.01


def test_all_three_networks_train_on(tmp_path):
    g, d, f = BlurredResnet(), BlurredPatch(), Heads()
    report = import_files(write(tmp_path, G=g, D=d, F=f), tmp_path / "run")
    model = whole(report)
    assert isinstance(model, CUT)
    with torch.no_grad():
        assert torch.allclose(model.d(picture()), d(picture()), atol=1e-5)
    assert torch.equal(model.f.heads[3][2].weight, f.mlp_3[2].weight)
    data = [draw(tmp_path / "trainA", 2, seed=1), draw(tmp_path / "trainB", 2, seed=2)]
    more = {"size": 36, "crop": 32, "steps": 1, "workers": 0}
    assert folders.saves(gantool.train("cut", data, out=tmp_path / "more", from_=tmp_path / "run", **more))


def test_a_projection_of_other_layers_is_left_out_and_said(tmp_path):
    report = import_files(write(tmp_path, G=BlurredResnet(), F=Heads((3, 8))), tmp_path / "run")
    assert report.options.layers == (0, 4, 8, 12, 16)
    assert {why for (file, _), why in report.dropped.items() if "net_F" in str(file)} == {
        "of other layers of the generator than usual: no file says which"
    }
    assert report.options.f_width == 256


def test_unblurred_networks_are_cuts_where_a_projection_says_so(tmp_path):
    files = write(tmp_path, G=Resnet(width=4, blocks=7), D=Patch(width=4), F=Heads())
    options = import_files(files, tmp_path / "run").options
    assert (options.antialias, options.antialias_up, options.f_width, options.d_width) == (False, False, 8, 4)
    report = import_files(write(tmp_path, G=Resnet(width=4)), tmp_path / "alone")
    assert report.model == "cyclegan", "the same network: it translates the same"


def test_a_pixel_discriminator(tmp_path):
    report = import_files(write(tmp_path, G=BlurredResnet(), D=Pixel(width=4)), tmp_path / "run")
    assert (report.options.discriminator, report.options.d_width) == ("pixel", 4)


@pytest.mark.parametrize(
    ("networks", "model"),
    [
        ({"G": lambda: BlurredResnet()}, "cut"),
        ({"G": lambda: BlurredResnet(down=False)}, "cut"),
        ({"G": lambda: BlurredResnet(), "D": lambda: BlurredPatch()}, "cut"),
        ({"G": lambda: Resnet()}, "cyclegan"),
        ({"G_A": lambda: Resnet(), "G_B": lambda: Resnet()}, "cyclegan"),
        ({"G_A": lambda: Resnet(), "D_A": lambda: Patch()}, "cyclegan"),
    ],
)
def test_nobody_else_claims_the_files(tmp_path, networks, model):
    files = {
        path.name: read_official(path) for path in write(tmp_path, **{name: make() for name, make in networks.items()})
    }
    for name in ("cut", "cyclegan", "pix2pix"):
        recognised = registry.plugin(name).importer()(files)
        assert (recognised is not None) == (name == model), name


def test_files_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"no generator in .*latest_net_G\.pth as well"):
        import_files(write(tmp_path, D=BlurredPatch()), tmp_path / "run")
    with pytest.raises(CheckpointError, match="do not belong to one model: channels is 3 and 1"):
        import_files(write(tmp_path, G=BlurredResnet(), D=BlurredPatch(channels=1)), tmp_path / "run")
    cut_short = BlurredResnet()
    del cut_short.model[-2]
    with pytest.raises(CheckpointError, match=r"model\.27\.\w+ is missing"):
        import_files(write(tmp_path, G=cut_short), tmp_path / "run")
    other = BlurredResnet()
    other.model[7].filt *= 2
    with pytest.raises(CheckpointError, match=r"model\.7\.filt is not CUT's blur filter"):
        import_files(write(tmp_path, G=other), tmp_path / "run")
    assert not (tmp_path / "run").exists()
