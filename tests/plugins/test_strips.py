"""Generators of many families on large pictures: in strips they give the whole picture, in the memory that they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from gantool_aggan.networks import Generator as Aggan
from gantool_discogan.networks import Generator as DiscoGAN
from gantool_drit.networks import ConcatGenerator, FeaturewiseGenerator
from gantool_drit.networks import ContentEncoder as DRITEncoder
from gantool_munit.networks import ContentEncoder, Decoder
from gantool_pix2pixhd.networks import Generator as Pix2pixHD
from gantool_stargan.networks import Generator as StarGAN
from gantool_starganv2.networks import Generator as StarGANv2
from gantool_ugatit.networks import NORMS
from gantool_ugatit.networks import Generator as Ugatit
from torch import Tensor, nn

from gantool.networks.initialization import initialize
from gantool.networks.resnet import ResnetGenerator
from gantool.networks.strips import InStrips
from tests.memory import most_held


class Case(NamedTuple):
    """A generator, by its width, and a picture of (H, W) as it takes it, with whatever else it is given."""

    make: Callable[[int], nn.Module]
    inputs: Callable[[int, int, int], tuple]


def drawn(*shape: int) -> Tensor:
    return torch.rand(2, *shape) * 2 - 1


def munit(norm: str, halvings: int = 2, **more: str) -> Case:
    chosen = {"activation": "relu", "padding": "reflect", **more}

    def make(width: int) -> Decoder:
        return Decoder(3, width=width, upsample=halvings, blocks=2, norm=norm, **chosen)

    def inputs(width: int, h: int, w: int) -> tuple:
        scale = 2**halvings
        code = drawn(width * scale, h // scale, w // scale)
        return (code, drawn(make(width).adain_size)) if norm == "adain" else (code,)

    return Case(make, inputs)


def encoder(activation: str, padding: str) -> Case:
    chosen = {"activation": activation, "padding": padding}
    return Case(lambda width: ContentEncoder(3, width=width, downsample=2, blocks=1, **chosen), pictures)


def pictures(width: int, h: int, w: int) -> tuple:
    return (drawn(3, h, w),)


def contents(width: int, h: int, w: int) -> tuple:
    return drawn(4 * width, h // 4, w // 4), drawn(5), 1


def hd(norm: str, enhancers: int, upsample: str = "transposed") -> Case:
    sizes = {"down": 2, "blocks": 1, "local_blocks": 1, "upsample": upsample}
    return Case(
        lambda width: Pix2pixHD(7, 3, width=width, enhancers=enhancers, norm=norm, **sizes),
        lambda width, h, w: (drawn(7, h, w),),
    )


CASES = {
    "munit": munit("adain"),
    "unit": munit("instance"),
    "unit, one halving, prelu": munit("instance", 1, activation="prelu", padding="zero"),
    "unit, three halvings": munit("instance", 3),
    "munit's encoder": encoder("relu", "reflect"),
    "munit's encoder, selu": encoder("selu", "replicate"),
    "stargan": Case(
        lambda width: StarGAN(5, width=width, blocks=1), lambda width, h, w: (*pictures(width, h, w), drawn(5))
    ),
    **{
        f"ugatit, {norm}": Case(lambda width, norm=norm: Ugatit(width=width, blocks=1, light=True, norm=norm), pictures)
        for norm in NORMS
    },
    "ugatit without cam": Case(lambda width: Ugatit(width=width, blocks=1, light=True, cam=False), pictures),
    "drit's encoder": Case(
        lambda width: DRITEncoder((1, 3), width), lambda width, h, w: (*pictures(width, h, w), 1)
    ),
    "drit, concat": Case(lambda width: ConcatGenerator((1, 3), width, 5), contents),
    "drit, featurewise": Case(lambda width: FeaturewiseGenerator((1, 3), width, 5), contents),
    "pix2pixhd": hd("instance", 0),
    "pix2pixhd, enhancers": hd("instance", 2),
    "pix2pixhd, batch norm": hd("batch", 1),
    "starganv2": Case(
        lambda width: StarGANv2(64, 6, width=width, max_width=4 * width),
        lambda width, h, w: (*pictures(width, h, w), drawn(6)),
    ),
    "discogan": Case(lambda width: DiscoGAN(width=width), pictures),
    "stargan, bilinear": Case(
        lambda width: StarGAN(5, width=width, blocks=1, upsample="bilinear"),
        lambda width, h, w: (*pictures(width, h, w), drawn(5)),
    ),
    "drit, concat, bilinear": Case(lambda width: ConcatGenerator((1, 3), width, 5, "bilinear"), contents),
    "drit, featurewise, bilinear": Case(lambda width: FeaturewiseGenerator((1, 3), width, 5, "bilinear"), contents),
    "pix2pixhd, enhancers, bilinear": hd("instance", 2, "bilinear"),
    "discogan, bilinear": Case(lambda width: DiscoGAN(width=width, upsample="bilinear"), pictures),
    "aggan, bilinear": Case(lambda width: Aggan(width=width, blocks=1, upsample="bilinear"), pictures),
    "resnet, bilinear": Case(lambda width: ResnetGenerator(3, 3, width=width, blocks=1, upsample="bilinear"), pictures),
}  # fmt: skip


def as_tensors(output: Tensor | tuple) -> list[Tensor]:
    return [output] if isinstance(output, Tensor) else [one for one in output if one is not None]


@pytest.mark.parametrize("rows", [1, 7, 100])
@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_strips_give_the_whole_picture(name, rows):
    torch.manual_seed(rows)
    network = CASES[name].make(4).double().eval()
    initialize(network, "kaiming")
    for parameter in network.parameters():
        if parameter.dim() == 1:
            nn.init.uniform_(parameter, 0.5, 1.5)
    given = [one.double() if isinstance(one, Tensor) else one for one in CASES[name].inputs(4, 64, 48)]
    before = [one.clone() if isinstance(one, Tensor) else one for one in given]
    whole = as_tensors(network(*given))
    network.strip_rows = rows
    assert isinstance(network, InStrips)
    assert network.can_run_in_strips()
    strips = as_tensors(network(*given))
    assert whole[0].std() > 0.1
    for one, other in zip(strips, whole, strict=True):
        assert (one - other).abs().max() < 1e-9 * max(1, other.abs().max())
    for one, other in zip(given, before, strict=True):
        assert not isinstance(one, Tensor) or torch.equal(one, other), "the input stays as it is"


MEASURED = (
    *("munit", "munit's encoder", "stargan", "ugatit, adalin", "drit, concat", "drit's encoder"),
    *("pix2pixhd", "pix2pixhd, enhancers", "starganv2", "discogan"),
    *("stargan, bilinear", "drit, concat, bilinear", "drit, featurewise, bilinear", "pix2pixhd, enhancers, bilinear"),
    *("discogan, bilinear", "aggan, bilinear", "resnet, bilinear"),
)


@pytest.mark.parametrize("rows", [None, 16])
@pytest.mark.parametrize("name", MEASURED)
@torch.inference_mode()
def test_what_a_pass_takes_is_what_it_says_at_most(name, rows):
    torch.manual_seed(0)
    network = CASES[name].make(8).eval()
    given = [one[:1] if isinstance(one, Tensor) else one for one in CASES[name].inputs(8, 256, 64)]
    network.strip_rows = rows
    assert isinstance(network, InStrips)
    held = most_held(lambda: network(*given)) + sum(4 * one.numel() for one in given if isinstance(one, Tensor))
    said = network.bytes_of_pass(256, 64, rows)
    assert 0.1 * said < held <= said
    assert network.bytes_of_pass(1024, 1024, 32) < 0.7 * network.bytes_of_pass(1024, 1024, None)
