"""Several passes share a batch exactly where that changes nothing."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from gantool.networks.passes import per_sample, together
from gantool.networks.patchgan import PatchDiscriminator, PixelDiscriminator
from gantool.networks.resnet import ResnetGenerator
from gantool.networks.spectral import SpectralConv2d


def counted(network: nn.Module) -> list[int]:
    """The batch sizes that the network sees from now on."""
    sizes: list[int] = []
    network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    return sizes


def pictures(*counts: int) -> list[Tensor]:
    rng = torch.Generator().manual_seed(0)
    return [torch.rand(n, 3, 32, 32, dtype=torch.float64, generator=rng) * 2 - 1 for n in counts]


@pytest.mark.parametrize(
    "make",
    [
        lambda: ResnetGenerator(3, 3, width=4, blocks=1),
        lambda: PatchDiscriminator(3, width=4, layers=2),
        lambda: PixelDiscriminator(3, width=4, norm="none"),
    ],
)
def test_one_batch_gives_the_values_and_gradients_of_separate_passes(make):
    torch.manual_seed(0)
    network = make().double()
    other = copy.deepcopy(network)
    inputs = pictures(1, 2, 1)
    sizes = counted(network)
    ours = together(network, *inputs)
    separate = [other(x) for x in inputs]
    assert sizes == [4]
    assert [y.shape for y in ours] == [y.shape for y in separate]
    for y, wanted in zip(ours, separate, strict=True):
        assert (y - wanted).abs().max() < 1e-12
    for results in (ours, separate):
        sum((k + 1) * (y**2).mean() for k, y in enumerate(results)).backward()
    for p, wanted in zip(network.parameters(), other.parameters(), strict=True):
        if p.grad is None and wanted.grad is None:
            continue  # a bias that an instance norm takes away
        assert (p.grad - wanted.grad).abs().max() < 1e-12


def test_batch_norm_keeps_its_passes_apart():
    torch.manual_seed(0)
    network = PatchDiscriminator(3, width=4, layers=2, norm="batch").double()
    other = copy.deepcopy(network)
    inputs = pictures(1, 1)
    sizes = counted(network)
    ours = together(network, *inputs)
    assert sizes == [1, 1]
    assert not per_sample(network)
    for y, wanted in zip(ours, [other(x) for x in inputs], strict=True):
        assert torch.equal(y, wanted)
    for name, value in network.state_dict().items():  # running statistics: two updates, in order
        assert torch.equal(value, other.state_dict()[name])


def test_dropout_keeps_its_draws():
    network = ResnetGenerator(3, 3, width=4, blocks=1, dropout=True).double()
    inputs = pictures(1, 1)
    torch.manual_seed(1)
    ours = together(network, *inputs)
    torch.manual_seed(1)
    separate = [network(x) for x in inputs]
    assert not per_sample(network)
    assert all(torch.equal(y, wanted) for y, wanted in zip(ours, separate, strict=True))


def test_pictures_of_different_sizes_go_one_by_one():
    network = ResnetGenerator(3, 3, width=4, blocks=1)
    small, large = together(network, torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 20))
    assert small.shape[-1] == 16
    assert large.shape[-1] == 20


def test_one_network_that_mixes_is_enough():
    alone = ResnetGenerator(3, 3, width=4, blocks=1)
    assert per_sample(alone)
    assert not per_sample(alone, PatchDiscriminator(3, width=4, norm="batch"))


def test_another_way_through_a_network_shares_a_batch_as_well():
    torch.manual_seed(0)
    network = ResnetGenerator(3, 3, width=4, blocks=1).double()
    inputs, sizes = pictures(1, 2), []

    def stages(x: Tensor) -> list[Tensor]:
        sizes.append(len(x))
        stem = network.stem(x)
        return [stem, network.down(stem)]

    ours = together(network, *inputs, call=stages)
    assert sizes == [3]
    for found, x in zip(ours, inputs, strict=True):
        for stage, wanted in zip(found, stages(x), strict=True):
            assert (stage - wanted).abs().max() < 1e-12


def test_what_mixes_in_training_alone_says_so_then():
    for network in (
        ResnetGenerator(3, 3, width=4, blocks=1, dropout=True),
        PatchDiscriminator(3, width=4, norm="batch"),
    ):
        assert not per_sample(network.train())
        assert per_sample(network.eval())


@pytest.mark.parametrize(("evaluation", "rests"), [("vectors", True), ("kernel", True), ("moves", False)])
def test_spectral_norm_rests_in_evaluation_where_its_estimate_does(evaluation, rests):
    torch.manual_seed(0)
    layer = SpectralConv2d(3, 4, 3, evaluation=evaluation)
    assert not per_sample(layer.train())
    layer(torch.rand(1, 3, 8, 8))
    assert per_sample(layer.eval()) == rests
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(layer(x), layer(x)) == rests
