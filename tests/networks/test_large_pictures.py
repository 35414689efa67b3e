"""A picture of 2048 x 2048 at full width: in strips it is the same picture in a third of the memory."""

from __future__ import annotations

import pytest
import torch

from gantool.networks.resnet import ResnetGenerator
from tests.memory import most_held


@pytest.mark.parametrize(("side", "blocks"), [(512, 1), pytest.param(2048, 9, marks=pytest.mark.slow)])
@torch.inference_mode()
def test_strips_are_the_same_picture_in_a_third_of_the_memory(side, blocks):
    torch.manual_seed(0)
    network = ResnetGenerator(3, 3, blocks=blocks).eval()
    picture = torch.rand(1, 3, side, side) * 2 - 1
    made, held = {}, {}

    def make(rows: int | None) -> None:
        network.strip_rows = rows
        made[rows] = ((network(picture)[0] + 1) * 127.5).round().clamp(0, 255)

    for rows in (32, None):
        held[rows] = most_held(lambda rows=rows: make(rows))
    assert (made[32] - made[None]).abs().max() <= 1
    assert held[32] <= held[None] / 3
