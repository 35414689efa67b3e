"""Shared by the tests of evaluation: one thread, and a file of random Inception weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from gantool.evaluation.inception import Inception


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
