"""The authors' checkpoints of DRIT become runs that translate as their networks do.

The networks here are written from the layers' names and order in those files, independently of the plugin.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.importing.session import Report
from gantool.runs import checkpoint, folders

from .imports import import_files

W, Z = 4, 8


class Named(nn.Module):
    """Layers under `model`, as all of the authors' blocks have them."""

    def __init__(self, *layers: nn.Module, residual: bool = False) -> None:
        super().__init__()
        self.model, self.residual = nn.Sequential(*layers), residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.model(x)
        return x + y if self.residual else y


def conv(i: int, o: int, k: int, s: int, p: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(p), nn.Conv2d(i, o, k, s)]


def leaky(i: int, o: int, k: int, s: int, p: int) -> Named:
    return Named(*conv(i, o, k, s, p), nn.LeakyReLU())


def normed(i: int, o: int, k: int, s: int, p: int) -> Named:
    return Named(*conv(i, o, k, s, p), nn.InstanceNorm2d(o), nn.ReLU())


def res(c: int) -> Named:
    n = nn.InstanceNorm2d
    return Named(*conv(c, c, 3, 1, 1), n(c), nn.ReLU(), *conv(c, c, 3, 1, 1), n(c), residual=True)


class LayerNorm(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(c, 1, 1)), nn.Parameter(torch.rand(c, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = F.layer_norm(x, x.shape[1:], eps=1e-5)
        return y * self.weight + self.bias


def up(i: int, o: int) -> Named:
    return Named(nn.ConvTranspose2d(i, o, 3, 2, 1, 1), LayerNorm(o), nn.ReLU())


class Content(nn.Module):
    def __init__(self, channels: tuple[int, int]) -> None:
        super().__init__()
        self.conv_share = nn.Sequential(res(4 * W))
        for letter, c in zip("AB", channels, strict=True):
            layers = [leaky(c, W, 7, 1, 3), normed(W, 2 * W, 3, 2, 1), normed(2 * W, 4 * W, 3, 2, 1)]
            self.add_module(f"conv{letter}", nn.Sequential(*layers, *(res(4 * W) for _ in range(3))))

    def forward(self, x: Tensor, letter: str) -> Tensor:
        return self.conv_share(self.get_submodule(f"conv{letter}")(x))


class Pooled(nn.Module):
    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        last = nn.Sequential(*conv(i, o, 3, 1, 1), nn.AvgPool2d(2))
        self.conv = nn.Sequential(nn.LeakyReLU(0.2), *conv(i, i, 3, 1, 1), nn.LeakyReLU(0.2), last)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(i, o, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + self.shortcut(x)


class ConcatAttribute(nn.Module):
    def __init__(self, channels: tuple[int, int]) -> None:
        super().__init__()
        for letter, c in zip("AB", channels, strict=True):
            self.add_module(f"fc_{letter}", nn.Sequential(nn.Linear(4 * W, Z)))
            self.add_module(f"fcVar_{letter}", nn.Sequential(nn.Linear(4 * W, Z)))
            blocks = (Pooled(W, 2 * W), Pooled(2 * W, 3 * W), Pooled(3 * W, 4 * W))
            end = (nn.LeakyReLU(0.2), nn.AdaptiveAvgPool2d(1))
            self.add_module(f"conv_{letter}", nn.Sequential(*conv(c, W, 4, 2, 1), *blocks, *end))

    def forward(self, x: Tensor, letter: str) -> Tensor:
        return self.get_submodule(f"fc_{letter}")(self.get_submodule(f"conv_{letter}")(x).flatten(1))


class Attribute(nn.Module):
    def __init__(self, channels: tuple[int, int]) -> None:
        super().__init__()
        for letter, c in zip("ab", channels, strict=True):
            layers = [*conv(c, W, 7, 1, 3), nn.ReLU()]
            for i, o in ((W, 2 * W), (2 * W, 4 * W), (4 * W, 4 * W), (4 * W, 4 * W)):
                layers += [*conv(i, o, 4, 2, 1), nn.ReLU()]
            end = (nn.AdaptiveAvgPool2d(1), nn.Conv2d(4 * W, Z, 1))
            self.add_module(f"model_{letter}", nn.Sequential(*layers, *end))

    def forward(self, x: Tensor, letter: str) -> Tensor:
        return self.get_submodule(f"model_{letter.lower()}")(x).flatten(1)


def with_maps(x: Tensor, z: Tensor) -> Tensor:
    return torch.cat([x, z[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)


class ConcatDecoder(nn.Module):
    def __init__(self, channels: tuple[int, int]) -> None:
        super().__init__()
        self.dec_share = nn.Sequential(res(4 * W))
        first, second = 4 * W + Z, 4 * W + 2 * Z
        third = second // 2 + Z
        fourth = third // 2 + Z
        for letter, c in zip("AB", channels, strict=True):
            self.add_module(f"dec{letter}1", nn.Sequential(*(res(first) for _ in range(3))))
            self.add_module(f"dec{letter}2", nn.Sequential(up(second, second // 2)))
            self.add_module(f"dec{letter}3", nn.Sequential(up(third, third // 2)))
            self.add_module(f"dec{letter}4", nn.Sequential(nn.ConvTranspose2d(fourth, c, 1), nn.Tanh()))

    def forward(self, x: Tensor, z: Tensor, letter: str) -> Tensor:
        x = self.dec_share(x)
        for i in (1, 2, 3, 4):
            x = self.get_submodule(f"dec{letter}{i}")(with_maps(x, z))
        return x


class Mixing(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        for i in (1, 2):
            self.add_module(f"conv{i}", nn.Sequential(nn.Sequential(*conv(c, c, 3, 1, 1)), nn.InstanceNorm2d(c)))
            pair = (nn.Conv2d(2 * c, 2 * c, 1), nn.ReLU(), nn.Conv2d(2 * c, c, 1), nn.ReLU())
            self.add_module(f"blk{i}", nn.Sequential(*pair))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        y = x
        for i in (1, 2):
            y = self.get_submodule(f"blk{i}")(with_maps(self.get_submodule(f"conv{i}")(y), z))
        return x + y


class Decoder(nn.Module):
    def __init__(self, channels: tuple[int, int]) -> None:
        super().__init__()
        c4 = 4 * W
        for letter, c in zip("AB", channels, strict=True):
            for i in (1, 2, 3, 4):
                self.add_module(f"dec{letter}{i}", Mixing(c4))
            last = (nn.ConvTranspose2d(W, c, 1), nn.Tanh())
            self.add_module(f"dec{letter}5", nn.Sequential(up(c4, 2 * W), up(2 * W, W), *last))
            hidden = (nn.Linear(Z, c4), nn.ReLU(), nn.Linear(c4, c4), nn.ReLU())
            self.add_module(f"mlp{letter}", nn.Sequential(*hidden, nn.Linear(c4, 4 * c4)))

    def forward(self, x: Tensor, z: Tensor, letter: str) -> Tensor:
        codes = self.get_submodule(f"mlp{letter}")(z).chunk(4, 1)
        for i, code in enumerate(codes, 1):
            x = self.get_submodule(f"dec{letter}{i}")(x, code)
        return self.get_submodule(f"dec{letter}5")(x)


def judge(c: int, scales: int) -> nn.Module:
    widths = [c, *(W * 2**i for i in range(4 if scales > 1 else 6))]
    k = 4 if scales > 1 else 3

    def one() -> nn.Sequential:
        layers = (leaky(i, o, k, 2, 1) for i, o in pairwise(widths))
        return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 1))

    network = nn.Module()
    if scales > 1:
        network.Diss = nn.ModuleList(one() for _ in range(scales))
    else:
        network.model = one()
    return network


class File:
    """A checkpoint and the networks in it."""

    def __init__(self, concat: bool = True, channels: tuple[int, int] = (3, 3), scales: int = 2) -> None:
        self.enc_c = Content(channels)
        self.enc_a = (ConcatAttribute if concat else Attribute)(channels)
        self.gen = (ConcatDecoder if concat else Decoder)(channels)
        content = nn.Module()
        content.model = nn.Sequential(
            *(leaky(4 * W, 4 * W, 7, 2, 1) for _ in range(3)), leaky(4 * W, 4 * W, 4, 1, 0), nn.Conv2d(4 * W, 1, 1)
        )
        networks: dict[str, nn.Module] = {
            **{name: judge(channels["AB".index(name[3])], scales) for name in ("disA", "disA2", "disB", "disB2")},
            "disContent": content,
            "enc_c": self.enc_c,
            "enc_a": self.enc_a,
            "gen": self.gen,
        }
        self.content: dict[str, Any] = {name: dict(network.state_dict()) for name, network in networks.items()}
        optimizer = torch.optim.Adam(self.enc_a.parameters())
        self.enc_a(torch.rand(1, channels[0], 16, 16), "A").sum().backward()
        optimizer.step()
        self.content |= {"enc_a": dict(self.enc_a.state_dict()), "enc_a_opt": optimizer.state_dict()}
        self.content |= {"ep": 1199, "total_it": 5}

    def write(self, folder: Path) -> Path:
        torch.save(self.content, folder / "01199.pth")
        return folder / "01199.pth"


def assert_translates(report: Report, file: File) -> None:
    """Both ways, with an encoded style and with a given one, the run does what the authors' networks do."""
    _, model = checkpoint.load_model(report.weights)
    drawn = torch.Generator().manual_seed(1)
    x = {n: torch.rand(2, c, 32, 32, generator=drawn) * 2 - 1 for n, c in zip("AB", model.spec.channels, strict=True)}
    for source, target in (("A", "B"), ("B", "A")):
        a, b = "AB".index(source), "AB".index(target)
        with torch.no_grad():
            style = file.enc_a(x[target], target)
            assert (model.encode(x[target], domain=b) - style).abs().max() < 1e-5
            for code in (style, torch.randn(2, Z, generator=drawn)):
                theirs = file.gen(file.enc_c(x[source], source), code, target)
                ours = model.translate(x[source], source=a, target=b, code=code)
                assert theirs.std() > 0.01
                assert (ours - theirs).abs().max() < 1e-5


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("concat", "injection"), [(True, "concat"), (False, "featurewise")])
def test_both_injections_are_told_apart(tmp_path: Path, concat: bool, injection: str) -> None:
    file = File(concat)
    path = file.write(tmp_path)
    report = import_files([path], tmp_path / "run")
    found = report.options
    assert (report.model, found.injection, found.width, found.style_size) == ("drit", injection, W, Z)
    assert (found.d_width, found.d_scales, found.content_layers, found.spectral_norm) == (W, 2, 3, False)
    assert report.directions == (("A", "B"), ("B", "A"))
    assert_translates(report, file)
    networks = {name: part for name, part in file.content.items() if name not in ("enc_a_opt", "ep", "total_it")}
    keys = {(str(path), f"{name}.{key}") for name, part in networks.items() for key in part}
    assert report.used.keys() == keys
    assert report.dropped
    assert all(key.startswith("enc_a_opt.state.") for _, key in report.dropped)


def test_discriminators_come_along_for_further_training(tmp_path: Path) -> None:
    file = File(channels=(1, 3), scales=1)
    report = import_files([file.write(tmp_path)], tmp_path / "run")
    assert report.spec.channels == (1, 3)
    assert report.options.d_scales == 1
    assert report.training
    assert_translates(report, file)
    _, state = checkpoint.read(report.weights.with_name(folders.STATE))
    theirs = file.content["disB2"]["model.3.model.1.weight"]
    assert torch.equal(state["model.dis_b2.scales.0.3.1.weight"], theirs)
    assert torch.equal(state["model.dis_content.body.3.1.bias"], file.content["disContent"]["model.3.model.1.bias"])


def test_three_networks_are_enough(tmp_path: Path) -> None:
    file = File()
    file.content = {name: file.content[name] for name in ("enc_c", "enc_a", "gen")}
    report = import_files([file.write(tmp_path)], tmp_path / "run")
    assert not report.training
    assert_translates(report, file)


def test_spectral_norm_keeps_its_state(tmp_path: Path) -> None:
    file = File()
    for name in ("disA", "disA2", "disB", "disB2"):
        for key, kernel in list(file.content[name].items()):
            if key.endswith("weight"):
                file.content[name] |= {f"{key}_orig": 2 * kernel, f"{key}_u": torch.rand(len(kernel))}
    report = import_files([file.write(tmp_path)], tmp_path / "run")
    assert report.options.spectral_norm
    _, state = checkpoint.read(report.weights.with_name(folders.STATE))
    kernel, trained = (state[f"model.dis_a.scales.1.4.weight{end}"] for end in ("", "_orig"))
    assert torch.equal(trained, 2 * kernel)
    assert torch.equal(state["model.dis_a.scales.1.4.weight_u"], file.content["disA"]["Diss.1.4.weight_u"])


def test_norms_of_2018_had_other_names_and_shapes(tmp_path: Path) -> None:
    file = File()
    gen = file.content["gen"]
    for key in [key for key in gen if ".model.1." in key and gen[key].dim() == 3]:
        last = {"weight": "gamma", "bias": "beta"}[key.rpartition(".")[2]]
        gen[f"{key.rpartition('.')[0]}.{last}"] = gen.pop(key).flatten()
    assert "decA2.0.model.1.gamma" in gen
    assert_translates(import_files([file.write(tmp_path)], tmp_path / "run"), file)


@pytest.mark.parametrize(
    ("part", "key", "words"),
    [
        ("gen", None, "lacks gen"),
        ("enc_a", "fcVar_B.0.bias", "fcVar_B.0.bias is missing"),
        ("enc_c", "convA.0.model.1.weight", "lacks convA.0.model.1.weight"),
        ("gen", "decA2.0.model.1.weight", "decA2.0.model.1.weight is missing"),
    ],
)
def test_a_file_that_lacks_something(tmp_path: Path, part: str, key: str | None, words: str) -> None:
    file = File()
    if key is None:
        del file.content[part]
    else:
        del file.content[part][key]
    path = file.write(tmp_path)
    with pytest.raises(CheckpointError, match=words) as caught:
        import_files([path], tmp_path / "run")
    assert str(path) in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_keys_and_shapes_that_do_not_fit(tmp_path: Path) -> None:
    file = File()
    file.content["disB"]["extra.weight"] = torch.ones(1)
    with pytest.raises(CheckpointError, match=r"disB does not fit .*extra\.weight is unknown"):
        import_files([file.write(tmp_path)], tmp_path / "run")
    file = File()
    file.content["gen"]["decB4.0.weight"] = torch.ones(5, 3, 1, 1)
    with pytest.raises(CheckpointError, match=r"decB4\.0\.weight has shape \(5, 3, 1, 1\) instead of"):
        import_files([file.write(tmp_path)], tmp_path / "run")


def test_the_model_of_many_domains_is_not_taken_for_this_one(tmp_path: Path) -> None:
    file = File()
    encoder = {key.replace("convA", "conv"): value for key, value in file.content["enc_c"].items() if "convA" in key}
    file.content["enc_c"] = encoder
    with pytest.raises(CheckpointError):
        import_files([file.write(tmp_path)], tmp_path / "run")
