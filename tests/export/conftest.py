from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gantool.model import Model
from gantool.runs import checkpoint
from gantool.spec import Spec
from tests.export import small
from tests.runs import save


@pytest.fixture
def saved(tmp_path, install_plugin) -> Callable[..., Path]:
    """The weights of a small model; for the length of the test, its plugin is installed."""

    def make(kind: type[Model], spec: Spec = small.SPEC) -> Path:
        install_plugin("small", f"{small.__name__}:{kind.__name__}")
        return save(tmp_path / "run", checkpoint.build_model(kind, kind.Options(), spec, seed=1), "small", step=3)

    return make
