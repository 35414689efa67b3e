from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import draw


@pytest.fixture
def folders(tmp_path) -> Path:
    """Pictures of two methods with names that nobody may read, real ones of the same names, and inputs."""
    for number, name in enumerate(("Zebranet", "Quaggatron", "real", "input")):
        draw(tmp_path / name, 12, seed=number, size=16)
    return tmp_path


@pytest.fixture
def study(folders, main) -> Callable[..., Path]:
    """Makes a study with these flags, and gives its page."""

    def make(kind: str, *flags: str | Path) -> Path:
        real = ["--real", "real"] if kind == "fake" else []
        main("study", "make", "Zebranet", "Quaggatron", *real, "--kind", kind, "-o", "study", *flags)
        return folders / "study" / "index.html"

    return make
