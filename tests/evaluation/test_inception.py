"""The Inception network of FID: its shape, its weights file, its arithmetic at the places where ports differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from gantool.errors import CheckpointError
from gantool.evaluation.networks.inception import Inception, inception_features, load_inception, prepare

CPU = torch.device("cpu")


def test_names_and_shapes_are_those_of_the_published_file(state: dict[str, torch.Tensor]):
    shapes = {name: tuple(value.shape) for name, value in state.items() if not name.endswith("num_batches_tracked")}
    # 94 convolutions with batch norm, and a classifier. The usual count without the classifier is 21,802,784, of a
    # network whose batch norms have no scale; this one has 17,216 scales.
    assert len(shapes) == 94 * 5 + 2
    assert sum(np.prod(shape) for shape in shapes.values()) == 23_885_392
    assert sum(np.prod(shape) for name, shape in shapes.items() if not name.startswith("fc.")) == 21_802_784 + 17_216
    known = {
        "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
        "Conv2d_1a_3x3.bn.running_var": (32,),
        "Conv2d_4a_3x3.conv.weight": (192, 80, 3, 3),
        "Mixed_5b.branch1x1.conv.weight": (64, 192, 1, 1),
        "Mixed_5b.branch5x5_2.conv.weight": (64, 48, 5, 5),
        "Mixed_5b.branch_pool.conv.weight": (32, 192, 1, 1),
        "Mixed_5d.branch3x3dbl_1.conv.weight": (64, 288, 1, 1),
        "Mixed_6a.branch3x3.conv.weight": (384, 288, 3, 3),
        "Mixed_6b.branch7x7_2.conv.weight": (128, 128, 1, 7),
        "Mixed_6c.branch7x7dbl_2.conv.weight": (160, 160, 7, 1),
        "Mixed_6e.branch7x7dbl_5.conv.weight": (192, 192, 1, 7),
        "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
        "Mixed_7b.branch3x3_2a.conv.weight": (384, 384, 1, 3),
        "Mixed_7b.branch3x3dbl_1.conv.weight": (448, 1280, 1, 1),
        "Mixed_7c.branch3x3dbl_3b.conv.weight": (384, 384, 3, 1),
        "Mixed_7c.branch_pool.conv.weight": (192, 2048, 1, 1),
        "fc.weight": (1008, 2048),
        "fc.bias": (1008,),
    }
    assert {name: shapes.get(name) for name in known} == known


def test_feature_maps_have_the_sizes_of_the_paper(state: dict[str, torch.Tensor]):
    network = Inception().eval()
    network.load_state_dict(state)
    seen = {}
    for name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_5d", "Mixed_6a", "Mixed_6e", "Mixed_7a", "Mixed_7c"):
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: seen.update({name: tuple(output.shape[1:])})
        )
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 299, 299)).shape == (1, 2048)
    assert seen == {
        "Conv2d_2b_3x3": (64, 147, 147),
        "Conv2d_4a_3x3": (192, 71, 71),
        "Mixed_5d": (288, 35, 35),
        "Mixed_6a": (768, 17, 17),
        "Mixed_6e": (768, 17, 17),
        "Mixed_7a": (1280, 8, 8),
        "Mixed_7c": (2048, 8, 8),
    }


_A = ["branch1x1", "branch5x5_1 branch5x5_2", "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3"]
_B = ["branch3x3", "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3"]
_C = [
    "branch1x1",
    "branch7x7_1 branch7x7_2 branch7x7_3",
    "branch7x7dbl_1 branch7x7dbl_2 branch7x7dbl_3 branch7x7dbl_4 branch7x7dbl_5",
]
_D = ["branch3x3_1 branch3x3_2", "branch7x7x3_1 branch7x7x3_2 branch7x7x3_3 branch7x7x3_4"]
_E = [
    "branch1x1",
    "branch3x3_1 branch3x3_2a",
    "branch3x3_1 branch3x3_2b",
    "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3a",
    "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3b",
]


@pytest.mark.parametrize(
    ("block", "inputs", "branches"),
    [
        ("Mixed_5c", 256, _A),
        ("Mixed_6a", 288, _B),
        ("Mixed_6b", 768, _C),
        ("Mixed_7a", 768, _D),
        ("Mixed_7b", 1280, _E),
    ],
)
def test_blocks_join_their_branches_in_the_order_that_the_next_block_was_trained_on(
    state: dict[str, torch.Tensor], block: str, inputs: int, branches: list[str]
):
    network = Inception().eval()
    network.load_state_dict(state)
    module = network.get_submodule(block)
    x = torch.rand(1, inputs, 7, 7, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = []
        for branch in branches:
            y = x
            for name in branch.split():
                y = module.get_submodule(name)(y)
            expected.append(y)
        if len(branches) == 2:  # the blocks that halve the picture end with the picture itself
            expected.append(F.max_pool2d(x, 3, stride=2))
        joined = torch.cat(expected, 1)
        torch.testing.assert_close(module(x)[:, : joined.shape[1]], joined)


@pytest.mark.parametrize(
    ("block", "inputs"), [("Mixed_5c", 256), ("Mixed_6b", 768), ("Mixed_7b", 1280), ("Mixed_7c", 2048)]
)
def test_the_pool_branch_leaves_padding_out_and_the_last_one_takes_the_maximum(
    state: dict[str, torch.Tensor], block: str, inputs: int
):
    network = Inception().eval()
    network.load_state_dict(state)
    module = network.get_submodule(block)
    x = torch.rand(1, inputs, 5, 5, generator=torch.Generator().manual_seed(1))
    windows = [
        x[:, :, max(0, i - 1) : i + 2, max(0, j - 1) : j + 2].flatten(2) for i in range(5) for j in range(5)
    ]  # cut off at the edge, so the padding does not count
    pooled = [window.amax(2) if block == "Mixed_7c" else window.mean(2) for window in windows]
    with torch.inference_mode():
        expected = module.branch_pool(torch.stack(pooled, 2).view(1, inputs, 5, 5))
        found = module(x)[:, -expected.shape[1] :]
    # Means over nine values in another order: 5e-7 apart, of values up to 4.
    torch.testing.assert_close(found, expected, atol=5e-6, rtol=0)


def test_batch_norm_uses_the_stored_statistics_with_epsilon_one_thousandth(
    state: dict[str, torch.Tensor], tmp_path: Path
):
    changed = dict(state)
    changed["Conv2d_1a_3x3.bn.running_mean"] = torch.full((32,), 0.2)
    changed["Conv2d_1a_3x3.bn.running_var"] = torch.full((32,), 0.004)
    torch.save(changed, tmp_path / "weights.pth")
    network = load_inception(tmp_path / "weights.pth")
    x = torch.rand(1, 3, 9, 9)
    raw = F.conv2d(x, state["Conv2d_1a_3x3.conv.weight"], stride=2)
    expected = ((raw - 0.2) / (0.004 + 0.001) ** 0.5).clamp(min=0)
    # Batch norm folds scale and shift differently: 4e-6 apart, of values up to 39.
    torch.testing.assert_close(network.Conv2d_1a_3x3(x), expected, atol=4e-5, rtol=0)


def test_pictures_are_resized_to_299_and_scaled_to_plus_minus_one():
    grey = np.array([[0, 255]], np.uint8)[..., None].repeat(2, axis=0)
    image = prepare(grey)
    assert image.shape == (1, 3, 299, 299)
    assert (float(image.min()), float(image.max())) == pytest.approx((-1, 1), abs=1e-6)  # rounding: 2.4e-7
    # Half-pixel centres: output pixel i lies at (i + 0.5) * 2 / 299 - 0.5 of the input, held at the edges.
    row = [min(max((i + 0.5) * 2 / 299 - 0.5, 0), 1) * 2 - 1 for i in range(299)]
    # The weights of the interpolation are rounded to float32: 1.2e-7 apart.
    torch.testing.assert_close(image[0, 0, 150], torch.tensor(row), atol=1e-6, rtol=0)
    torch.testing.assert_close(prepare(grey.astype(np.uint16) * 257), image)


def test_features_come_in_batches_from_pictures_of_any_size(weights_file: Path):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (20 + i, 30, 3)).astype(np.uint8) for i in range(3)]
    network = load_inception(weights_file)
    stages: list[tuple[str, int, int]] = []
    found = inception_features(pictures, network, device=CPU, batch=2, progress=lambda *stage: stages.append(stage))
    assert found.shape == (3, 2048)
    assert np.isfinite(found).all()
    assert found.std() > 0.01
    assert [done for _, done, _ in stages] == [0, 2]
    one_by_one = inception_features(pictures, network, device=CPU, batch=1)
    # Equal to the last bit on one thread here; other libraries sum a batch in another order, through 94 convolutions.
    np.testing.assert_allclose(found, one_by_one, rtol=0, atol=1e-4)


def test_files_with_and_without_counters_and_safetensors_load_alike(
    state: dict[str, torch.Tensor], weights_file: Path, tmp_path: Path
):
    bare = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    assert len(bare) < len(state)
    save_file(bare, tmp_path / "weights.safetensors")
    networks = [load_inception(weights_file), load_inception(tmp_path / "weights.safetensors")]
    for name, value in networks[0].state_dict().items():
        assert torch.equal(networks[1].state_dict()[name], value), name
        assert name not in bare or torch.equal(value, bare[name]), name
    assert not any(module.training for network in networks for module in network.modules())


class _NeedsCode:
    """What a file of plain tensors may not hold."""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("Mixed_6b.branch1x1.bn.bias"), r"1 missing \(Mixed_6b.branch1x1.bn.bias\)"),
        (
            lambda s: s.update({"AuxLogits.conv0.conv.weight": torch.zeros(1)}),
            r"1 unexpected \(AuxLogits.conv0.conv.weight\)",
        ),
        (
            lambda s: s.update({"fc.weight": torch.zeros(1000, 2048)}),
            r"of another shape \(fc.weight is \[1000, 2048\], not \[1008, 2048\]\)",
        ),
        (lambda s: [s.pop(name) for name in list(s)[:10]], r"missing \(Conv2d_1a_3x3.conv.weight, .*, \.\.\.\)"),
        (lambda s: s.update({"fc.bias": 3}), r"1 missing \(fc.bias\)"),
        (lambda s: s.update({"fc.bias": _NeedsCode()}), "is refused: it holds more than tensors"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(state: dict[str, torch.Tensor], tmp_path: Path, change, message):
    wrong = dict(state)
    change(wrong)
    path = tmp_path / "wrong.pth"
    torch.save(wrong, path)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_inception(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_missing_empty_and_damaged_files_are_checkpoint_errors(tmp_path: Path, name: str):
    path = tmp_path / name
    with pytest.raises(CheckpointError, match="cannot read"):
        load_inception(path)
    for content in (b"", b"hello", b"PK\x03\x04 torn", bytes(range(256)) * 8):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=name) as caught:
            load_inception(path)
        assert "\n" not in str(caught.value)
