"""The routes that layers take on a GPU, computed on a CPU: they give what the CPU's own routes give, to rounding."""

from __future__ import annotations

import contextlib

import pytest
import torch
import torch.nn.functional as F
from gantool_ugatit.norms import InstanceLayerNorm
from gantool_ugatit.norms import _on_gpu as adalin_on_gpu

from gantool.networks.norms import AffineInstanceNorm, InstanceNorm, _affine_on_gpu, _on_gpu
from gantool.networks.spectral import SpectralConv2d, moving_together

BOUND = 1e-12
"""Relative, in double precision."""


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 2 + 1


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool((a - b).abs().max() <= BOUND * b.abs().max())


@pytest.mark.parametrize("affine", [False, True])
def test_instance_norm_and_both_its_derivatives(affine):
    x, weight, bias = drawn(2, 4, 6, 5), drawn(8, seed=1), drawn(8, seed=2)
    given = [x, weight, bias] if affine else [x]

    def plain(x, weight=None, bias=None):
        y = InstanceNorm(4)(x)
        return y if weight is None else y * weight.view(2, 4, 1, 1) + bias.view(2, 4, 1, 1)

    found = []
    for route in (lambda x, *more: _on_gpu(x, 1e-5, *more), plain):
        inputs = [one.clone().requires_grad_() for one in given]
        y = F.leaky_relu_(route(*inputs), 0.2)
        first = torch.autograd.grad((y**3).sum(), inputs, create_graph=True)
        second = torch.autograd.grad((first[0] ** 2).sum(), inputs[:2])
        found.append([y, *first, *second])
    assert all(close(a, b) for a, b in zip(*found, strict=True))


def test_instance_norm_with_weights_of_channels_and_both_its_derivatives():
    x = drawn(2, 4, 6, 5)
    x[0] = torch.arange(4.0).view(4, 1, 1)
    layer = AffineInstanceNorm(4).double()
    with torch.no_grad():
        layer.weight.copy_(drawn(4, seed=1))
        layer.bias.copy_(drawn(4, seed=2))
    found = []
    for route in (lambda x: _affine_on_gpu(x, layer.eps, layer.weight, layer.bias), layer):
        inputs = [x.clone().requires_grad_(), layer.weight, layer.bias]
        y = F.leaky_relu_(route(inputs[0]), 0.2)
        plain = torch.autograd.grad((y**3).sum(), inputs, retain_graph=True)
        first = torch.autograd.grad((y**3).sum(), inputs, create_graph=True)
        second = torch.autograd.grad((first[0] ** 2).sum(), inputs[:2])
        found.append([y, *plain, *first, *second])
    assert all(close(a, b) for a, b in zip(*found, strict=True))
    assert not any(found[0][place][0].any() for place in (1, 4, 7))  # a constant sample's gradients
    (only,) = torch.autograd.grad(_affine_on_gpu(x, 1e-5, layer.weight, layer.bias).sum(), [layer.bias])
    assert close(only, torch.full((4,), 60.0, dtype=torch.float64))


def test_instance_norm_gives_no_view_and_a_constant_sample_no_gradient():
    x = drawn(2, 3, 4, 4)
    x[0] = torch.arange(3.0).view(3, 1, 1)
    x.requires_grad_()
    y = _on_gpu(x, 1e-5)
    assert not y._is_view()  # an activation in place would be three copies on the way back
    (y * drawn(2, 3, 4, 4, seed=1)).sum().backward()
    assert not x.grad[0].any()
    assert x.grad[1].all()


def test_adaptive_layer_instance_norm():
    x, scale, shift = drawn(2, 6, 5, 7), drawn(2, 6, seed=1), drawn(2, 6, seed=2)
    layer = InstanceLayerNorm(6, rho=0.3, affine=False).double()
    found = []
    for route in (
        lambda x, scale, shift: adalin_on_gpu(x, layer.rho, scale[:, :, None, None], shift[:, :, None, None]),
        layer,
    ):
        inputs = [one.clone().requires_grad_() for one in (x, scale, shift)]
        y = route(*inputs)
        found.append([y, *torch.autograd.grad((y**3).sum(), [*inputs, layer.rho])])
    assert all(close(a, b) for a, b in zip(*found, strict=True))


def test_a_network_that_translated_can_be_trained():
    x, style = drawn(1, 3, 9, 9), drawn(1, 3, 1, 1, seed=1)
    rho = torch.full((1, 3, 1, 1), 0.3, dtype=torch.double)
    with torch.inference_mode():  # what is kept of this pass must not be a tensor of inference
        before = adalin_on_gpu(x, rho, style, style)
    after = adalin_on_gpu(x, rho.requires_grad_(), style, style)
    assert torch.equal(before, after)
    after.square().sum().backward()
    assert rho.grad.all()


def test_spectral_norm_has_the_gradients_of_its_definition():
    torch.manual_seed(0)
    layer = SpectralConv2d(3, 5, 4, bias=False).double()
    kernel = layer.normalised()
    u, v, weight = layer.u, layer.v, layer.weight  # those of this pass
    defined = weight / torch.dot(u, weight.flatten(1) @ v)
    found = []
    for one in (kernel, defined):
        (first,) = torch.autograd.grad((one * drawn(*weight.shape)).sin().sum(), weight, create_graph=True)
        found.append([one, first, *torch.autograd.grad((first**2).sum(), weight)])
    assert all(close(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("evaluation", ["vectors", "kernel", "moves"])
def test_spectral_norms_that_move_together_are_those_that_move_alone(evaluation):
    found = []
    for way in (moving_together, lambda network: contextlib.nullcontext()):
        torch.manual_seed(0)
        layers = [SpectralConv2d(3, 5, 4, evaluation=evaluation), SpectralConv2d(5, 2, 3, evaluation=evaluation)]
        network = torch.nn.Sequential(*layers)
        passes = []
        for number in range(3):  # the third one in evaluation
            network.train(number < 2)
            with way(network):
                passes.append(network(drawn(1, 3, 9, 9, seed=number).float()))
        sum(one.square().sum() for one in passes).backward()
        assert all(layer.ready is None for layer in layers)
        found.append([*passes, *(p.grad for p in network.parameters()), *network.buffers()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
