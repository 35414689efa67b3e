"""Official CycleGAN checkpoints (junyanz/pytorch-CycleGAN-and-pix2pix): one network a file, told apart by name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.shared_networks import discriminator, generator, names
from gantool.importing.table import Part, Values, agreed, imported, networks, no_generator, once
from gantool.spec import Direction
from gantool_cyclegan import CycleGAN

ROLES = {"G_A": "g_ab", "G_B": "g_ba", "D_A": "d_b", "D_B": "d_a"}
"""The authors' names of the networks, and ours: their G_A translates A to B, and their D_A judges pictures of B."""
_CHANNELS = {
    "G_A": {"inputs": "channels_a", "outputs": "channels_b"},
    "G_B": {"inputs": "channels_b", "outputs": "channels_a"},
    "D_A": {"inputs": "channels_b"},
    "D_B": {"inputs": "channels_a"},
}
_DIRECTIONS = {"G_A": Direction("A", "B"), "G_B": Direction("B", "A")}
_KIND_OF_PIX2PIX = {"generator": "unet", "norm": "batch"}
_ROLE = re.compile(r"(?:.*[_-])?([GD](?:_[AB])?)")


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in these files; None if one of them holds no CycleGAN network.

    A single generator whose name ends in neither `_G_A` nor `_G_B` (the released `latest_net_G.pth`) translates A to B,
    unless it is a U-Net with batch norm, as pix2pix's are.
    Raises CheckpointError for files that contradict their names or each other, or lack keys.
    """
    found = networks(files, {"G": generator, "D": discriminator})
    if found is None:
        return None
    named = [(network.named(_ROLE), network) for network in found]
    if any(name == "D" for name, _ in named):  # it could judge either domain
        return None
    if [name for name, _ in named] == ["G"] and _KIND_OF_PIX2PIX.items() <= found[0].values.items():
        return None
    unclear = [network.file for name, network in named if name == "G"]
    if unclear and sum(network.kind == "G" for network in found) > 1:
        raise CheckpointError(
            f"{unclear[0]}: which generator is it? Let its name end in _G_A (A to B) or _G_B (B to A)"
        )
    roles = once(("G_A" if name == "G" else name, network) for name, network in named)
    if not roles.keys() & _DIRECTIONS.keys():
        raise no_generator(files, "latest_net_G_A.pth and latest_net_G_B.pth")
    values = agreed((network.file, _options(role, network.values)) for role, network in roles.items())
    if values["channels_a"] != values["channels_b"]:
        values["identity"] = 0.0
    return imported(
        CycleGAN,
        [Part(ROLES[role], network.file, network.tensors) for role, network in roles.items()],
        values,
        names=names,
        size=256,
        directions=tuple(way for role, way in _DIRECTIONS.items() if role in roles),
    )


def _options(role: str, values: Values) -> Values:
    return {_CHANNELS[role].get(key, key): value for key, value in values.items()}
