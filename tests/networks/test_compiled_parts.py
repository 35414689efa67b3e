"""What torch's compiler stumbles over, by its parts that need no C++. Trainings: tests/plugins/test_compiled.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters

from gantool.losses.gradient_penalty import r1
from gantool.networks.spectral import Evaluation, SpectralConv2d, moving_together
from tests.training.helpers import Around

BACKEND = "aot_eager_decomp_partition"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def gradients(make: Callable[[], nn.Module], loss: Callable[[nn.Module], Tensor], *, compiled: bool) -> list[Tensor]:
    """Of all parameters of the network after two steps, and what it holds besides."""
    torch.manual_seed(0)
    network = make().double()
    if compiled:
        network.compile(backend=BACKEND)
    for _ in range(2):
        loss(network).backward()
    assert bool(counters["stats"]["unique_graphs"]) == compiled
    return [*(one.grad for one in network.parameters()), *network.buffers()]


@pytest.mark.parametrize("evaluation", ["vectors", "kernel", "moves"])
def test_spectral_norms_are_passed_twice_before_the_way_back(evaluation: Evaluation):
    pictures = torch.randn(2, 2, 3, 9, 9, generator=torch.Generator().manual_seed(1), dtype=torch.double)

    def make() -> nn.Module:
        layers = (SpectralConv2d(into, out, 3, evaluation=evaluation) for into, out in ((3, 4), (4, 1)))
        return Around(nn.Sequential(*layers))

    def loss(network: nn.Module) -> Tensor:
        return network(pictures[0]).square().mean() + network(pictures[1]).mean()

    for usual, ours in zip(*(gradients(make, loss, compiled=compiled) for compiled in (False, True)), strict=True):
        torch.testing.assert_close(ours, usual)


def test_spectral_norms_that_move_together_can_be_compiled():
    pictures = torch.randn(2, 2, 3, 9, 9, generator=torch.Generator().manual_seed(1), dtype=torch.double)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(SpectralConv2d(3, 4, 3), nn.Tanh(), SpectralConv2d(4, 1, 3))

        def forward(self, x: Tensor) -> Tensor:
            with moving_together(self):
                scores: Tensor = self.body(x)
                return scores

    def loss(network: nn.Module) -> Tensor:
        return network(pictures[0]).square().mean() + network(pictures[1]).mean()

    for usual, ours in zip(*(gradients(Network, loss, compiled=compiled) for compiled in (False, True)), strict=True):
        torch.testing.assert_close(ours, usual)


def test_a_compiled_discriminator_can_be_penalised():
    pictures = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(1), dtype=torch.double)

    def make() -> nn.Module:
        return Around(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 1, 3)))

    def loss(network: nn.Module) -> Tensor:
        scores, penalty = r1(lambda x: network(x), pictures)
        return penalty + network(pictures).mean() + scores.mean()

    for usual, ours in zip(*(gradients(make, loss, compiled=compiled) for compiled in (False, True)), strict=True):
        torch.testing.assert_close(ours, usual)
