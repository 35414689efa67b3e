"""Layers that are faster or more precise than torch's compute what torch's compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from gantool.networks.layers import NormedConvTranspose2d, OutputConv, ReflectionPad, Tanh

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
@pytest.mark.parametrize("kernel", [7, 3, (5, 2)])
def test_output_conv_is_a_convolution(kernel, dtype, bound, bias):
    torch.manual_seed(0)
    fast = OutputConv(6, 3, kernel, bias=bias).to(dtype)
    plain = nn.Conv2d(6, 3, kernel, bias=bias).to(dtype)
    plain.load_state_dict(fast.state_dict())
    x = torch.randn(2, 6, 19, 23, dtype=dtype)
    upstream = None
    results = []
    for conv in (fast, plain):
        given = x.clone().requires_grad_()
        y = conv(given)
        upstream = torch.randn_like(y) if upstream is None else upstream
        y.backward(upstream)
        results.append([y, given.grad, *(p.grad for p in conv.parameters())])
    for ours, torchs in zip(*results, strict=True):
        assert ours.dtype == dtype
        assert ours.shape == torchs.shape
        assert (ours - torchs).abs().max() < bound


def test_output_conv_follows_autocast():
    x = torch.randn(1, 4, 12, 12)
    conv = OutputConv(4, 3, 7)
    with torch.autocast("cpu", torch.bfloat16):
        half = conv(x)
    assert half.dtype == torch.bfloat16
    # Eight bits in the factors and in each of seven partial sums of size about 1.
    assert (half.float() - conv(x)).abs().max() < 0.05


@pytest.mark.parametrize("padding", [1, 3])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
def test_reflection_pad_reflects(padding, device):
    x = torch.randn(2, 3, 7, 9, dtype=torch.float64, device=device, requires_grad=True)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(device == "cuda")  # where it is made of slices
    try:
        y = ReflectionPad(padding)(x)
        upstream = torch.randn_like(y)
        y.backward(upstream)
    finally:
        torch.use_deterministic_algorithms(before)
    sides = (padding, padding)
    assert np.array_equal(
        y.detach().cpu().numpy(), np.pad(x.detach().cpu().numpy(), ((0, 0), (0, 0), sides, sides), mode="reflect")
    )
    # Each gradient goes back to the pixel that its value came from.
    places = np.pad(np.arange(63).reshape(7, 9), (sides, sides), mode="reflect").ravel()
    wanted = np.stack([np.bincount(places, image.ravel(), 63) for image in upstream.cpu().numpy().reshape(6, -1)])
    assert np.allclose(x.grad.cpu().numpy().reshape(6, 63), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("padding", [1, 3])
def test_reflection_pad_has_second_derivatives(padding):
    """Gradient penalties differentiate a gradient."""
    x = torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: ReflectionPad(padding)(x) ** 3, x)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_tanh_gives_pictures_all_their_levels(given, wanted):
    x = torch.linspace(-2, 2, 1000).to(given)
    y = Tanh()(x)
    assert y.dtype == wanted
    # The result is that of the exact hyperbolic tangent of the input: no rounding to 8 bits in between.
    assert (y.double() - x.double().tanh()).abs().max() < 2e-7


@pytest.mark.parametrize("shape", [(1, 2, 185, 180), (2, 2, 97, 350)])
def test_large_transposed_convolutions_are_torchs(shape):
    torch.manual_seed(0)
    layer, x = NormedConvTranspose2d(2, 16, 3, stride=2, padding=1, output_padding=1), torch.randn(shape)
    with torch.no_grad():
        found = layer(x)
        expected = nn.functional.conv_transpose2d(x, layer.weight, None, 2, 1, 1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
