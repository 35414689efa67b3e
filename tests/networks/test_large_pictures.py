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
side, blocks, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
network = ResnetGenerator(3, 3, blocks=blocks).eval()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
with torch.inference_mode():
    network(torch.zeros(1, 3, 64, 64))
    before = peak()
    picture = torch.rand(1, 3, side, side) * 2 - 1
    for strip in (32, None):  # a peak is the largest so far: what takes less comes first
        network.strip_rows = strip
        made = network(picture)
        print(peak() - before)
        np.save(f"{out}/{strip}.npy", ((made[0] + 1) * 127.5).round().clamp(0, 255).byte().numpy())
"""


@pytest.mark.parametrize(("side", "blocks"), [(512, 1), pytest.param(2048, 9, marks=pytest.mark.slow)])
def test_strips_are_the_same_picture_in_a_third_of_the_memory(tmp_path, side, blocks):
    command = [sys.executable, "-c", SCRIPT, str(side), str(blocks), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    strips_mb, whole_mb = map(float, done.stdout.split())
    strips, whole = (np.load(tmp_path / f"{strip}.npy").astype(int) for strip in (32, None))
    assert np.abs(whole - strips).max() <= 1
    assert strips_mb <= whole_mb / 3, (strips_mb, whole_mb)
