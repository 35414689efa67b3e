"""Official MUNIT and UNIT checkpoints (NVlabs/MUNIT): their keys as ours, options from their shapes.

`gen_XXXXXXXX.pt` and `dis_XXXXXXXX.pt` each hold one state dict for domain A, under "a", and one for B, under "b".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import nn

from gantool.errors import CheckpointError
from gantool.importing import table
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.reading import leaves
from gantool.importing.table import Leaves, Names, Part, Tensors, Values, agreed, inside, no_generator, places, shape
from gantool.model import Model
from gantool.networks.multiscale import MultiScaleDiscriminator
from gantool.networks.spectral import SpectralConv2d
from gantool_munit.layers import ConvBlock
from gantool_munit.munit import MUNIT
from gantool_munit.networks import (
    ContentEncoder,
    Decoder,
    LatentGenerator,
    StyleEncoder,
    StyleGenerator,
)

_LEAVES: Leaves = {SpectralConv2d: {"weight_bar": "weight", "weight_u": "u", "weight_v": "v"}}


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """MUNIT's networks in these files; None if one of them holds neither its generators nor discriminators."""
    return imported(MUNIT, files, "enc_content", generator)


def imported(
    kind: type[Model[Any]],
    files: Mapping[str, OfficialTensors],
    encoder: str,
    generator: Callable[[Tensors, str], Values],
) -> Imported | None:
    """The networks of one of the two models, told apart by the official name of the content encoder.

    `generator` reads a generator's options off its shapes. Raises CheckpointError for files that contradict each other,
    lack keys, or hold no generators.
    """
    optimizers = [file for file, content in files.items() if set(content) == {"gen", "dis"}]  # optimizer.pt
    roles: dict[str, str] = {}
    for file in [file for file in files if file not in optimizers]:
        role = _role(files[file], encoder)
        if role is None:
            return None
        if role in roles:
            raise CheckpointError(f"{roles[role]} and {file} both hold {role}: give each network once")
        roles[role] = file
    if not roles:
        return None
    if "generators" not in roles:
        raise no_generator(files, "gen_XXXXXXXX.pt")
    read = {"generators": generator, "discriminators": discriminator}
    told: list[tuple[str, Values]] = []
    parts: list[Part] = []
    for role, file in roles.items():
        for side, tensors in inside(files[file]).items():
            values = read[role](tensors, file)
            told.append((file, {f"channels_{side}" if key == "channels" else key: v for key, v in values.items()}))
            parts.append(Part(f"{role[0]}_{side}", file, tensors, within=side))
    why = "state of the optimisers, which a new run has no use for"
    return table.imported(
        kind,
        parts,
        agreed(told),
        names=names,
        size=256,
        dropped={(file, key): why for file in optimizers for key, _ in leaves(files[file])},
    )


def generator(tensors: Tensors, where: str) -> Values:
    """Options of MUNIT's generator with these tensors."""
    return content(tensors, where, "enc_content") | {
        "style": shape(tensors, "enc_style.model.6.weight", where)[0],
        "mlp_width": shape(tensors, "mlp.model.0.fc.weight", where)[0],
    }


def content(tensors: Tensors, where: str, encoder: str) -> Values:
    """Options of the content encoder, and its input's `channels`. Shapes tell no padding: it is the official one."""
    width, channels, *_ = shape(tensors, f"{encoder}.model.0.conv.weight", where)
    stages = len(places(tensors, rf"{encoder}\.model\.(\d+)\.conv\.weight"))
    return {
        "width": width,
        "channels": channels,
        "downsample": stages - 1,
        "blocks": len(places(tensors, rf"{encoder}\.model\.{stages}\.model\.(\d+)\.model\.0\.conv\.weight")),
        "activation": "prelu" if f"{encoder}.model.0.activation.weight" in tensors else "relu",
    }


def discriminator(tensors: Tensors, where: str) -> Values:
    """Options of the discriminator with these tensors, and its input's `channels`.

    Instance norm leaves no keys, unless the file is old: a discriminator that had it is taken for one without norm.
    """
    width, channels, *_ = shape(tensors, "cnns.0.0.conv.weight", where)
    norm = "instance" if "cnns.0.1.norm.running_mean" in tensors else "none"
    for key, name in {"norm.weight": "batch", "norm.gamma": "layer", "conv.module.weight_bar": "spectral"}.items():
        norm = name if f"cnns.0.1.{key}" in tensors else norm
    return {
        "d_width": width,
        "channels": channels,
        "d_layers": len(places(tensors, r"cnns\.0\.(\d+)\..*bias")) - 1,
        "scales": len(places(tensors, r"cnns\.(\d+)\.0\.conv\.weight")),
        "d_norm": norm,
        "d_activation": "prelu" if "cnns.0.0.activation.weight" in tensors else "lrelu",
    }


def names(network: nn.Module) -> Names:
    """The official names of a network's layers."""
    heads: dict[str, str] = {}
    for theirs, ours in _places(network):
        block = network.get_submodule(ours)
        if isinstance(block, ConvBlock):
            conv = f"{theirs}.conv.module" if isinstance(block.conv, SpectralConv2d) else f"{theirs}.conv"
            heads |= {
                conv: f"{ours}.conv",
                f"{theirs}.norm": f"{ours}.norm",
                f"{theirs}.activation": f"{ours}.activation",
            }
        else:
            heads[theirs] = ours
    return Names(heads, _LEAVES)


def _places(network: nn.Module) -> Iterator[tuple[str, str]]:
    """(official name, our name) of every convolution block and of every layer outside of one."""
    parts: dict[str, str] = {}
    if isinstance(network, StyleGenerator):
        parts = {"enc_style": "style", "enc_content": "content", "dec": "decoder"}
        for number, index in enumerate((0, 2, 4)):
            yield f"mlp.model.{number}.fc", f"mlp.{index}"
            if index < 4:
                yield f"mlp.model.{number}.activation", f"mlp.{index + 1}"
    elif isinstance(network, LatentGenerator):
        parts = {"enc": "encoder", "dec": "decoder"}
    elif isinstance(network, MultiScaleDiscriminator):
        for number, scale in enumerate(network.scales):
            for name, _ in scale.get_submodule("body").named_children():
                yield f"cnns.{number}.{name}", f"scales.{number}.body.{name}"
    elif isinstance(network, (ContentEncoder, StyleEncoder)):
        for name, _ in network.down.named_children():
            yield f"model.{name}", f"down.{name}"
        if isinstance(network, ContentEncoder):
            yield from _blocks(network.blocks, f"model.{len(network.down)}")
        else:
            yield "model.6", "out"
    elif isinstance(network, Decoder):
        yield from _blocks(network.blocks, "model.0")
        for name, _ in network.up.named_children():
            yield f"model.{int(name) + 1}", f"up.{name}"
    for theirs, ours in parts.items():
        for inner_theirs, inner_ours in _places(network.get_submodule(ours)):
            yield f"{theirs}.{inner_theirs}", f"{ours}.{inner_ours}"


def _blocks(blocks: nn.Module, place: str) -> Iterator[tuple[str, str]]:
    for name, _ in blocks.named_children():
        yield f"{place}.model.{name}.model.0", f"blocks.{name}.first"
        yield f"{place}.model.{name}.model.1", f"blocks.{name}.second"


def _role(content: OfficialTensors, encoder: str) -> str | None:
    """What a file with the halves "a" and "b" holds."""
    halves = inside(content)
    if not content.keys() == halves.keys() == {"a", "b"}:
        return None
    if any(key.startswith(f"{encoder}.model.") for key in halves["a"]):
        return "generators"
    return "discriminators" if any(key.startswith("cnns.0.0.") for key in halves["a"]) else None
