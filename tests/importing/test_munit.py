"""Official MUNIT files become runs that translate as the authors' networks do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.importing.session import Report
from gantool.model import Progress
from gantool.runs import checkpoint
from gantool.training.run import TrainingRun

from .imports import import_files, whole

# The authors' networks, numbered as their files are: the other side of the key map, written independently of it.


class AdaptiveNorm(nn.Module):
    """Holds statistics that it never reads."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.full((channels,), 3.0))
        self.register_buffer("running_var", torch.full((channels,), 7.0))
        self.given: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        bias, weight = self.given
        mean, var = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
        return (x - mean) / (var + 1e-5).sqrt() * weight[..., None, None] + bias[..., None, None]


class WholeNorm(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(channels))
        self.beta = nn.Parameter(torch.randn(channels))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        mean, std = (v.view(-1, 1, 1, 1) for v in (flat.mean(1), flat.std(1)))
        return (x - mean) / (std + 1e-5) * self.gamma.view(-1, 1, 1) + self.beta.view(-1, 1, 1)


class SpectralNorm(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        weight = module.weight.detach()
        del module.weight
        module.weight_u = nn.Parameter(F.normalize(torch.randn(len(weight)), dim=0), requires_grad=False)
        module.weight_v = nn.Parameter(F.normalize(torch.randn(weight[0].numel()), dim=0), requires_grad=False)
        module.weight_bar = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        w, u = self.module.weight_bar, self.module.weight_u
        v = F.normalize(w.flatten(1).t() @ u, dim=0)
        u = F.normalize(w.flatten(1) @ v, dim=0)
        return F.conv2d(x, w / (u @ w.flatten(1) @ v), self.module.bias, stride=2)


class Conv(nn.Module):
    def __init__(self, into: int, out: int, kernel: int, stride: int, norm: str = "none", act: str = "relu") -> None:
        super().__init__()
        norms = {
            "in": nn.InstanceNorm2d,
            "in with statistics": lambda c: nn.InstanceNorm2d(c, track_running_stats=True),
            "bn": nn.BatchNorm2d,
            "ln": WholeNorm,
            "adain": AdaptiveNorm,
        }
        acts = {"relu": nn.ReLU, "prelu": nn.PReLU, "lrelu": lambda: nn.LeakyReLU(0.2), "tanh": nn.Tanh}
        self.pad = (kernel - 1) // 2
        self.norm = norms[norm](out) if norm in norms else None
        self.activation = acts[act]() if act in acts else None
        self.conv = nn.Conv2d(into, out, kernel, stride)
        if norm == "sn":
            self.conv = SpectralNorm(self.conv)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.pad(x, (self.pad,) * 4, mode="reflect"))
        if isinstance(self.norm, nn.InstanceNorm2d):
            x = F.instance_norm(x)
        elif self.norm is not None:
            x = self.norm(x)
        return x if self.activation is None else self.activation(x)


class Held(nn.Module):
    """Layers under the name `model`; `residual` adds the input."""

    def __init__(self, *layers: nn.Module, residual: bool = False) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        return x + self.model(x) if self.residual else self.model(x)


class Linear(nn.Module):
    def __init__(self, into: int, out: int, act: str) -> None:
        super().__init__()
        self.fc = nn.Linear(into, out)
        self.activation = {"relu": nn.ReLU, "prelu": nn.PReLU, "none": nn.Identity}[act]()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.fc(x))


def blocks(channels: int, count: int, norm: str, act: str) -> Held:
    def block() -> Held:
        return Held(*(Conv(channels, channels, 3, 1, norm, a) for a in (act, "none")), residual=True)

    return Held(*(block() for _ in range(count)))


def content_encoder(into: int, width: int, down: int, count: int, act: str, norm: str = "in") -> Held:
    stages = [Conv(width * 2**i, width * 2 ** (i + 1), 4, 2, norm, act) for i in range(down)]
    return Held(Conv(into, width, 7, 1, norm, act), *stages, blocks(width * 2**down, count, norm, act))


def decoder(out: int, width: int, up: int, count: int, act: str, norm: str) -> Held:
    layers: list[nn.Module] = [blocks(width * 2**up, count, norm, act)]
    for i in reversed(range(up)):
        layers += [nn.Upsample(scale_factor=2), Conv(width * 2 ** (i + 1), width * 2**i, 5, 1, "ln", act)]
    return Held(*layers, Conv(width, out, 7, 1, "none", "tanh"))


class Generator(nn.Module):
    def __init__(
        self,
        channels: int = 3,
        width: int = 4,
        down: int = 2,
        count: int = 2,
        style: int = 5,
        mlp: int = 8,
        act: str = "relu",
        norm: str = "in",
    ) -> None:
        super().__init__()
        w = width
        stages = [
            Conv(a, b, 4, 2, "none", act) for a, b in ((w, 2 * w), (2 * w, 4 * w), (4 * w, 4 * w), (4 * w, 4 * w))
        ]
        last = (nn.AdaptiveAvgPool2d(1), nn.Conv2d(4 * w, style, 1))
        self.enc_style = Held(Conv(channels, w, 7, 1, "none", act), *stages, *last)
        self.enc_content = content_encoder(channels, w, down, count, act, norm)
        self.dec = decoder(channels, w, down, count, act, "adain")
        parameters = 4 * count * w * 2**down
        self.mlp = Held(Linear(style, mlp, act), Linear(mlp, mlp, act), Linear(mlp, parameters, "none"))

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        given = self.mlp(style)
        for layer in self.dec.modules():
            if isinstance(layer, AdaptiveNorm):
                c = len(layer.running_mean)
                layer.given, given = (given[:, :c], given[:, c : 2 * c]), given[:, 2 * c :]
        assert given.numel() == 0
        return self.dec(content)


class Discriminator(nn.Module):
    def __init__(
        self,
        channels: int = 3,
        width: int = 4,
        layers: int = 3,
        scales: int = 2,
        norm: str = "none",
        act: str = "lrelu",
    ) -> None:
        super().__init__()

        def scale() -> nn.Sequential:
            wider = [Conv(width * 2**i, width * 2 ** (i + 1), 4, 2, norm, act) for i in range(layers - 1)]
            first = Conv(channels, width, 4, 2, "none", act)
            return nn.Sequential(first, *wider, nn.Conv2d(width * 2 ** (layers - 1), 1, 1))

        self.cnns = nn.ModuleList(scale() for _ in range(scales))

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for scale in self.cnns:
            maps.append(scale(x))
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return maps


def write(folder: Path, name: str, a: nn.Module, b: nn.Module) -> Path:
    """The authors' file: both domains' state dicts."""
    file = folder / f"{name}_00000010.pt"
    torch.save({"a": a.state_dict(), "b": b.state_dict()}, file)
    return file


def picture(channels: int = 3, side: int = 32) -> Tensor:
    return torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    """Measured: 1e-6 at most; other processors add in another order."""
    assert (ours - theirs).abs().max() < 2e-5
    assert theirs.std() > 1e-3


def assert_judges(report: Report, a: Discriminator, b: Discriminator, channels: tuple[int, int] = (3, 3)) -> None:
    """The discriminators that came along judge as the authors' do, and a training goes on with them."""
    assert report.training
    model = whole(report)
    with torch.no_grad():
        for ours, theirs, count in ((model.d_a, a, channels[0]), (model.d_b, b, channels[1])):
            maps = zip(ours.eval()(picture(count)), theirs.eval()(picture(count)), strict=True)
            assert all((x - y).abs().max() < 2e-5 for x, y in maps)
    run = TrainingRun(model.train(), model.optimizers())
    run.begin(Progress(0, 1), 1.0)
    model.training_step({"A": picture(channels[0]), "B": picture(channels[1])}, run)
    run.end()
    assert run.skipped_in_a_row() == 0


def refused(files: list[Path], out: Path, *words: str, model: str | None = None) -> None:
    """The import fails with these words in one line, and leaves nothing behind."""
    with pytest.raises(CheckpointError) as caught:
        import_files(files, out, model=model)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert not out.exists()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, {"width": 4, "downsample": 2, "blocks": 2, "style": 5, "mlp_width": 8, "activation": "relu"}),
        ({"down": 1, "count": 3, "act": "prelu"}, {"downsample": 1, "blocks": 3, "activation": "prelu"}),
        ({"width": 3, "down": 3, "count": 1, "mlp": 6, "style": 2}, {"width": 3, "downsample": 3, "mlp_width": 6}),
        ({"norm": "in with statistics"}, {"padding": "reflect"}),
    ],
)
def test_generators(tmp_path: Path, settings: dict, options: dict) -> None:
    a, b = Generator(**settings), Generator(**settings)
    report = import_files([write(tmp_path, "gen", a, b)], tmp_path / "run")
    assert report.model == "munit"
    assert not report.training
    assert {name: getattr(report.options, name) for name in options} == options
    adaptive = 2 * 4 * report.options.blocks  # two statistics of two norms in each block, in both domains
    norms = 1 + report.options.downsample + 2 * report.options.blocks
    assert len(report.dropped) == adaptive + ("norm" in settings) * 2 * 3 * norms
    _, model = checkpoint.load_model(report.weights)
    x, reference = picture(), picture().flip(-1)
    with torch.no_grad():
        style = model.encode(reference, domain=1)
        assert_same(style, b.enc_style(reference).flatten(1))
        theirs = b.decode(a.enc_content(x), style)
        assert_same(model.translate(x, source=0, target=1, code=style), theirs)
        style = torch.randn_like(style)
        theirs = a.decode(b.enc_content(x), style)
        assert_same(model.translate(x, source=1, target=0, code=style), theirs)


@pytest.mark.parametrize(
    ("norm", "act", "told"),
    [
        *(("none", "lrelu", "none"), ("bn", "lrelu", "batch"), ("ln", "prelu", "layer"), ("sn", "lrelu", "spectral")),
        ("in with statistics", "lrelu", "instance"),
    ],
)
def test_discriminators_come_along_for_further_training(tmp_path: Path, norm: str, act: str, told: str) -> None:
    a, b = Discriminator(norm=norm, act=act), Discriminator(norm=norm, act=act)
    files = [write(tmp_path, "gen", Generator(), Generator()), write(tmp_path, "dis", a, b)]
    report = import_files(files, tmp_path / "run")
    o = report.options
    assert (o.d_norm, o.d_activation, o.d_width, o.d_layers, o.scales) == (told, act, 4, 3, 2)
    assert_judges(report, a, b)


def test_the_optimisers_file_beside_them_is_left_out(tmp_path: Path) -> None:
    """`optimizer.pt` lies in the authors' folders, and people give whole folders."""
    a, b = Generator(), Generator()
    optimizer = torch.optim.Adam(a.parameters())
    sum(p.sum() for p in a.parameters()).backward()
    optimizer.step()
    torch.save({"gen": optimizer.state_dict(), "dis": optimizer.state_dict()}, tmp_path / "optimizer.pt")
    gen = write(tmp_path, "gen", a, b)
    alone = import_files([gen], tmp_path / "alone")
    report = import_files([gen, tmp_path / "optimizer.pt"], tmp_path / "run")
    assert report.options == alone.options
    assert {file for file, _ in report.dropped.keys() - alone.dropped.keys()} == {str(tmp_path / "optimizer.pt")}
    refused([tmp_path / "optimizer.pt"], tmp_path / "none", "files of no installed model")


def test_grey_and_colour(tmp_path: Path) -> None:
    a, b = Discriminator(1), Discriminator(3)
    files = [write(tmp_path, "gen", Generator(1), Generator(3)), write(tmp_path, "dis", a, b)]
    report = import_files(files, tmp_path / "run", domains=("edges", "shoes"))
    assert (report.spec.domains, report.spec.channels) == (("edges", "shoes"), (1, 3))
    assert_judges(report, a, b, (1, 3))


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    out, a = tmp_path / "run", Generator()
    file = write(tmp_path, "gen", a, Generator(width=5))
    refused([file], out, str(file), "do not belong to one model", "width is 4 and 5")
    state = a.state_dict()

    def save(half: dict) -> None:
        torch.save({"a": half, "b": state}, file)

    save({key: value for key, value in state.items() if key != "dec.model.2.conv.bias"})
    refused([file], out, str(file), "dec.model.2.conv.bias is missing")
    save(state | {"dec.model.1.conv.bias": torch.zeros(3)})
    refused([file], out, "dec.model.1.conv.bias is unknown")
    save(state | {"dec.model.2.norm.gamma": torch.zeros(3)})
    refused([file], out, "dec.model.2.norm.gamma has shape (3,) instead of (8,)")
    # Statistics are dropped where an instance norm is, and nowhere else.
    save(state | {"enc_style.model.1.norm.running_mean": torch.zeros(8)})
    refused([file], out, "enc_style.model.1.norm.running_mean is unknown")
    save({key: value for key, value in state.items() if not key.startswith("mlp")})
    refused([file], out, str(file), "lacks mlp.model.0.fc.weight")
    judges = write(tmp_path, "dis", Discriminator(), Discriminator())
    refused([judges], out, "no generator", "gen_XXXXXXXX.pt")
    (tmp_path / "other").mkdir()
    both = [write(tmp_path, "gen", a, a), write(tmp_path / "other", "gen", a, a)]
    refused(both, out, *map(str, both), "both hold generators", model="munit")
    torch.save({"a": state}, file)
    refused([file], out, "no files of munit", model="munit")
