"""`--compile` with torch's own compiler, for every model: the same losses as without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch._dynamo.utils import counters
from torch._inductor.cpp_builder import get_cpp_compiler
from torch._inductor.exc import InvalidCxxCompiler

import gantool
from gantool import registry
from gantool.report import runlog
from gantool.runs import folders
from tests.conftest import data_of

RTOL = 1e-3
"""Compiled kernels sum in another order: 1e-6 in an output of single precision. Losses behind the first update of a
step see weights that Adam has moved by the sign of a gradient, whichever sign rounding gives one that is nearly 0.
"""


@pytest.fixture(autouse=True)
def compiler(shared, monkeypatch) -> Iterator[None]:
    """Nothing that was compiled before counts, and nothing stays."""
    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        pytest.skip("needs a C++ compiler: apt-get install g++")
    # One folder for all: the headers of torch take longer than the kernels of a model.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(shared / "compiled"))
    torch._dynamo.reset()
    counters.clear()
    with torch._inductor.config.patch(fallback_random=True):  # dropout draws what it draws without a compiler
        yield
    torch._dynamo.reset()


@pytest.mark.slow  # a minute and more each: a C++ compiler runs for every piece of every network
@pytest.mark.parametrize("name", sorted(registry.plugins()))
def test_a_compiled_training_has_the_same_losses(name, pictures_of, tmp_path):
    data = pictures_of(data_of(name, "smoke"))

    def losses(out: Path, compile: bool) -> dict[str, float]:
        words = {"preset": "smoke", "steps": 2, "sample_every": 100, "workers": 0, "device": "cpu"}
        gantool.train(name, data, out=out, compile=compile, **words)
        return runlog.read(out / folders.LOG)[0]["losses"]

    usual = losses(tmp_path / "usual", compile=False)
    assert not counters["stats"]["unique_graphs"]
    compiled = losses(tmp_path / "compiled", compile=True)
    assert counters["stats"]["unique_graphs"], "nothing was compiled"
    assert compiled == pytest.approx(usual, rel=RTOL, abs=1e-6)
