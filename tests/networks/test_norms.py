"""Our instance norm is right where fast ones go wrong: a mean far larger than the contrast, in any memory order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gantool.networks.norms import AffineInstanceNorm, InstanceNorm, norm_layer

EPS = torch.finfo(torch.float32).eps
ORDERS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}


def reference(x: Tensor) -> Tensor:
    """The definition, in float64."""
    x = x.double()
    mean = x.mean((-2, -1), keepdim=True)
    variance = ((x - mean) ** 2).mean((-2, -1), keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


def pictures(mean: float, order: str, std: float = 1.0) -> Tensor:
    x = mean + std * torch.randn(2, 8, 40, 44, generator=torch.Generator().manual_seed(0))
    return x.to(memory_format=ORDERS[order])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("mean", [0, 10, 100, 1000])
def test_values_and_gradients_in_single_precision(mean, order):
    x = pictures(mean, order).requires_grad_()
    upstream = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    y = InstanceNorm(8)(x)
    y.backward(upstream)
    exact = x.detach().double().requires_grad_()
    reference(exact).backward(upstream.double())

    # The mean, mean / std large in the result's scale, is known to a few roundings. A variance from E[x^2] - E[x]^2
    # would be known to (mean / std)^2 roundings and miss this bound a hundredfold.
    bound = 8 * EPS * (1 + mean)
    assert (y - reference(x)).abs().max() < bound
    assert (x.grad - exact.grad).abs().max() < bound


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("mean", [0, 10, 100, 1000])
def test_half_precision_rounds_only_the_result(mean, order, dtype):
    # Eight grey levels of contrast: near 1000 the next bfloat16 number is 4 or 8 away.
    x = pictures(mean, order, std=8).to(dtype).requires_grad_()
    upstream = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    y = InstanceNorm(8)(x)
    y.backward(upstream)
    exact = x.detach().double().requires_grad_()
    reference(exact).backward(upstream.double())

    # Statistics as above, then one rounding: with 8 bits it moves y by |y| / 256 at most. Statistics in bfloat16 would
    # move it by up to mean / std / 256.
    assert y.dtype == dtype
    statistics = 8 * EPS * (1 + mean / 8)
    for ours, wanted in ((y, reference(x.detach())), (x.grad, exact.grad)):
        assert ((ours.double() - wanted).abs() <= statistics + wanted.abs() * torch.finfo(dtype).eps / 2).all()


def test_double_precision_stays_double():
    x = pictures(1000, "channels last").double()
    y = InstanceNorm(8)(x)
    assert y.dtype == torch.float64
    assert (y - reference(x)).abs().max() < 1e-11


def test_a_constant_channel_is_zero_and_has_finite_gradients():
    x = torch.full((1, 2, 8, 8), 3.0, requires_grad=True)
    y = InstanceNorm(2)(x)
    y.sum().backward()
    assert (y == 0).all()
    assert torch.isfinite(x.grad).all()


def test_norms_have_their_names():
    assert [type(norm_layer(name, 4)).__name__ for name in ("instance", "batch", "none")] == [
        "InstanceNorm",
        "BatchNorm2d",
        "Identity",
    ]
    assert not norm_layer("instance", 4).state_dict()
    with pytest.raises(ValueError, match="known: instance, batch, none"):
        norm_layer("layer", 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", [InstanceNorm, AffineInstanceNorm])
def test_the_order_of_a_gradient_in_memory_does_not_matter(kind, dtype):
    """What a sampling of features gives back is channels-last."""
    x = torch.randn(1, 8, 6, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    upstream = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    found = []
    for order in ORDERS.values():
        leaf = x.clone().requires_grad_()
        kind(8)(leaf).backward(upstream.contiguous(memory_format=order))
        found.append(leaf.grad)
    assert torch.equal(*found)
