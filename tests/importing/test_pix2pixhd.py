"""Official pix2pixHD files become runs that translate as the authors' networks do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.importing.session import Report
from gantool.runs import checkpoint

from .imports import import_files, whole
from .official_networks import Block, Resnet, norm_of


def first(into: int, width: int, norm: str) -> list[nn.Module]:
    return [nn.ReflectionPad2d(3), nn.Conv2d(into, width, 7), norm_of(norm)(width), nn.ReLU()]


def halve(width: int, norm: str) -> list[nn.Module]:
    return [nn.Conv2d(width, 2 * width, 3, 2, 1), norm_of(norm)(2 * width), nn.ReLU()]


def double(width: int, norm: str) -> list[nn.Module]:
    return [nn.ConvTranspose2d(width, width // 2, 3, 2, 1, 1), norm_of(norm)(width // 2), nn.ReLU()]


def last(width: int, out: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(3), nn.Conv2d(width, out, 7), nn.Tanh()]


def blocks(count: int, width: int, norm: str) -> list[nn.Module]:
    made = [Block(width, norm, dropout=False, padding="reflect") for _ in range(count)]
    for block in made:
        for place, layer in enumerate(block.conv_block):
            if isinstance(layer, nn.Conv2d):  # theirs have a bias in front of a batch norm, too
                block.conv_block[place] = nn.Conv2d(width, width, 3)
    return made


class Global(nn.Module):
    """The global generator; an encoder where there are no blocks."""

    def __init__(
        self, into: int = 6, out: int = 3, width: int = 4, down: int = 3, n: int = 2, norm: str = "instance"
    ) -> None:
        super().__init__()
        layers = first(into, width, norm)
        for k in range(down):
            layers += halve(width * 2**k, norm)
        layers += blocks(n, width * 2**down, norm)
        for k in range(down):
            layers += double(width * 2 ** (down - k), norm)
        self.model = nn.Sequential(*layers, *last(width, out))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Local(nn.Module):
    def __init__(self, into: int = 6, out: int = 3, width: int = 4, levels: int = 2, n: int = 2) -> None:
        super().__init__()
        norm = "instance"
        self.levels = levels
        self.model = Global(into, out, width * 2**levels, down=2).model[:-3]
        for k in range(1, levels + 1):
            c = width * 2 ** (levels - k)
            setattr(self, f"model{k}_1", nn.Sequential(*first(into, c, norm), *halve(c, norm)))
            end = last(c, out) if k == levels else []
            setattr(self, f"model{k}_2", nn.Sequential(*blocks(n, 2 * c, norm), *double(2 * c, norm), *end))

    def forward(self, x: Tensor) -> Tensor:
        pyramid = [x]
        for _ in range(self.levels):
            pyramid.append(small(pyramid[-1]))
        y = self.model(pyramid[-1])
        for k in range(1, self.levels + 1):
            y = getattr(self, f"model{k}_2")(getattr(self, f"model{k}_1")(pyramid[self.levels - k]) + y)
        return y


class Judges(nn.Module):
    """Multi-scale discriminators, with intermediate outputs or without."""

    def __init__(self, into: int = 9, width: int = 4, layers: int = 3, scales: int = 2, plain: bool = False) -> None:
        super().__init__()
        self.scales, self.layers, self.plain = scales, layers, plain
        for scale in range(scales):
            stages = [[nn.Conv2d(into, width, 4, 2, 2), nn.LeakyReLU(0.2)]]
            for k in range(1, layers + 1):
                old, new = width * 2 ** (k - 1), width * 2**k
                conv = nn.Conv2d(old, new, 4, 2 if k < layers else 1, 2)
                stages.append([conv, nn.InstanceNorm2d(new), nn.LeakyReLU(0.2)])
            stages.append([nn.Conv2d(new, 1, 4, 1, 2)])
            if plain:
                setattr(self, f"layer{scale}", nn.Sequential(*(layer for stage in stages for layer in stage)))
            else:
                for number, stage in enumerate(stages):
                    setattr(self, f"scale{scale}_layer{number}", nn.Sequential(*stage))

    def forward(self, x: Tensor) -> list[Tensor]:
        scores = []
        for scale in reversed(range(self.scales)):
            y = x
            names = [f"layer{scale}"] if self.plain else [f"scale{scale}_layer{k}" for k in range(self.layers + 2)]
            for name in names:
                y = getattr(self, name)(y)
            scores.append(y)
            x = small(x)
        return scores


def small(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)


def write(folder: Path, **networks: nn.Module) -> list[Path]:
    files = []
    for name, network in networks.items():
        files.append(folder / f"latest_net_{name}.pth")
        torch.save(network.state_dict(), files[-1])
    return files


def ids(side: int = 32, classes: int = 5) -> Tensor:
    """A label map and its instance map (1, 2, H, W)."""
    labels = torch.randint(0, classes, (1, 1, side // 8, side // 8), generator=torch.Generator().manual_seed(1))
    labels = labels.repeat_interleave(8, 2).repeat_interleave(8, 3)
    return torch.cat([labels, labels * 1000], 1).to(torch.int32)


def seen(planes: Tensor, classes: int = 5) -> Tensor:
    """What the authors' networks are fed: one-hot labels and the borders."""
    hot = F.one_hot(planes[:, 0].long(), classes).permute(0, 3, 1, 2).float()
    edge, inst = torch.zeros_like(hot[:, :1]), planes[:, 1:]
    across, down = (inst[..., 1:] != inst[..., :-1]).float(), (inst[..., 1:, :] != inst[..., :-1, :]).float()
    edge[..., 1:] += across
    edge[..., :-1] += across
    edge[..., 1:, :] += down
    edge[..., :-1, :] += down
    return torch.cat([hot, (edge > 0).float()], 1)


def assert_translates(report: Report, network: nn.Module, given: Tensor, fed: Tensor) -> None:
    _, model = checkpoint.load_model(report.weights)
    with torch.no_grad():
        ours = model.translate(given, source=0, target=1)
        theirs = network.eval()(fed)
    assert (ours - theirs).abs().max() < 1e-5
    assert theirs.std() > 0.01


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_a_global_generator(tmp_path: Path) -> None:
    network = Global()
    report = import_files(write(tmp_path, G=network), tmp_path / "run")
    o = report.options
    assert (o.width, o.down, o.blocks, o.enhancers, o.label_nc, o.with_instances) == (4, 3, 2, 0, 5, True)
    assert report.directions == (("label", "image"),)
    assert_translates(report, network, ids(), seen(ids()))


def test_a_local_enhancer_as_the_released_one(tmp_path: Path) -> None:
    network = Local()
    report = import_files(write(tmp_path, G=network), tmp_path / "run")
    o = report.options
    assert (o.width, o.down, o.blocks, o.enhancers, o.local_blocks) == (16, 2, 2, 2, 2)
    assert report.used[str(tmp_path / "latest_net_G.pth"), "model2_2.6.weight"] == "g.head.1.weight"
    assert_translates(report, network, ids(), seen(ids()))


def test_plain_pictures(tmp_path: Path) -> None:
    network = Global(into=3)
    report = import_files(write(tmp_path, G=network), tmp_path / "run", domains=("sketch", "photo"))
    assert (report.options.label_nc, report.spec.channels) == (0, (3, 3))
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    assert_translates(report, network, picture, picture)


def test_batch_norm(tmp_path: Path) -> None:
    network = Global(norm="batch")
    report = import_files(write(tmp_path, G=network), tmp_path / "run")
    assert report.options.norm == "batch"
    assert_translates(report, network, ids(), seen(ids()))


def test_statistics_of_old_files_are_dropped(tmp_path: Path) -> None:
    old, network = Global(norm="instance_with_statistics"), Global()
    network.load_state_dict(old.state_dict(), strict=False)
    report = import_files(write(tmp_path, G=old), tmp_path / "run")
    assert len(report.dropped) == 3 * 11
    assert_translates(report, network, ids(), seen(ids()))


@pytest.mark.parametrize(("plain", "layers", "scales"), [(False, 3, 2), (True, 2, 3), (False, 4, 1)])
def test_discriminators_come_along(tmp_path: Path, plain: bool, layers: int, scales: int) -> None:
    judges = Judges(layers=layers, scales=scales, plain=plain)
    report = import_files(write(tmp_path, G=Global(), D=judges), tmp_path / "run")
    o = report.options
    assert (o.d_width, o.d_layers, o.scales, o.label_nc) == (4, layers, scales, 5)
    assert report.training
    model = whole(report)
    x = torch.rand(1, 9, 32, 32)
    with torch.no_grad():
        for ours, theirs in zip(model.d(x), judges(x), strict=True):
            assert (ours[-1] - theirs).abs().max() < 1e-5


def test_an_encoder_tells_how_many_channels_are_features(tmp_path: Path) -> None:
    encoder = Global(into=3, out=2, width=3, down=2, n=0)
    report = import_files(write(tmp_path, E=encoder, G=Global(into=8)), tmp_path / "run")
    o = report.options
    assert (o.label_nc, o.features, o.feature_nc, o.e_width, o.e_down) == (5, "instance", 2, 3, 2)
    model = whole(report)
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert (model.e(x) - encoder(x)).abs().max() < 1e-5
    assert model.code_size == 10
    with torch.no_grad():
        made = model.translate(ids(), source=0, target=1, code=model.mean_code(1))
    assert made.shape == (1, 3, 32, 32)


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    out = tmp_path / "run"
    for networks, words in (
        ({"D": Judges()}, "no generator"),
        ({"G": Global(), "D": Judges(into=20)}, "do not belong to one model"),
        ({"G": Global(), "H": Global()}, "both hold G"),
        ({"G": Global(norm="batch"), "D": Judges()}, "norm is batch and instance"),
    ):
        with pytest.raises(CheckpointError, match=words):
            import_files(write(tmp_path, **networks), out, model="pix2pixhd")
        for file in tmp_path.glob("*.pth"):
            file.unlink()
    incomplete = {key: value for key, value in Global().state_dict().items() if key != "model.4.bias"}
    torch.save(incomplete, tmp_path / "latest_net_G.pth")
    with pytest.raises(CheckpointError, match=r"model.4.bias is missing"):
        import_files([tmp_path / "latest_net_G.pth"], out)
    assert not out.exists()


def test_a_generator_that_may_be_cyclegans_is_left_to_it(tmp_path: Path) -> None:
    files = write(tmp_path, G=Resnet())
    assert import_files(files, tmp_path / "run").model == "cyclegan"
    with pytest.raises(CheckpointError, match="no files of pix2pixhd"):
        import_files(files, tmp_path / "other", model="pix2pixhd")
