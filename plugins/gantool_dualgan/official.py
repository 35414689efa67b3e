"""Variables of the authors' DualGAN (duxingren14/DualGAN), by the names that TensorFlow has for them.

All networks are in one file. Kernels are (height, width, in, out), transposed ones (height, width, out, in). The code
of 2020 sees blue, green, red: the channels of the first and the last layers are turned round.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.table import (
    Names,
    Part,
    Tensors,
    Values,
    agreed,
    from_tensorflow,
    imported,
    no_generator,
    places,
    shape,
)
from gantool.networks.norms import AffineInstanceNorm
from gantool.spec import Direction
from gantool_dualgan import DualGAN
from gantool_dualgan.networks import Generator

ROLES = {"A_g": "g_ab", "B_g": "g_ba", "A_d": "d_b", "B_d": "d_a"}
"""The authors' names of the networks, and ours: their A_g translates A to B, and their A_d judges pictures of B."""
_DIRECTIONS = {"A_g": Direction("A", "B"), "B_g": Direction("B", "A")}
_VARIABLE = re.compile(r"([AB]_[gd])_(\w+)/(w|biases|scale|center|Matrix|bias)")
_CONV = {"w": "weight", "biases": "bias"}
_LEAVES = {
    nn.Conv2d: _CONV,
    nn.ConvTranspose2d: _CONV,
    nn.Linear: {"Matrix": "weight"},
    AffineInstanceNorm: {"scale": "weight", "center": "bias"},
}
_OF_2017 = {"kernel": 5, "dropout": True, "gan": "vanilla", "cycle_a": 20.0, "cycle_b": 20.0}


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in these files; None if one of them holds none of DualGAN.

    The discriminators of 2017 are left out: a training begins with new ones. Raises CheckpointError for files that
    contradict each other, or lack keys.
    """
    parts: dict[str, Part] = {}
    told: list[tuple[str, Values]] = []
    dropped: dict[tuple[str, str], str] = {}
    for file, content in files.items():
        variables = {key: value for key, value in content.items() if isinstance(value, Tensor)}
        networks = _networks(variables)
        if not networks:
            return None
        dropped |= {(file, key): "no variable of a network" for key in variables if not _VARIABLE.fullmatch(key)}
        for name, own in networks.items():
            if name in parts:
                raise CheckpointError(f"{parts[name].file} and {file} both hold {name}: give each network once")
            if _of_2017(name, own):
                dropped |= {(file, f"{name}_{key}"): "a discriminator of 2017" for key in own}
                continue
            values = generator(name, own, file) if name in _DIRECTIONS else discriminator(name, own, file)
            told.append((file, values))
            parts[name] = Part(ROLES[name], file, own, within=name)
    if not parts.keys() & _DIRECTIONS.keys():
        raise no_generator(files, "the variables A_g_* and B_g_*")
    values = agreed(told)
    size = values.pop("size", 256)
    if values["kernel"] == _OF_2017["kernel"]:
        values |= _OF_2017
    found = imported(
        DualGAN,
        [replace(part, tensors=in_torchs_order(part.tensors, bgr=values["kernel"] == 3)) for part in parts.values()],
        values,
        names=names,
        size=size,
        directions=tuple(way for name, way in _DIRECTIONS.items() if name in parts),
    )
    used = {(file, key.replace(".", "_", 1).replace(".", "/")): ours for (file, key), ours in found.used.items()}
    return replace(found, used=used, dropped=dropped)


def in_torchs_order(tensors: Tensors, *, bgr: bool) -> Tensors:
    """Kernels (out, in, height, width), and (in, out, height, width) of transposed ones; a dot before the last part of
    a name. `bgr` turns the channels of pictures round."""
    ordered = {key.replace("/", "."): from_tensorflow(value) for key, value in tensors.items()}
    if bgr:
        last = f"d{_depth(tensors)}" if "e1_conv.w" in ordered else ""
        for key, channels in (("e1_conv.w", 1), ("h0_conv.w", 1), (f"{last}.w", 1), (f"{last}.biases", 0)):
            if key in ordered:
                ordered[key] = ordered[key].flip(channels)
    return ordered


def names(network: nn.Module) -> Names:
    """The official names of a network's layers."""
    if isinstance(network, Generator):
        depth = len(network.down)
        heads = {"e1_conv": "down.0", f"d{depth}": "up.0.1"}
        for level in range(1, depth):
            heads |= {f"e{level + 1}_conv": f"down.{level}.1", f"bn_e{level + 1}": f"down.{level}.2"}
            heads |= {f"d{depth - level}": f"up.{level}.1", f"bn_d{depth - level}": f"up.{level}.2"}
        return Names(heads, _LEAVES)
    heads = {"h0_conv": "body.0", "d_h3_lin" if isinstance(network.head, nn.Linear) else "h4": "head"}
    for number, name in enumerate(("1", "2", "3", "3_1")):
        heads |= {f"h{name}_conv": f"body.{3 * number + 2}", f"bn{name}": f"body.{3 * number + 3}"}
    return Names(heads, _LEAVES)


def generator(name: str, variables: Tensors, where: str) -> Values:
    """Options of the generator with these variables. Raises CheckpointError."""
    depth = _depth(variables)
    first, last = shape(variables, "e1_conv/w", where), shape(variables, f"d{depth}/w", where)
    into, out = ("channels_a", "channels_b") if name == "A_g" else ("channels_b", "channels_a")
    kernel = shape(variables, "e2_conv/w", where)[0]
    return {"width": first[3], "depth": depth, "kernel": kernel, into: first[2], out: last[2]}


def discriminator(name: str, variables: Tensors, where: str) -> Values:
    """Options of the discriminator of 2020 with these variables; `whole` ones tell their `size`.

    Raises CheckpointError.
    """
    first = shape(variables, "h0_conv/w", where)
    values: Values = {"d_width": first[3], "channels_b" if name == "A_d" else "channels_a": first[2]}
    if "d_h3_lin/Matrix" not in variables:
        return {**values, "discriminator": "patch"}
    places = shape(variables, "d_h3_lin/Matrix", where)[0] // shape(variables, "h3_1_conv/w", where)[3]
    return {**values, "discriminator": "whole", "size": 32 * math.isqrt(places)}


def _networks(variables: Tensors) -> dict[str, dict[str, Tensor]]:
    """The networks' variables, without the names of their networks."""
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in variables.items():
        if match := _VARIABLE.fullmatch(key):
            found.setdefault(match[1], {})[f"{match[2]}/{match[3]}"] = value
    first = {"g": "e1_conv/w", "d": "h0_conv/w"}
    return found if all(first[name[-1]] in own for name, own in found.items()) else {}


def _of_2017(name: str, variables: Tensors) -> bool:
    second = variables.get("h1_conv/w")
    return name not in _DIRECTIONS and second is not None and second.shape[0] == 5


def _depth(variables: Tensors) -> int:
    return places(variables, r"e(\d+)_conv/w")[-1]
