"""A limit of memory is kept by every model that has strips, and its results stay what they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gantool.inference.engine import Engine
from gantool.inference.ways import ROWS
from gantool.networks.initialization import initialize
from gantool.spec import Pictures
from tests.inference.on_a_fake_gpu import made
from tests.memory import most_held

FIRST = ("aggan", "cartoongan", "cut", "cyclegan")
"""They have tests of their own."""
OTHERS = ("discogan", "drit", "munit", "pix2pixhd", "stargan", "starganv2", "ugatit", "unit")


@pytest.mark.parametrize("name", [*(pytest.param(name, marks=pytest.mark.slow) for name in FIRST), *OTHERS])
def test_a_limit_is_kept_and_changes_nothing(name):
    torch.manual_seed(0)
    model = made(name).eval()
    initialize(model, "kaiming")
    whole = Engine(model)
    direction = whole.directions[0]
    kind, channels = whole.spec.kind(direction.source), whole.channels(direction.source)
    high, depth = (256, np.uint8) if isinstance(kind, Pictures) else (kind.classes, np.int32)
    picture = np.random.default_rng(0).integers(0, high, (300, 40, channels)).astype(depth)
    height, width = whole.fitted(picture)
    limit = max(network.bytes_of_pass(height, width, ROWS) for network in whole._in_strips())
    limited = Engine(model, memory=limit)
    assert limited.way(height, width).rows == ROWS
    assert not Engine(model, memory=2 * limit + limited.way(height, width).needed).way(height, width).strips
    code = limited.random_code(direction.target, 0) if "code" in limited.can else None
    made_of: dict[bool, np.ndarray] = {}

    def translate(engine: Engine) -> None:
        made_of[engine is limited] = engine.translate([picture], direction, codes=code)[0]

    assert most_held(lambda: translate(limited)) <= limit
    translate(whole)
    assert made_of[False].std() > 1
    assert np.abs(made_of[True].astype(int) - made_of[False]).max() <= 1
