"""State dicts of the authors' DiscoGAN networks (SKTBrain/DiscoGAN), one network a file.

The authors save whole modules, whose pickles `gantool import` refuses. Their networks see blue, green, red; ours red,
green, blue: the channels of the first and the last layer are turned round.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.table import Found, Part, Tensors, Values, agreed, imported, networks, no_generator, once, shape
from gantool.spec import Direction
from gantool_discogan import DiscoGAN

ROLES = {"generator_A": "g_ba", "generator_B": "g_ab", "discriminator_A": "d_a", "discriminator_B": "d_b"}
"""The authors' names of the networks, and ours: their generator_A makes pictures of A."""
_DIRECTIONS = {"generator_A": Direction("B", "A"), "generator_B": Direction("A", "B")}
_KINDS = {"gen": "generator", "dis": "discriminator"}
_FILE = re.compile(r"(?:.*[_-])?(gen|dis)(?:erator|criminator)?_([AB])(?:-\d+)?")


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in these files, by the authors' names for them; None if one of them holds no DiscoGAN network.

    Raises CheckpointError for files that contradict their names or each other, or lack keys.
    """
    found = networks(files, {"G": generator, "D": discriminator})
    if found is None:
        return None
    roles = once((_role(network), network) for network in found)
    if not roles.keys() & _DIRECTIONS.keys():
        raise no_generator(files, "model_gen_A and model_gen_B")
    values = agreed((network.file, network.values) for network in found)
    return imported(
        DiscoGAN,
        [Part(ROLES[role], network.file, _in_our_colours(network.tensors)) for role, network in roles.items()],
        values,
        size=64,
        directions=tuple(way for role, way in _DIRECTIONS.items() if role in roles),
    )


def generator(tensors: Tensors) -> Values | None:
    """Options of the generator with these tensors; None if it is none."""
    first = tensors.get("main.0.weight")
    last = tensors.get(_last(tensors))
    if first is None or last is None or first.dim() != 4 or last.shape != first.shape:
        return None
    deep = _last(tensors) == "main.26.weight"
    return {"width": first.shape[0], "bottleneck": shape(tensors, "main.11.weight", "the generator")[0] if deep else 0}


def discriminator(tensors: Tensors) -> Values | None:
    """Options of the discriminator with these tensors; None if it is none."""
    first = tensors.get("conv1.weight")
    if first is None or first.dim() != 4 or "conv5.weight" not in tensors or "bn2.weight" not in tensors:
        return None
    return {"d_width": first.shape[0]}


def _role(network: Found) -> str:
    named = _FILE.fullmatch(PurePath(network.file).stem)
    kind = "generator" if network.kind == "G" else "discriminator"
    if named is None:
        short = kind[:3]
        raise CheckpointError(
            f"{network.file} holds a {kind}: which one? Let its name end in {short}_A or {short}_B"
            " (gen_A makes pictures of A)"
        )
    if _KINDS[named[1]] != kind:
        raise CheckpointError(
            f"{network.file} holds a {kind}, but its name says {_KINDS[named[1]]}: are they mixed up?"
        )
    return f"{kind}_{named[2]}"


def _last(tensors: Tensors) -> str:
    """The key of a generator's last layer."""
    return "main.26.weight" if "main.26.weight" in tensors else "main.20.weight"


def _in_our_colours(tensors: Tensors) -> Tensors:
    colours = ("main.0.weight", _last(tensors), "conv1.weight")
    return {key: value.flip(1) if key in colours else value for key, value in tensors.items()}
