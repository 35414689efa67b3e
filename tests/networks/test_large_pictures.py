"""A picture of 2048 x 2048 at full width: in strips it is the same picture in a third of the memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import resource, sys
import numpy as np, torch
from gantool.networks.resnet import ResnetGenerator

torch.set_num_threads(1)
torch.manual_seed(0)
side, strip, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
network = ResnetGenerator(3, 3, blocks=int(sys.argv[4])).eval()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
with torch.inference_mode():
    network(torch.zeros(1, 3, 64, 64))
    before = peak()
    picture = torch.rand(1, 3, side, side) * 2 - 1
    network.strip_rows = strip or None
    made = network(picture)
np.save(out, ((made[0] + 1) * 127.5).round().clamp(0, 255).byte().numpy())
print(peak() - before)
"""


def run(tmp_path, side: int, strip: int, blocks: int) -> tuple[float, np.ndarray]:
    out = tmp_path / f"{strip}.npy"
    command = [sys.executable, "-c", SCRIPT, str(side), str(strip), str(out), str(blocks)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout), np.load(out).astype(int)


@pytest.mark.parametrize(("side", "blocks"), [(512, 1), pytest.param(2048, 9, marks=pytest.mark.slow)])
def test_strips_are_the_same_picture_in_a_third_of_the_memory(tmp_path, side, blocks):
    whole_mb, whole = run(tmp_path, side, 0, blocks)
    strips_mb, strips = run(tmp_path, side, 32, blocks)
    assert np.abs(whole - strips).max() <= 1
    assert strips_mb <= whole_mb / 3, (strips_mb, whole_mb)
