"""CartoonGAN's released weights (Yijunmaverick/CartoonGAN-Test-Pytorch-Torch), and the files of the re-implementation
znxlwm/pytorch-CartoonGAN. One network a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

from torch import nn

from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.table import (
    Names,
    Part,
    Tensors,
    Values,
    generator_and_discriminator,
    imported,
    places,
    shape,
)
from gantool.networks.norms import AffineInstanceNorm
from gantool_cartoongan import CartoonGAN
from gantool_cartoongan.networks import Discriminator, Generator

ROLES = {"G": "g", "D": "d"}
_FIRST_BLOCK = 4  # of conv04_1, in04_1 and so on
_STYLE = re.compile(r"(\w+?)_net_G_float")
_RELEASED: Values = {"padding": "reflect", "affine": True, "eps": 1e-9, "features": "caffe"}
_REIMPLEMENTED: Values = {"affine": False, "gan": "vanilla", "features": "plain", "edges": "same"}
BLUE_FIRST = {"conv01_1.weight": 1, "deconv03_1.weight": 0, "deconv03_1.bias": 0}
"""Tensors of the released networks that know colours, and which of their dimensions is blue, green, red."""


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The generator, and the discriminator if it is among these files; None if they are not CartoonGAN's.

    Raises CheckpointError for files that do not fit each other or lack keys.
    """
    found = generator_and_discriminator(files, generator, discriminator, "generator_latest.pkl")
    if found is None:
        return None
    roles, values = found
    style = _STYLE.fullmatch(PurePath(roles["G"].file).stem)
    return imported(
        CartoonGAN,
        [Part(ROLES[kind], network.file, red_first(network.tensors)) for kind, network in roles.items()],
        values,
        names=names,
        domains=("photo", style[1] if style else "cartoon"),
        size=256,
    )


def red_first(tensors: Tensors) -> Tensors:
    """A network's tensors for colours in the order red, green, blue: the released ones have it the other way round."""
    return {key: value.flip(BLUE_FIRST[key]) if key in BLUE_FIRST else value for key, value in tensors.items()}


def names(network: nn.Module) -> Names:
    """The official names of a network's layers: the released ones of a generator whose norms have parameters."""
    if isinstance(network, Discriminator):
        return Names({f"convs.{i}": f"body.{i}" for i, _ in network.body.named_children()})
    assert isinstance(network, Generator)
    count = len(network.blocks)
    if not isinstance(network.stem[2], AffineInstanceNorm):
        heads = {"down_convs.0": "stem.1", "up_convs.8": "head.1"}
        heads |= {f"down_convs.{i + 3}": f"down.{i}" for i in (0, 1, 4, 5)}
        heads |= {f"up_convs.{i}": f"up.{i}" for i in (0, 1, 4, 5)}
        for i in range(count):
            heads |= {f"resnet_blocks.{i}.conv{n}": f"blocks.{i}.body.{place}" for n, place in ((1, 1), (2, 5))}
        return Names(heads)
    heads = {"conv01_1": "stem.1", "in01_1": "stem.2", "deconv03_1": "head.1"}
    for stage, first in ((1, 0), (2, 4)):
        heads |= {f"conv0{stage + 1}_{n}": f"down.{first + n - 1}" for n in (1, 2)}
        heads |= {f"deconv0{stage}_{n}": f"up.{first + n - 1}" for n in (1, 2)}
        heads[f"in0{stage + 1}_1"] = f"down.{first + 2}"
        heads[f"in{_FIRST_BLOCK + count + stage - 1:02}_1"] = f"up.{first + 2}"
    for i in range(count):
        for n, place in ((1, 1), (2, 5)):
            heads[f"conv{_FIRST_BLOCK + i:02}_{n}"] = f"blocks.{i}.body.{place}"
            heads[f"in{_FIRST_BLOCK + i:02}_{n}"] = f"blocks.{i}.body.{place + 1}"
    return Names(heads, {AffineInstanceNorm: {"scale": "weight", "shift": "bias"}})


def generator(tensors: Tensors) -> Values | None:
    """What the keys and shapes of a generator tell, released or of the re-implementation; None if it is neither."""
    if "conv01_1.weight" in tensors and "deconv03_1.weight" in tensors:
        count = len([place for place in places(tensors, r"conv(\d+)_1\.weight") if place >= _FIRST_BLOCK])
        return {**_RELEASED, "width": shape(tensors, "conv01_1.weight", "the generator")[0], "blocks": count}
    if "down_convs.0.weight" in tensors and "up_convs.8.weight" in tensors:
        count = len(places(tensors, r"resnet_blocks\.(\d+)\.conv1\.weight"))
        width = shape(tensors, "down_convs.0.weight", "the generator")[0]
        return {**_REIMPLEMENTED, "padding": "zero", "width": width, "blocks": count}
    return None


def discriminator(tensors: Tensors) -> Values | None:
    """What the keys and shapes of the re-implementation's discriminator tell; None if it is none."""
    if "convs.0.weight" not in tensors or "convs.2.weight" not in tensors:
        return None
    # Two convolutions a layer, and at the end two more; the first layer has one.
    count = len(places(tensors, r"convs\.(\d+)\.weight"))
    width = shape(tensors, "convs.0.weight", "the discriminator")[0]
    return {**_REIMPLEMENTED, "d_width": width, "d_layers": (count - 1) // 2}
