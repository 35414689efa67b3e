"""A picture in strips is the picture as a whole."""

from __future__ import annotations

import pytest
import torch
from gantool_cartoongan import networks as cartoongan
from torch import nn

from gantool.networks.initialization import initialize
from gantool.networks.norms import NORMS
from gantool.networks.precision import widest
from gantool.networks.resnet import PADDINGS, ResnetGenerator


def both_ways(network: nn.Module, x: torch.Tensor, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        whole = network(x)
        network.strip_rows = rows
        return whole, network(x)


@pytest.mark.parametrize("rows", [1, 5, 7, 12, 16, 100])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("padding", PADDINGS)
def test_strips_give_the_whole_picture(padding, norm, rows):
    torch.manual_seed(rows)
    network = ResnetGenerator(3, 2, width=4, blocks=2, norm=norm, padding=padding).double().eval()
    initialize(network, "kaiming")
    x = torch.rand(2, 3, 36, 24, dtype=torch.float64) * 2 - 1
    whole, strips = both_ways(network, x, rows)
    assert whole.std() > 0.1  # a picture, not a grey area that would hide everything
    assert strips.shape == whole.shape
    assert (strips - whole).abs().max() < 1e-9


@pytest.mark.parametrize("rows", [1, 7, 12, 100])
@pytest.mark.parametrize("upsample", cartoongan.UPSAMPLINGS)
@pytest.mark.parametrize(("padding", "affine"), [("reflect", True), ("zero", False), ("zero", True)])
def test_cartoongan_in_strips_gives_the_whole_picture(padding, affine, upsample, rows):
    """Two convolutions at each change of scale, and norms with a scale and a shift."""
    torch.manual_seed(rows)
    network = cartoongan.Generator(width=4, blocks=2, padding=padding, affine=affine, upsample=upsample).double()
    initialize(network, "kaiming")
    for p in network.parameters():
        if p.dim() == 1:
            nn.init.uniform_(p, 0.5, 1.5)
    whole, strips = both_ways(network, torch.rand(2, 3, 36, 24, dtype=torch.float64) * 2 - 1, rows)
    assert whole.std() > 0.1
    assert (strips - whole).abs().max() < 1e-9


@pytest.mark.parametrize("size", [(8, 8), (8, 40), (40, 8)])
@pytest.mark.parametrize("kind", [ResnetGenerator, cartoongan.Generator])
def test_the_smallest_pictures(kind, size):
    torch.manual_seed(0)
    network = (kind(3, 3, width=4, blocks=1) if kind is ResnetGenerator else kind(width=4, blocks=1)).double()
    whole, strips = both_ways(network, torch.rand(1, 3, *size, dtype=torch.float64), 3)
    assert (strips - whole).abs().max() < 1e-9


def test_single_precision_differs_by_less_than_a_hundredth_of_a_grey_level():
    torch.manual_seed(0)
    network = ResnetGenerator(3, 3, width=16, blocks=3)
    x = torch.rand(1, 3, 96, 64) * 2 - 1
    whole, strips = both_ways(network, x + 20, 16)  # a mean far from zero: the first norm has digits to lose
    assert (strips - whole).abs().max() * 127.5 < 0.01


def test_the_input_stays_as_it_is():
    network = ResnetGenerator(3, 3, width=4, blocks=1)
    x = torch.rand(1, 3, 16, 16)
    before = x.clone()
    both_ways(network, x, 4)
    assert torch.equal(x, before)


def test_which_networks_can():
    assert [ResnetGenerator(3, 3, width=4, blocks=1, norm=norm).can_run_in_strips() for norm in NORMS] == [
        True,
        False,
        True,
    ]
    network = ResnetGenerator(3, 3, width=4, blocks=1, dropout=True)
    assert not network.can_run_in_strips()
    assert network.eval().can_run_in_strips()


def test_dropout_that_does_not_draw_is_left_out():
    torch.manual_seed(0)
    network = ResnetGenerator(3, 3, width=4, blocks=2, dropout=True).double().eval()
    whole, strips = both_ways(network, torch.rand(1, 3, 16, 16, dtype=torch.float64), 5)
    assert (strips - whole).abs().max() < 1e-9


def test_devices_without_double_precision_lose_no_hundredth_of_a_grey_level(monkeypatch):
    assert widest(torch.device("mps")) == torch.float32
    monkeypatch.setattr("gantool.networks.strips.widest", lambda device: widest(torch.device("mps")))
    torch.manual_seed(0)
    network = ResnetGenerator(3, 3, width=16, blocks=3)
    whole, strips = both_ways(network, torch.rand(1, 3, 96, 64) * 2 + 19, 16)
    assert (strips - whole).abs().max() * 127.5 < 0.01
