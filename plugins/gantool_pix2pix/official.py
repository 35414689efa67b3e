"""Official pix2pix checkpoints (junyanz/pytorch-CycleGAN-and-pix2pix): one network a file, the same as CycleGAN's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.shared_networks import discriminator, generator, names
from gantool.importing.table import Found, Part, Values, agreed, imported, networks
from gantool_pix2pix import Pix2Pix

ROLES = {"G": "g", "D": "d"}
"""The authors' names of the networks, and ours."""
_OF_CYCLEGAN = re.compile(r"(?:.*[_-])?[GD]_[AB]")


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The generator, and the discriminator if it is among these files; None if they are not pix2pix's.

    A generator alone is taken for pix2pix's if it is a U-Net with batch norm, or makes two channels of one (colour of
    lightness): the same networks are CycleGAN's, too. Raises CheckpointError for files that do not fit each other or
    lack keys.
    """
    found = networks(files, {"G": generator, "D": discriminator})
    if found is None or any(_OF_CYCLEGAN.fullmatch(PurePath(file).stem) for file in files):
        return None
    roles = {network.kind: network for network in found}
    if len(roles) < len(found) or "G" not in roles or not _is_pix2pix(roles):
        return None
    values = _options(roles)
    return imported(
        Pix2Pix,
        [Part(ROLES[role], network.file, network.tensors) for role, network in roles.items()],
        values,
        names=names,
        domains=("grey", "colour") if "colorization" in values else ("A", "B"),
        size=256,
    )


def _is_pix2pix(roles: Mapping[str, Found]) -> bool:
    """Whether the generator is pix2pix's and of no other model with the same keys."""
    g = roles["G"].values
    channels = g["inputs"], g["outputs"]
    if channels != (1, 2) and not {*channels} <= {1, 3}:
        return False
    return "D" in roles or channels == (1, 2) or (g["generator"], g["norm"]) == ("unet", "batch")


def _options(roles: Mapping[str, Found]) -> Values:
    """What the files tell. The rest is as the authors released it."""
    g = roles["G"]
    a, b = g.values["inputs"], g.values["outputs"]
    if "D" in roles and roles["D"].values["inputs"] != a + b:
        raise CheckpointError(
            f"{roles['D'].file} judges pictures of {roles['D'].values['inputs']} channels, not the {a} and {b} of a"
            f" pair of {g.file}: they do not belong to one model"
        )
    values = agreed(((network.file, network.values) for network in roles.values()), but=("inputs", "outputs"))
    if (a, b) == (1, 2):
        return values | {"colorization": True, "channels_a": 3, "channels_b": 3}
    return values | {"channels_a": a, "channels_b": b}
