"""Official pix2pix checkpoints (junyanz/pytorch-CycleGAN-and-pix2pix): options from their shapes.

The networks are those of the same authors' CycleGAN, and so are the maps of their keys. One file holds one network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import torch
from gantool_cyclegan.official import discriminator_options, generator_options, load
from torch import Tensor

from gantool import options as opt
from gantool.errors import CheckpointError, UsageError
from gantool.importing.official import Imported, OfficialTensors
from gantool.spec import Direction
from gantool_pix2pix import Pix2Pix, discriminator, generator

ROLES = {"G": "g", "D": "d"}
"""The authors' names of the networks, and ours."""

_OF_CYCLEGAN = re.compile(r"(?:.*[_-])?[GD]_[AB]")


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The generator, and the discriminator if it is among these files; None if they are not pix2pix's.

    A generator alone is taken for pix2pix's if it is a U-Net with batch norm, or makes two channels of one (colour of
    lightness): the same networks are CycleGAN's, too. Raises CheckpointError for files that do not fit each other or
    lack keys.
    """
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    networks: dict[str, dict[str, Tensor]] = {}
    for file, content in files.items():
        flat = {key: value for key, value in content.items() if isinstance(value, Tensor)}
        g, d = generator_options(flat), discriminator_options(flat)
        role, values = ("G", g) if g is not None else ("D", d)
        if values is None or role in found or _OF_CYCLEGAN.fullmatch(PurePath(file).stem):
            return None
        found[role], networks[role] = (file, values), flat
    if "G" not in found or not _is_pix2pix(found["G"][1], "D" in found):
        return None
    options = _options(found)

    tensors: dict[str, Tensor] = {}
    used: dict[tuple[str, str], str] = {}
    dropped: dict[tuple[str, str], str] = {}
    a, b = (1, 2) if options.colorization else (options.channels_a, options.channels_b)
    for role, (file, _) in found.items():
        with torch.device("meta"):
            network = generator(options, a, b) if role == "G" else discriminator(options, a + b)
        names, unused = load(network, networks[role], file)
        used |= {(file, key): f"{ROLES[role]}.{name}" for key, name in names.items()}
        dropped |= {(file, key): why for key, why in unused.items()}
        tensors |= {f"{ROLES[role]}.{name}": value for name, value in network.state_dict().items()}
    domains = ("grey", "colour") if options.colorization else ("A", "B")
    return Imported(
        options=options,
        spec=Pix2Pix.data(options).spec(domains, 256),
        tensors=tensors,
        used=used,
        dropped=dropped,
        directions=(Direction(*domains),),
    )


def _is_pix2pix(generator: Mapping[str, Any], with_discriminator: bool) -> bool:
    """Whether a generator of these options is pix2pix's and of no other model with the same keys."""
    channels = generator["channels_a"], generator["channels_b"]
    if channels != (1, 2) and not {*channels} <= {1, 3}:
        return False
    return with_discriminator or channels == (1, 2) or (generator["generator"], generator["norm"]) == ("unet", "batch")


def _options(found: Mapping[str, tuple[str, Mapping[str, Any]]]) -> Pix2Pix.Options:
    """The options on which the files agree. What the keys do not tell is as the authors released it."""
    file, g = found["G"]
    values = dict(g)
    if "D" in found:
        other, d = found["D"]
        if d["channels"] != g["channels_a"] + g["channels_b"]:
            raise CheckpointError(
                f"{other} judges pictures of {d['channels']} channels, not the {g['channels_a']} and "
                f"{g['channels_b']} of a pair of {file}: they do not belong to one model"
            )
        if d["norm"] != g["norm"]:
            raise CheckpointError(f"{file} and {other} do not belong to one model: norm is {g['norm']} and {d['norm']}")
        values |= {key: value for key, value in d.items() if key != "channels"}
    if (g["channels_a"], g["channels_b"]) == (1, 2):
        values |= {"colorization": True, "channels_a": 3, "channels_b": 3}
    try:
        options: Pix2Pix.Options = opt.restore(Pix2Pix.Options, values, where="pix2pix")
    except UsageError as error:
        raise CheckpointError(f"{', '.join(file for file, _ in found.values())}: {error}") from error
    return options
