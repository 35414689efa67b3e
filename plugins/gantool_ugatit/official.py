"""Official U-GAT-IT checkpoints (znxlwm/UGATIT-pytorch): one file, six networks; their keys as ours."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import nn

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.table import Names, Part, Tensors, Values, imported, inside, places, shape
from gantool.networks.spectral import SpectralConv2d, SpectralLinear
from gantool.spec import Direction
from gantool_ugatit import UGATIT
from gantool_ugatit.networks import Discriminator, Generator

ROLES = {
    "genA2B": "g_ab",
    "genB2A": "g_ba",
    "disGA": "d_a",
    "disGB": "d_b",
    "disLA": "local_a",
    "disLB": "local_b",
}
"""The authors' names of the networks, and ours."""

_DIRECTIONS = {"genA2B": Direction("A", "B"), "genB2A": Direction("B", "A")}
_ATTENTION = {"gap_fc": "attention.gap", "gmp_fc": "attention.gmp", "conv1x1": "attention.merge"}
_GENERATOR = _ATTENTION | {
    "gamma": "gamma",
    "beta": "beta",
    "FC.0": "style.0",
    "FC.2": "style.2",
    "DownBlock.1": "stem.1",
    "DownBlock.5": "down.1",
    "DownBlock.9": "down.5",
    "UpBlock2.2": "up.2",
    "UpBlock2.3": "up.3",
    "UpBlock2.7": "up.7",
    "UpBlock2.8": "up.8",
    "UpBlock2.11": "head.1",
}
_SPECTRAL = {"weight_orig": "weight", "weight_u": "u", "weight_v": "v"}
_UNUSED_SIZE = 256  # of a light generator's file, which says nothing of sizes


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The model in one official file; None if it is none. Raises CheckpointError for one that lacks a generator."""
    if len(files) != 1:
        return None
    ((file, content),) = files.items()
    found = {name: tensors for name, tensors in inside(content).items() if name in ROLES}
    if not any(tensors.keys() & {"gap_fc.weight", "gap_fc.weight_orig"} for tensors in found.values()):
        return None
    if not found.keys() & _DIRECTIONS.keys():
        raise CheckpointError(f"{file} holds U-GAT-IT's discriminators but neither of its generators")
    values, size = _options(file, found)
    return imported(
        UGATIT,
        [Part(ROLES[role], file, tensors, within=role) for role, tensors in found.items()],
        values,
        names=names,
        size=size,
        directions=tuple(way for role, way in _DIRECTIONS.items() if role in found),
    )


def names(network: nn.Module) -> Names:
    """The official names of a network's layers."""
    if isinstance(network, Discriminator):
        body = {f"model.{i}": f"body.{i}" for i, _ in network.body.named_children()}
        return Names(_ATTENTION | body | {"conv": "head.1"}, {SpectralConv2d: _SPECTRAL, SpectralLinear: _SPECTRAL})
    assert isinstance(network, Generator)
    heads = dict(_GENERATOR)
    for i, block in network.encoder.named_children():
        inner = block.get_submodule("body").named_children()
        heads |= {f"DownBlock.{int(i) + 12}.conv_block.{j}": f"encoder.{i}.body.{j}" for j, _ in inner}
    for i, block in network.decoder.named_children():
        heads |= {f"UpBlock1_{int(i) + 1}.{name}": f"decoder.{i}.{name}" for name, _ in block.named_children()}
    return Names(heads)


def _options(file: str, found: Mapping[str, Tensors]) -> tuple[Values, int]:
    """Options and picture size, off the shapes."""
    first = "genA2B" if "genA2B" in found else "genB2A"
    g, where = found[first], f"{file}: {first}"
    out, into = shape(g, "FC.0.weight", where)
    values: Values = {
        "light": out == into,
        "width": shape(g, "DownBlock.1.weight", where)[0],
        "blocks": len(places(g, r"UpBlock1_(\d+)\.conv1\.weight")),
    }
    for role, option in (("disG", "global_layers"), ("disL", "local_layers")):
        judge = found.get(f"{role}A") or found.get(f"{role}B")
        if judge is not None and "model.1.weight_orig" in judge:
            values["d_width"] = judge["model.1.weight_orig"].shape[0]
            values[option] = 1 + len(places(judge, r"model\.(\d+)\.weight_orig"))
    return values, _UNUSED_SIZE if out == into else 4 * math.isqrt(into // out)
