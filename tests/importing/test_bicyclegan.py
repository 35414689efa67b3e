"""Official BicycleGAN files become runs that translate and encode as the authors' networks do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.importing.session import Report
from gantool.model import Progress
from gantool.runs import checkpoint, folders
from gantool.training.run import TrainingRun

from .imports import import_files, whole
from .official_networks import Patch, Unet, norm_of

DEPTH, SIDE = 5, 32


def norms(norm: str, channels: int) -> list[nn.Module]:
    return [] if norm == "none" else [norm_of(norm)(channels)]


def double(into: int, out: int, bilinear: bool) -> list[nn.Module]:
    if bilinear:
        return [nn.Upsample(scale_factor=2, mode="bilinear"), nn.ReflectionPad2d(1), nn.Conv2d(into, out, 3)]
    return [nn.ConvTranspose2d(into, out, 4, 2, 1)]


def joined(x: Tensor, z: Tensor) -> Tensor:
    return torch.cat([x, z.view(*z.shape, 1, 1).expand(*z.shape, *x.shape[2:])], 1)


class EveryLevel(nn.Module):
    """A level of the generator whose code joins everywhere, holding the deeper ones."""

    def __init__(self, widths: list[int], nz: int, norm: str, bilinear: bool, into: int = 0, out: int = 0) -> None:
        super().__init__()
        outer, inner, *rest = widths
        self.outermost = into > 0
        convolution = nn.Conv2d((into or outer) + nz, inner, 4, 2, 1)
        up = double(2 * inner if rest else inner, out or outer, bilinear)
        if self.outermost:
            self.down, last = nn.Sequential(convolution), [nn.Tanh()]
        else:
            self.down = nn.Sequential(nn.LeakyReLU(0.2), convolution, *(norms(norm, inner) if rest else []))
            last = norms(norm, outer)
        self.submodule = EveryLevel([inner, *rest], nz, norm, bilinear) if rest else None
        self.up = nn.Sequential(nn.ReLU(), *up, *last)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        inside = self.down(joined(x, z))
        inside = self.up(inside if self.submodule is None else self.submodule(inside, z))
        return inside if self.outermost else torch.cat([inside, x], 1)


class AtInput(nn.Module):
    """A level of the generator whose code joins at the input alone: one sequence, through the deeper levels."""

    def __init__(self, widths: list[int], norm: str, bilinear: bool, into: int = 0, out: int = 0) -> None:
        super().__init__()
        outer, inner, *rest = widths
        self.outermost = into > 0
        deeper = [AtInput([inner, *rest], norm, bilinear)] if rest else []
        up = [nn.ReLU(), *double(2 * inner if rest else inner, out or outer, bilinear)]
        convolution = nn.Conv2d(into or outer, inner, 4, 2, 1)
        if self.outermost:
            self.model = nn.Sequential(convolution, *deeper, *up, nn.Tanh())
        else:
            normed = norms(norm, inner) if rest else []
            self.model = nn.Sequential(
                nn.LeakyReLU(0.2, inplace=True), convolution, *normed, *deeper, *up, *norms(norm, outer)
            )

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) if self.outermost else torch.cat([self.model(x), x], 1)


class Generator(nn.Module):
    def __init__(
        self,
        into: int = 3,
        out: int = 3,
        nz: int = 4,
        where: str = "all",
        norm: str = "instance",
        bilinear: bool = False,
        depth: int = DEPTH,
    ) -> None:
        super().__init__()
        self.all = where == "all"
        widths = [0, *(4 * min(2**level, 8) for level in range(depth))]
        if self.all:
            self.model = EveryLevel(widths, nz, norm, bilinear, into, out)
        else:
            self.model = AtInput(widths, norm, bilinear, into + nz, out)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.model(x, z) if self.all else self.model(joined(x, z))


class Block(nn.Module):
    def __init__(self, into: int, out: int, norm: str) -> None:
        super().__init__()
        last = nn.Sequential(nn.Conv2d(into, out, 3, padding=1), nn.AvgPool2d(2))
        act = nn.LeakyReLU(0.2, inplace=True)
        first = nn.Conv2d(into, into, 3, padding=1)
        self.conv = nn.Sequential(*norms(norm, into), act, first, *norms(norm, into), act, last)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(into, out, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + self.shortcut(x)


class Encoder(nn.Module):
    def __init__(self, channels: int = 3, nz: int = 4, kind: str = "resnet", norm: str = "instance") -> None:
        super().__init__()
        act = nn.LeakyReLU(0.2)
        body: list[nn.Module] = [nn.Conv2d(channels, 4, 4, 2, 1)]
        if kind == "resnet":
            body += [Block(4, 8, norm), act]
        else:
            body += [act, nn.Conv2d(4, 8, 4, 2, 1), *norms(norm, 8), act]
            body += [nn.Conv2d(8, 16, 4, 2, 1), *norms(norm, 16), act]
        self.conv = nn.Sequential(*body)
        out = 8 if kind == "resnet" else 16
        self.fc, self.fcVar = nn.Sequential(nn.Linear(out, nz)), nn.Sequential(nn.Linear(out, nz))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).mean((2, 3)))


class Judge(nn.Module):
    def __init__(self, channels: int = 3, layers: int = 2, scales: int = 2, norm: str = "instance") -> None:
        super().__init__()
        for i in range(scales):
            w = 8 // 2**i
            body: list[nn.Module] = [nn.Conv2d(channels, w, 4, 2, 1), nn.LeakyReLU(0.2)]
            for n in range(1, layers + 1):
                old, new = w * 2 ** (n - 1), w * 2**n
                body += [nn.Conv2d(old, new, 4, 2 if n < layers else 1, 1), *norms(norm, new), nn.LeakyReLU(0.2)]
            name = f"model_{i}" if scales > 1 else "model"
            self.add_module(name, nn.Sequential(*body, nn.Conv2d(w * 2**layers, 1, 4, 1, 1)))

    def forward(self, x: Tensor) -> list[Tensor]:
        scores = []
        for scale in self.children():
            scores.append(scale(x))
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return scores


def write(folder: Path, **networks: nn.Module | dict[str, Tensor]) -> list[Path]:
    """`latest_net_NAME.pth` with the state dict of each network."""
    folder.mkdir(exist_ok=True)
    files = []
    for name, network in networks.items():
        files.append(folder / f"latest_net_{name}.pth")
        torch.save(network if isinstance(network, dict) else network.state_dict(), files[-1])
    return files


def picture(channels: int = 3) -> Tensor:
    return torch.rand(2, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 2 - 1


def assert_same(report: Report, network: Generator, encoder: Encoder | None = None) -> None:
    """The run translates, and takes styles from pictures, as the authors' networks do."""
    _, model = checkpoint.load_model(report.weights)
    a, b = (picture(channels) for channels in model.spec.channels)
    z = torch.randn(2, report.options.nz, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        ours = model.translate(a, source=0, target=1, code=z)
        theirs = network.eval()(a, z)
        assert (ours - theirs).abs().max() < 1e-5
        assert theirs.std() > 0.01
        if encoder is not None:
            mine, given = model.e(b)[0], encoder.eval()(b)
            assert (mine - given).abs().max() < 1e-5
            assert given.std() > 0.01


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("g", "e", "options"),
    [
        ({}, {}, {"where": "all", "nz": 4, "width": 4, "depth": 5, "norm": "instance", "upsample": "basic"}),
        ({"into": 1}, {}, {"channels_a": 1, "channels_b": 3}),
        ({"bilinear": True, "nz": 2}, {"nz": 2}, {"upsample": "bilinear", "nz": 2}),
        ({"norm": "batch"}, {"norm": "batch"}, {"norm": "batch"}),
        ({"norm": "none"}, {"norm": "none"}, {"norm": "none"}),
        ({"where": "input"}, {"kind": "conv"}, {"where": "input", "encoder": "conv", "e_layers": 3, "nz": 4}),
        ({"where": "input", "norm": "none"}, {"kind": "conv", "norm": "none"}, {"norm": "none", "depth": 5}),
        ({"where": "input", "norm": "batch"}, {"kind": "conv", "norm": "batch"}, {"norm": "batch"}),
        ({"where": "input", "bilinear": True, "into": 1, "out": 1}, {"channels": 1}, {"channels_b": 1}),
    ],
)
def test_generator_and_encoder(tmp_path: Path, g: dict, e: dict, options: dict) -> None:
    generator, encoder = Generator(**g), Encoder(**e)
    report = import_files(write(tmp_path, G=generator, E=encoder), tmp_path / "run")
    assert report.model == "bicyclegan"
    assert {name: getattr(report.options, name) for name in options} == options
    assert report.directions == (("A", "B"),)
    assert not report.dropped
    assert_same(report, generator, encoder)


@pytest.mark.parametrize("g", [{"depth": 8}, {"depth": 7, "where": "input", "nz": 8}, {"into": 1, "nz": 8}])
def test_a_generator_alone_takes_no_style_from_a_picture(tmp_path: Path, g: dict) -> None:
    generator = Generator(**g)
    report = import_files(write(tmp_path, G=generator), tmp_path / "run", domains=("edges", "shoes"))
    facts, model = checkpoint.load_model(report.weights)
    assert facts.missing == ("e",)
    assert report.options.depth == g.get("depth", DEPTH)
    side = 2**report.options.depth
    x, z = torch.rand(1, report.spec.channels[0], side, side), torch.randn(1, report.options.nz)
    with torch.no_grad():
        ours = model.translate(x, source=0, target=1, code=z)
        assert (ours - generator.eval()(x, z)).abs().max() < 1e-5
    assert "encode" not in facts.can


@pytest.mark.parametrize("judges", [{}, {"layers": 3, "scales": 3}, {"scales": 1}, {"norm": "batch"}])
def test_discriminators_come_along_for_further_training(tmp_path: Path, judges: dict) -> None:
    norm = judges.get("norm", "instance")
    d, d2 = Judge(6, **judges), Judge(6, **{**judges, "layers": 2})
    made = {"G": Generator(norm=norm), "E": Encoder(norm=norm), "D": d, "D2": d2}
    report = import_files(write(tmp_path, **made), tmp_path / "run")
    o = report.options
    assert (o.d_layers, o.d2_layers, o.scales) == (judges.get("layers", 2), 2, judges.get("scales", 2))
    assert (o.d_width, o.conditional) == (8, True)
    model = whole(report)
    with torch.no_grad():
        for network, theirs in ((model.d, d), (model.d2, d2)):
            x = torch.rand(1, 6, 96, 96)
            for ours, scores in zip(network(x), theirs.eval()(x), strict=True):
                assert (ours - scores).abs().max() < 1e-5
    run = TrainingRun(model.train(), model.optimizers())
    run.begin(Progress(0, 1), 1.0)
    model.training_step({"A": picture().repeat(1, 1, 3, 3), "B": picture().repeat(1, 1, 3, 3)}, run)
    run.end()
    assert run.skipped_in_a_row() == 0


def test_files_of_2017(tmp_path: Path) -> None:
    """Instance norms with statistics, discriminators under older names, D saved as D2."""
    norm = "instance_with_statistics"
    generator, encoder, judge = Generator(norm=norm), Encoder(norm=norm), Judge()
    old = {key.replace("model_", "model"): value for key, value in judge.state_dict().items()}
    files = write(tmp_path, G=generator, E=encoder, D=old, D2=old)
    report = import_files(files, tmp_path / "run")
    assert {key for file, key in report.dropped if file == str(files[3])} == old.keys()
    assert "running_mean" in " ".join(key for file, key in report.dropped if file == str(files[0]))
    _, state = checkpoint.read(report.weights.with_name(folders.STATE))
    assert torch.equal(state["model.d.scales.1.0.weight"], judge.state_dict()["model_1.0.weight"])
    for network in (generator, encoder):
        for layer in network.modules():
            if isinstance(layer, nn.InstanceNorm2d):
                layer.track_running_stats, layer.running_mean, layer.running_var = False, None, None
    assert_same(report, generator, encoder)


def refused(files: list[Path], out: Path, *words: str, **settings: object) -> None:
    """The import fails with these words in one line, and leaves nothing behind."""
    with pytest.raises(CheckpointError) as caught:
        import_files(files, out, **settings)  # type: ignore[arg-type]
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert not out.exists()


def test_files_that_are_mixed_up(tmp_path: Path) -> None:
    out, g, e = tmp_path / "run", Generator(), Encoder()
    refused(write(tmp_path, E=e), out, "no generator")
    refused(write(tmp_path, G=e), out, "holds an encoder, but its name says a generator")
    refused(write(tmp_path, G=g, E=Encoder(nz=5)), out, "nz is 4 and 5")
    refused(write(tmp_path, G=g, E=Encoder(channels=1)), out, "channels_b is 3 and 1")
    refused(write(tmp_path, G=g, D=Judge(4)), out, "latest_net_D.pth", "judges 4 channels")
    refused(write(tmp_path, G=g, D=Judge(3), D2=Judge(6)), out, "conditional is False and True")
    same = [*write(tmp_path, D=Judge()), *write(tmp_path / "other", D=Judge())]
    refused([*write(tmp_path, G=g), *same], out, "both hold D")
    refused(write(tmp_path, G=Generator(where="input", nz=5)), out, "takes 8 channels", "latest_net_E.pth")


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    out, state = tmp_path / "run", Generator().state_dict()
    key = "model.submodule.submodule.down.1"
    refused(write(tmp_path, G={k: v for k, v in state.items() if k != f"{key}.bias"}), out, f"{key}.bias is missing")
    refused(write(tmp_path, G=state | {f"{key}.gamma": torch.zeros(3)}), out, f"{key}.gamma is unknown")
    wrong = state | {f"{key}.weight": torch.zeros(16, 15, 4, 4)}
    refused(write(tmp_path, G=wrong), out, f"{key}.weight has shape (16, 15, 4, 4) instead of (16, 12, 4, 4)")


def test_networks_of_other_models_are_not_taken(tmp_path: Path) -> None:
    for name, network in (("pix2pix", Unet(norm="batch")), ("cyclegan", Unet())):
        files = write(tmp_path / name, G=network)
        refused(files, tmp_path / "run", "no files of bicyclegan", model="bicyclegan")
    refused(write(tmp_path, D=Patch()), tmp_path / "run", "no files of bicyclegan", model="bicyclegan")
