"""Norms keep gradients that are rounding noise from the weights, and change nothing else that a network learns."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from gantool_aggan.networks import Attention as MaskAttention
from gantool_aggan.networks import Generator as MaskedGenerator
from gantool_drit.networks import ContentEncoder as DRITEncoder
from gantool_munit.networks import LatentGenerator, ScaleDiscriminator, StyleGenerator
from gantool_pix2pixhd.networks import Encoder
from gantool_pix2pixhd.networks import Generator as HDGenerator
from gantool_ugatit.networks import NORMS
from gantool_ugatit.networks import Generator as AttentionGenerator
from gantool_ugatit.norms import GroupNorm, InstanceLayerNorm
from torch import Tensor, nn

from gantool.networks import norms
from gantool.networks.norms import AffineInstanceNorm, InstanceNorm, unless_constant
from gantool.networks.resnet import ResnetGenerator

BLACK, WHITE = (torch.full((1, 3, 16, 16), value) for value in (-1.0, 1.0))
DRAWN = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1

MUNIT = {"width": 4, "downsample": 2, "blocks": 2, "activation": "relu", "padding": "reflect"}
NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module, Tensor], Tensor]]] = {
    "resnet": (lambda: ResnetGenerator(3, 3, width=4, blocks=2), lambda network, x: network(x)),
    "resnet, batch": (lambda: ResnetGenerator(3, 3, width=4, blocks=2, norm="batch"), lambda network, x: network(x)),
    "aggan": (lambda: MaskedGenerator(width=4, blocks=2), lambda network, x: network(x)),
    "aggan, attention": (lambda: MaskAttention(width=4), lambda network, x: network(x)),
    "drit": (lambda: DRITEncoder((3, 3), 4), lambda network, x: network(x, 0)),
    **{
        f"ugatit, {norm}": (
            lambda norm=norm: AttentionGenerator(width=4, blocks=2, light=True, norm=norm),
            lambda network, x: network(x).main,
        )
        for norm in NORMS
    },
    "munit": (
        lambda: StyleGenerator(3, style=3, mlp_width=8, **MUNIT),
        lambda network, x: network.decode(*network.encode(x)),
    ),
    "unit": (lambda: LatentGenerator(3, **MUNIT), lambda network, x: network.decoder(network.encoder(x))),
    "munit, discriminator": (
        lambda: ScaleDiscriminator(3, width=4, layers=3, norm="instance", activation="lrelu", padding="reflect"),
        lambda network, x: network(x),
    ),
    "pix2pixhd": (lambda: HDGenerator(3, 3, width=4, down=2, blocks=2, enhancers=1), lambda network, x: network(x)),
    "pix2pixhd, batch": (
        lambda: HDGenerator(3, 3, width=4, down=2, blocks=2, norm="batch"),
        lambda network, x: network(x),
    ),
    "pix2pixhd, encoder": (lambda: Encoder(3, 2, width=4, down=2), lambda network, x: network(x)),
}


def gradients(name: str, batch: Tensor) -> dict[str, Tensor]:
    """Those of a network's weights and of its input."""
    torch.manual_seed(0)
    build, run = NETWORKS[name]
    network, x = build().to(batch.dtype), batch.clone().requires_grad_()
    result = run(network, x)
    (result * torch.linspace(-1, 2, result.numel(), dtype=x.dtype).view_as(result)).sum().backward()
    assert x.grad is not None
    return {"input": x.grad} | {key: p.grad for key, p in network.named_parameters() if p.grad is not None}


def unguarded(monkeypatch: pytest.MonkeyPatch, name: str, batch: Tensor) -> dict[str, Tensor]:
    with monkeypatch.context() as patch:
        patch.setattr(norms._UnlessConstant, "apply", lambda x, y, over: y)
        return gradients(name, batch)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("depth", [3.0, 5.0, 8.0])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_saturated_picture_teaches_what_it_teaches_without_a_guard(name, depth, dtype, monkeypatch):
    """White up to 1e-2, 1e-4 and 3e-7: generators make such pictures when their tanh saturates."""
    x = torch.tanh(depth + 0.3 * DRAWN.to(dtype))
    assert 0 < x.amax() - x.amin() < 1e-2
    ours, theirs = gradients(name, x), unguarded(monkeypatch, name, x)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize(
    "name", ["resnet", "drit", "ugatit, adalin", "ugatit, layer", "munit, discriminator", "pix2pixhd"]
)
def test_a_fully_saturated_picture_does_so_too(name, monkeypatch):
    """1 everywhere, to the last bit: the gradients that are cut are rounding noise, not what the network learns."""
    x = torch.ones(1, 3, 16, 16, dtype=torch.float64)
    ours, theirs = gradients(name, x), unguarded(monkeypatch, name, x)
    del theirs["input"]  # a saturated tanh has no slope: what reaches it goes no further
    largest = max(gradient.abs().max() for gradient in theirs.values())
    assert largest > 0.1
    assert all((ours[key] - theirs[key]).abs().max() < 1e-12 * largest for key in theirs)


CHAINED: dict[str, Callable[[], nn.Module]] = {
    "instance": lambda: InstanceNorm(2),
    "affine": lambda: AffineInstanceNorm(2),
    "ugatit, instance": lambda: InstanceLayerNorm(2, rho=1.0, affine=True, fixed=True),
    "ugatit, group": lambda: GroupNorm(2),
}


def chained(norm: Callable[[], nn.Module], dtype: torch.dtype) -> float:
    """The largest gradient of scales, each in front of one of seven norms, from a blank picture."""
    scales = [torch.full((1, 2, 1, 1), 0.3, dtype=dtype, requires_grad=True) for _ in range(7)]
    x = torch.full((1, 2, 16, 16), 0.7, dtype=dtype)
    for scale in scales:
        x = norm().to(dtype)(x * scale)
    x.backward(torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(dtype))
    return max(scale.grad.abs().max().item() for scale in scales)


@pytest.mark.parametrize("norm", CHAINED)
@pytest.mark.parametrize(("dtype", "noise"), [(torch.float64, 1e-3), (torch.float32, 1e4), (torch.bfloat16, 1e8)])
def test_seven_norms_make_no_gradients_out_of_a_blank_picture(norm, dtype, noise, monkeypatch):
    assert chained(CHAINED[norm], dtype) == 0
    monkeypatch.setattr(norms._UnlessConstant, "apply", lambda x, y, over: y)
    assert chained(CHAINED[norm], dtype) > noise  # the exact gradient is 0


@pytest.mark.parametrize(
    ("batch", "learns"), [(WHITE, False), (torch.cat([WHITE, WHITE]), False), (torch.cat([WHITE, BLACK]), True)]
)
@pytest.mark.parametrize("name", ["resnet, batch", "pix2pixhd, batch"])
def test_what_batch_norms_learn_from(name, batch, learns):
    """A batch norm of one picture is an instance norm, and has a bias behind it."""
    found = gradients(name, batch)
    del found["input"]
    assert (max(gradient.abs().max() for gradient in found.values()) > 0) == learns


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_one_value_one_rounding_off_keeps_all_gradients(dtype):
    x = torch.ones(3, 2, 8, 8, dtype=dtype)
    x[1, 1, 3, 3] -= torch.finfo(dtype).eps
    x[2, 1] = -5  # a constant for each channel
    x.requires_grad_()
    drawn = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    unless_constant(x, x).backward(drawn)
    assert torch.equal(x.grad[1], drawn[1])
    assert not x.grad[[0, 2]].any()


def test_gradients_have_gradients():
    """Gradient penalties differentiate twice."""
    x = torch.rand(2, 2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradgradcheck(InstanceNorm(2), x)
