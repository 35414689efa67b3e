"""Wide 3x3 convolutions in fewer products: the same results to rounding, and everything else untouched."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gantool.inference.engine import Engine
from gantool.networks.winograd import FEWEST_CHANNELS, KEPT_BYTES, Winograd
from gantool.runs.checkpoint import build_model
from gantool.spec import Direction, Pictures, Spec

WIDE = FEWEST_CHANNELS


def layer(inside: int = WIDE, outside: int = WIDE, **more: object) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(inside, outside, 3, **more)


def through(conv: nn.Conv2d, x: torch.Tensor, mode: Winograd | None = None) -> torch.Tensor:
    with torch.no_grad(), mode or nullcontext():
        return conv(x)


@pytest.mark.parametrize(
    ("shape", "outside", "padding"),
    [
        ((1, WIDE, 16, 16), WIDE, 1),
        ((2, WIDE, 17, 23), WIDE + 32, 1),
        ((1, WIDE, 18, 30), WIDE, 0),
        ((1, WIDE, 19, 14), WIDE, (0, 2)),
    ],
)
def test_results_are_those_of_the_definition_to_rounding(shape, outside, padding):
    conv, x = layer(outside=outside, padding=padding), torch.randn(shape, generator=torch.Generator().manual_seed(1))
    truth = F.conv2d(x.double(), conv.weight.detach().double(), conv.bias.detach().double(), padding=padding)
    mode = Winograd([conv])
    for _ in range(2):  # the second time with the weights that are kept
        found = through(conv, x, mode)
        assert found.shape == truth.shape
        # 2.4e-6 measured; by the definition 0.2e-6.
        assert (found - truth).square().mean().sqrt() < 4e-6 * truth.std()
    assert not torch.equal(found, through(conv, x))


@pytest.mark.parametrize(
    "conv",
    [
        layer(inside=WIDE - 1),
        layer(outside=WIDE - 1),
        layer(stride=2),
        layer(dilation=2),
        layer(groups=2),
        layer(padding="same"),
        nn.Conv2d(WIDE, WIDE, 5),
        layer().double(),
    ],
    ids=repr,
)
def test_other_convolutions_are_what_they_are_to_the_bit(conv):
    x = torch.randn(1, conv.in_channels, 24, 24, dtype=conv.weight.dtype)
    assert torch.equal(through(conv, x, Winograd([conv])), through(conv, x))


def test_small_maps_gradients_and_half_precision_are_left_alone():
    conv = layer(padding=1)
    small, large = torch.randn(1, WIDE, 8, 8), torch.randn(1, WIDE, 24, 24)
    assert torch.equal(through(conv, small, Winograd([conv])), through(conv, small))
    with Winograd([conv]):
        with_gradients = conv(large)
    assert torch.equal(with_gradients, conv(large))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(through(conv, large, Winograd([conv])), through(conv, large))


def test_other_ways_to_call_a_convolution_are_left_alone():
    conv, x = layer(padding=1), torch.randn(1, WIDE, 24, 24)
    assert torch.equal(through(conv, x[0], Winograd([conv])), through(conv, x[0])), "one picture without a batch"
    for padding in ([1, 1], (1,)):
        with torch.no_grad(), Winograd([conv]):
            found = torch.conv2d(x, conv.weight, conv.bias, 1, padding)
        torch.testing.assert_close(found, through(conv, x), rtol=0, atol=1e-4)
    with pytest.raises(RuntimeError, match="expected input"):
        through(conv, x[:, 1:], Winograd([conv]))
    with torch.inference_mode():
        weight = 2 * conv.weight
        with Winograd([conv]):
            found = torch.conv2d(x, weight, None, 1, 1)
        assert torch.equal(found, torch.conv2d(x, weight, None, 1, 1))


def test_changed_weights_are_seen():
    conv, x = layer(padding=1), torch.randn(1, WIDE, 16, 16)
    mode = Winograd([conv])
    before = through(conv, x, mode)
    with torch.no_grad():
        conv.weight.mul_(2)
        conv.bias.mul_(2)
    torch.testing.assert_close(through(conv, x, mode), 2 * before, rtol=0, atol=1e-4)


def test_where_no_weights_may_be_kept_large_maps_alone_are_worth_it():
    conv, small, large = layer(padding=1), torch.randn(1, WIDE, 32, 32), torch.randn(1, WIDE, 64, 64)
    for kept_bytes in (0, KEPT_BYTES):
        mode = Winograd([conv], kept_bytes)
        assert torch.equal(through(conv, small, mode), through(conv, small)) == (kept_bytes == 0)
        assert not torch.equal(through(conv, large, mode), through(conv, large))


def test_what_is_kept_does_not_depend_on_what_came_before():
    torch.manual_seed(0)
    first, second = (nn.Conv2d(WIDE, WIDE, 3, padding=1) for _ in range(2))
    x = torch.randn(1, WIDE, 16, 16)
    found = []
    for before in ((), (second,), (first, second)):
        mode = Winograd([nn.ModuleList([first, second])], 36 * 4 * WIDE**2)  # room for one
        for conv in before:
            through(conv, x, mode)
        found.append((through(first, x, mode), through(second, x, mode)))
    assert all(torch.equal(one, other) for pair in found[1:] for one, other in zip(pair, found[0], strict=True))
    assert torch.equal(found[0][1], through(second, x))
    assert found[0][0].is_contiguous()


def test_a_picture_is_at_most_one_grey_level_away():
    from gantool_cyclegan import CycleGAN

    torch.manual_seed(0)
    options = CycleGAN.Options(width=32, blocks=2, d_width=4)  # 128 channels in the blocks
    model = build_model(CycleGAN, options, Spec(("A", "B"), (Pictures(),) * 2, 64))
    picture = np.random.default_rng(0).integers(0, 256, (70, 90, 3)).astype(np.uint8)
    way = Direction("A", "B")
    fast, exact = (Engine(model, precision=precision).translate([picture], way)[0] for precision in ("fp32", "exact"))
    apart = np.abs(fast.astype(int) - exact)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 1e-3
    images = [
        Engine(model, precision=precision)._pass([picture[:64, :64]], (64, 64), way, None, 0, None)
        for precision in ("fp32", "exact")
    ]
    assert not torch.equal(*images)
    with torch.no_grad():
        model.eval()
        again = model.translate(
            torch.from_numpy(picture[:64, :64]).permute(2, 0, 1)[None] / 127.5 - 1, source=0, target=1
        )
    torch.testing.assert_close(images[1], again, rtol=0, atol=1e-6)
