"""LPIPS: its files, its arithmetic, and the diversity of several translations."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gantool.errors import CheckpointError
from gantool.evaluation.networks.lpips import LPIPS, diversity, load

CONVOLUTIONS = {  # of torchvision's AlexNet: place, shape, stride, padding
    0: ((64, 3, 11, 11), 4, 2),
    3: ((192, 64, 5, 5), 1, 2),
    6: ((384, 192, 3, 3), 1, 1),
    8: ((256, 384, 3, 3), 1, 1),
    10: ((256, 256, 3, 3), 1, 1),
}


@pytest.fixture(scope="module")
def backbone() -> dict[str, Tensor]:
    """Keys as in torchvision's file, the classifier included."""
    generator = torch.Generator().manual_seed(0)
    state = {"classifier.1.weight": torch.zeros(2, 2), "classifier.1.bias": torch.zeros(2)}
    for place, (shape, _, _) in CONVOLUTIONS.items():
        fan_in = shape[1] * shape[2] * shape[3]
        state[f"features.{place}.weight"] = torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5
        state[f"features.{place}.bias"] = torch.randn(shape[0], generator=generator) * 0.1
    return state


@pytest.fixture(scope="module")
def heads() -> dict[str, Tensor]:
    """Keys as in the package's file."""
    generator = torch.Generator().manual_seed(1)
    channels = [shape[0] for shape, _, _ in CONVOLUTIONS.values()]
    return {f"lin{i}.model.1.weight": torch.rand(1, c, 1, 1, generator=generator) for i, c in enumerate(channels)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, backbone: dict, heads: dict) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("lpips")
    torch.save(backbone, folder / "alexnet.pth")
    torch.save(heads, folder / "alex.pth")
    return folder / "alexnet.pth", folder / "alex.pth"


def pictures(seed: int, count: int = 2, side: int = 64) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_the_distance_is_that_of_the_paper(files: tuple[Path, Path], backbone: dict, heads: dict):
    x, y = pictures(1), pictures(2)

    def maps(images: Tensor) -> list[Tensor]:
        mean, std = torch.tensor([-0.03, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.45])
        h = (images - mean.view(3, 1, 1)) / std.view(3, 1, 1)
        found = []
        for place, (_, stride, padding) in CONVOLUTIONS.items():
            weight, bias = (backbone[f"features.{place}.{kind}"] for kind in ("weight", "bias"))
            h = F.relu(F.conv2d(h, weight, bias, stride, padding))
            found.append(h / (h.square().sum(1, keepdim=True) + 1e-10).sqrt())
            h = F.max_pool2d(h, 3, 2) if place in (0, 3) else h
        return found

    expected = torch.zeros(2)
    for a, b, head in zip(maps(x), maps(y), heads.values(), strict=True):
        expected += F.conv2d((a - b) ** 2, head).mean((1, 2, 3))
    distance = load(*files)
    found = distance(x, y)
    assert found.shape == (2,)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(distance(y, x), found)
    assert torch.equal(distance(x, x), torch.zeros(2))
    assert (found > 0.1).all()
    assert distance(pictures(1, side=31), pictures(2, side=31)).isfinite().all()


def test_the_network_may_be_vgg(vgg_file: Path, files: tuple[Path, Path]):
    """Its weights say that it is: convolutions of 3 x 3, pools after the 2nd, 4th, 7th and 10th, five of the maps."""
    state = torch.load(vgg_file)
    weights = [key for key in state if key.startswith("features.") and key.endswith("weight")]
    x, y = pictures(1, side=32), pictures(2, side=32)

    def maps(images: Tensor) -> list[Tensor]:
        mean, std = torch.tensor([-0.03, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.45])
        h = (images - mean.view(3, 1, 1)) / std.view(3, 1, 1)
        found = []
        for number, key in enumerate(weights, 1):
            h = F.relu(F.conv2d(h, state[key], state[key.replace("weight", "bias")], padding=1))
            if number in (2, 4, 7, 10, 13):
                found.append(h / (h.square().sum(1, keepdim=True) + 1e-10).sqrt())
                h = F.max_pool2d(h, 2)
        return found

    heads = [state[f"lin{i}.model.1.weight"] for i in range(5)]
    expected = torch.zeros(2)
    for a, b, head in zip(maps(x), maps(y), heads, strict=True):
        expected += F.conv2d((a - b) ** 2, head).mean((1, 2, 3))
    torch.testing.assert_close(load(vgg_file, vgg_file)(x, y), expected, rtol=1e-5, atol=1e-7)
    with pytest.raises(CheckpointError, match=r"alex\.pth holds no weights of LPIPS with VGG-16: lin1"):
        load(vgg_file, files[1])


def test_gradients_reach_the_pictures_and_not_the_weights(files: tuple[Path, Path]):
    distance = load(*files)
    x = pictures(1).requires_grad_()
    distance(x, pictures(2)).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().max() > 0
    assert all(p.grad is None for p in distance.parameters())


def test_heads_under_either_name_give_the_same(files: tuple[Path, Path], heads: dict, tmp_path: Path):
    other = {key.replace("lin", "lpips_weights.").replace("model", "main"): v for key, v in heads.items()}
    assert "lpips_weights.4.main.1.weight" in other
    torch.save(other, tmp_path / "lpips_weights.ckpt")
    one, same = load(*files), load(files[0], tmp_path / "lpips_weights.ckpt")
    assert torch.equal(one(pictures(1), pictures(2)), same(pictures(1), pictures(2)))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        (0, lambda s: s.pop("features.6.bias"), r"alexnet.pth holds no .*: features.6.bias is missing, not \(384,\)"),
        (0, lambda s: s.update({"features.0.bias": torch.zeros(3)}), r"features.0.bias is \(3,\), not \(64,\)"),
        (1, lambda s: s.pop("lin3.model.1.weight"), r"alex.pth holds no .*: lin3.model.1.weight is missing"),
        (1, dict.clear, r"alex.pth holds no tensors"),
    ],
)
def test_files_that_are_something_else(backbone: dict, heads: dict, tmp_path: Path, file: int, change, message: str):
    states = [dict(backbone), dict(heads)]
    change(states[file])
    paths = [tmp_path / "alexnet.pth", tmp_path / "alex.pth"]
    for path, state in zip(paths, states, strict=True):
        torch.save(state, path)
    with pytest.raises(CheckpointError, match=message):
        load(*paths)
    with pytest.raises(CheckpointError, match=r"cannot read .*nowhere\.pth"):
        load(tmp_path / "nowhere.pth", paths[1])


def test_diversity_is_the_mean_over_all_pairs():
    samples = torch.zeros(3, 2, 3, 4, 4)  # three translations of two pictures
    samples[1, 0], samples[2, 0], samples[2, 1] = 1.0, 3.0, 6.0
    absolute = lambda a, b: (a - b).abs().mean((1, 2, 3))  # noqa: E731
    # Pairs of the first picture are 1, 3 and 2 apart, of the second 0, 6 and 6.
    assert diversity(samples, absolute).item() == pytest.approx((1 + 3 + 2 + 0 + 6 + 6) / 6)
    assert diversity(samples[:1].expand(4, -1, -1, -1, -1), absolute).item() == 0
    with pytest.raises(ValueError, match="two translations of a picture or more"):
        diversity(samples[:1], absolute)


def test_a_new_network_has_the_published_count_of_features():
    assert sum(p.numel() for p in LPIPS().features.parameters()) == 2_469_696
