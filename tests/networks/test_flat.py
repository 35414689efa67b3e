"""Pictures that are the same everywhere give networks with norms no gradients, and leave others theirs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gantool.networks.flat import unless_flat
from gantool.networks.resnet import ResnetGenerator

BLACK, WHITE = (torch.full((1, 3, 16, 16), value) for value in (-1.0, 1.0))
DRAWN = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def largest_gradient(norm: str, batch: Tensor) -> float:
    torch.manual_seed(0)
    network = ResnetGenerator(3, 3, width=4, blocks=2, norm=norm)
    (network(batch) * torch.linspace(-1, 1, batch.numel()).view_as(batch)).sum().backward()
    return max(p.grad.abs().max().item() for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("norm", "batch", "learns"),
    [
        ("instance", WHITE, False),
        ("instance", torch.cat([WHITE, BLACK]), False),
        ("instance", torch.cat([WHITE, DRAWN]), True),
        ("batch", WHITE, False),  # a batch norm of one picture is an instance norm
        ("batch", torch.cat([WHITE, WHITE]), False),
        ("batch", torch.cat([WHITE, BLACK]), True),
        ("none", WHITE, True),
    ],
)
def test_what_a_network_learns_from(norm: str, batch: Tensor, learns: bool):
    assert (largest_gradient(norm, batch) > 0) == learns


def test_one_pixel_a_level_off_is_a_picture():
    x = WHITE.clone()
    x[0, 0, 3, 3] -= 2 / 255
    weight = torch.ones(1, 3, 1, 1, requires_grad=True)
    unless_flat(x, x * weight).sum().backward()
    assert weight.grad.abs().min() > 0
