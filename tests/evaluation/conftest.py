"""Shared by the tests of evaluation: one thread, and files of random weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from gantool.evaluation.judges import Judges, load_judges
from gantool.evaluation.networks.inception import Inception
from gantool.evaluation.networks.lpips import LPIPS, VGG


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """These tests are many small operations, which several threads only slow down."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def state() -> dict[str, torch.Tensor]:
    """Random weights under the published names, at which activations keep their scale through the network."""
    torch.manual_seed(0)
    return {
        name: torch.randn_like(value) * (2 / value[0].numel()) ** 0.5 if name.endswith("conv.weight") else value
        for name, value in Inception().state_dict().items()
    }


@pytest.fixture(scope="session")
def weights_file(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="session")
def classifier_file(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, and the auxiliary head that such files have."""
    generator = torch.Generator().manual_seed(1)
    head = {"fc.weight": torch.randn(3, 2048, generator=generator) * 0.05, "fc.bias": torch.zeros(3)}
    path = tmp_path_factory.mktemp("classifier") / "classifier.pth"
    torch.save({**state, **head, "AuxLogits.conv0.conv.weight": torch.zeros(1)}, path)
    return path


@pytest.fixture(scope="session")
def lpips_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Backbone and heads in one file."""
    torch.manual_seed(0)
    network = LPIPS()
    path = tmp_path_factory.mktemp("lpips") / "both.pth"
    heads = {f"lin{i}.model.1.weight": torch.rand_like(head) for i, head in enumerate(network.heads)}
    torch.save({**{k: v for k, v in network.state_dict().items() if k.startswith("features.")}, **heads}, path)
    return path


@pytest.fixture(scope="session")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of VGG-16, whose activations keep their scale, and a layer of its classifier."""
    torch.manual_seed(0)
    network = LPIPS(VGG)
    for layer in network.features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    path = tmp_path_factory.mktemp("vgg") / "vgg.pth"
    heads = {f"lin{i}.model.1.weight": torch.rand_like(head) for i, head in enumerate(network.heads)}
    features = {k: v for k, v in network.state_dict().items() if k.startswith("features.")}
    torch.save({**features, **heads, "classifier.6.bias": torch.zeros(2)}, path)
    return path


@pytest.fixture(scope="session")
def judges(classifier_file: Path, lpips_file: Path) -> Judges:
    return load_judges(lpips=(lpips_file, lpips_file), classifier=classifier_file)
