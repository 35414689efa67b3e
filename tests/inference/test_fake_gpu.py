"""On a GPU that is pretended: no tensor stays on the CPU, and a batch of pictures waits for the device once."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "names", [("cyclegan", "bicyclegan", "ugatit", "dcgan"), pytest.param((), marks=pytest.mark.slow)]
)
def test_a_batch_goes_up_once_and_comes_down_once(names, commands):
    code = "import sys; from tests.inference.on_a_fake_gpu import main; main(sys.argv[1:])"
    root = Path(__file__).parents[2]
    words = [commands / "python", "-c", code, *names]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if not done.stdout:
        pytest.skip("this torch is no build without CUDA that can pretend to have it")
    found = json.loads(done.stdout)
    assert set(found) >= set(names)
    for name, told in found.items():
        assert list(told["waits"].values()) == [1], (name, told["waits"])
        assert 1 <= told["uploads"] <= 2, "pictures, and style codes or labels"
