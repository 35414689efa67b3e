"""Official keys become ours by a table: every key is used, dropped with a reason, or named in an error."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.importing.table import Names, agreed, in_sequence, load, official_keys, places, same, shape
from gantool.networks.norms import AffineInstanceNorm, InstanceNorm


class _Old(nn.Module):
    """A layer norm with a weight of shape (C, 1, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, 1, 1))


def network() -> nn.Module:
    return nn.ModuleDict({"first": nn.Conv2d(3, 4, 1), "norm": InstanceNorm(4), "second": _Old()})


NAMES = Names(
    {"old0": "first", "model.0": "first", "model.1": "norm", "model.2": "second"},
    {_Old: {"gamma": "weight", "weight": "weight"}},
)


def official(**changed: Tensor | None) -> dict[str, Tensor]:
    """An official state dict; None takes a key away. `__` is a dot."""
    tensors: dict[str, Tensor | None] = {
        "model.0.weight": torch.ones(4, 3, 1, 1, dtype=torch.float64),
        "model.0.bias": torch.arange(4.0),
        "model.1.running_mean": torch.zeros(4),
        "model.2.gamma": torch.arange(4.0),
    }
    tensors |= {key.replace("__", "."): value for key, value in changed.items()}
    return {key: value for key, value in tensors.items() if value is not None}


def test_every_key_is_used_or_dropped() -> None:
    ours, tensors = network(), official()
    used, dropped = load(ours, NAMES, tensors, "net.pth")
    assert used == {"model.0.weight": "first.weight", "model.0.bias": "first.bias", "model.2.gamma": "second.weight"}
    assert dropped == {"model.1.running_mean": "statistics that are never used"}
    state = ours.state_dict()
    assert torch.equal(state["first.weight"], torch.ones(4, 3, 1, 1))
    assert torch.equal(state["first.bias"], torch.arange(4.0))
    assert torch.equal(state["second.weight"], torch.arange(4.0).view(4, 1, 1))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model__0__bias": None}, "model.0.bias is missing"),
        ({"model__2__gamma": None}, "model.2.weight is missing"),
        ({"model__9__bias": torch.zeros(4)}, "model.9.bias is unknown"),
        ({"model__0__running_mean": torch.zeros(4)}, "model.0.running_mean is unknown"),
        ({"model__0__bias": torch.zeros(5)}, "model.0.bias has shape (5,) instead of (4,)"),
        ({"model__0__weight": torch.zeros(12)}, "model.0.weight has shape (12,) instead of (4, 3, 1, 1)"),
        ({"model__2__weight": torch.zeros(4, 1, 1)}, "model.2.weight is there under two names"),
        ({"old0__bias": torch.zeros(4)}, "old0.bias is there under two names"),
        ({"model__0__weight": None, "model__0__bias": None, "old0__bias": torch.zeros(4)}, "old0.weight is missing"),
        ({"model__0__bias": None, "a": torch.zeros(1), "b": torch.zeros(1)}, "(3 keys do not fit)"),
    ],
)
def test_a_key_that_does_not_fit_is_named_as_the_file_has_it(changed: dict[str, Tensor | None], words: str) -> None:
    with pytest.raises(CheckpointError, match=re.escape(words)) as caught:
        load(network(), NAMES, official(**changed), "net.pth")
    assert str(caught.value).startswith("net.pth does not fit the network that its shapes describe: ")


def test_a_file_without_a_batch_norms_count() -> None:
    with torch.device("meta"):
        ours = nn.Sequential(nn.BatchNorm2d(2), AffineInstanceNorm(2))
    tensors = {f"0.{key}": torch.ones(2) for key in ("weight", "bias", "running_mean", "running_var")}
    tensors |= {f"1.{key}": torch.ones(2) for key in ("weight", "bias", "running_mean")}
    used, dropped = load(ours, same(ours), tensors, "net.pth")
    assert used.keys() == tensors.keys() - {"1.running_mean"}
    assert dropped.keys() == {"1.running_mean"}
    assert ours.state_dict()["0.num_batches_tracked"].item() == 0


def test_the_official_key_of_each_of_ours() -> None:
    keys = official_keys(network(), NAMES)
    assert keys == {"first.weight": "model.0.weight", "first.bias": "model.0.bias", "second.weight": "model.2.weight"}


def test_layers_in_one_sequence() -> None:
    block = nn.ModuleDict({"body": nn.Sequential(nn.ReLU(), nn.Conv2d(1, 1, 1))})
    ours = nn.ModuleDict({"stem": nn.Sequential(nn.ReLU(), nn.ReLU()), "blocks": nn.Sequential(block)})
    assert in_sequence(ours, "model", ("stem", "blocks"), "inner.") == {
        "model.0": "inner.stem.0",
        "model.1": "inner.stem.1",
        "model.2": "inner.blocks.0",
        "model.2.conv_block.0": "inner.blocks.0.body.0",
        "model.2.conv_block.1": "inner.blocks.0.body.1",
    }


def test_files_agree_on_what_is_not_their_own() -> None:
    g, d = {"norm": "batch", "width": 4, "inputs": 3}, {"norm": "batch", "d_width": 8, "inputs": 6}
    assert agreed([("g", g), ("d", d)], but=("inputs",)) == {"norm": "batch", "width": 4, "d_width": 8}
    with pytest.raises(CheckpointError, match="g and d do not belong to one model: inputs is 3 and 6"):
        agreed([("g", g), ("d", d)])
    with pytest.raises(CheckpointError, match="the networks of g do not belong to one model: width is 4 and 5"):
        agreed([("g", g), ("g", {"width": 5})])


def test_numbers_and_shapes() -> None:
    tensors = {"b.10.weight": torch.zeros(2, 3), "b.2.weight": torch.zeros(4, 5), "b.2.bias": torch.zeros(4)}
    assert places(tensors, r"b\.(\d+)\.\w+") == [2, 10]
    assert shape(tensors, "b.10.weight", "net.pth") == (2, 3)
    assert shape(tensors, "b.2.bias", "net.pth") == (4,)
    for key in ("c.weight", "b.0.weight"):
        with pytest.raises(CheckpointError, match=f"net.pth lacks {key}"):
            shape(tensors | {"b.0.weight": torch.zeros(3)}, key, "net.pth")
