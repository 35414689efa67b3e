"""Enlarging by bilinear interpolation in place of transposed convolutions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gantool.networks.layers import enlarged
from gantool.networks.strips import Held, hold, through


@pytest.mark.parametrize("strip", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("height", [1, 2, 5, 8])
def test_strips_of_an_enlarged_map_are_the_whole_map(height, strip):
    torch.manual_seed(strip)
    layers = nn.Sequential(*enlarged(nn.Conv2d(2, 3, 3))).double()
    x = torch.randn(1, 2, height, 5, dtype=torch.float64)
    with torch.no_grad():
        whole = layers(x)
        found = hold(through(Held(x), layers, strip, 2 * height), strip)
    assert whole.shape == (1, 3, 2 * height, 10)
    assert (found - whole).abs().max() < 1e-12


def test_a_flat_map_stays_flat_whatever_the_kernel():
    """Without checkerboards, and without a frame. Where strides are no part of the kernel, the other way makes both."""
    torch.manual_seed(0)
    flat, conv, transposed = torch.ones(1, 2, 8, 6), nn.Conv2d(2, 3, 3), nn.ConvTranspose2d(2, 3, 3, 2, 1, 1)
    with torch.no_grad():
        made, checkerboards = nn.Sequential(*enlarged(conv))(flat), transposed(flat)
    assert (made - made[..., :1, :1]).abs().max() < 1e-6
    assert (checkerboards - checkerboards[..., :1, :1]).abs().max() > 0.1
