"""Official StarGAN checkpoints (yunjey/stargan): `NNNNNN-G.ckpt` and `NNNNNN-D.ckpt`, a bare state dict each.

Our networks have their keys. Options are read off the shapes; what the labels are called stands in no file.
"""

from __future__ import annotations

from collections.abc import Mapping

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.table import Found, Part, Tensors, Values, imported, networks, no_generator, once, places
from gantool_stargan import StarGAN

RELEASED = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
"""The attributes of the released files, which have five labels."""

_JOINT_CLASSES = 8  # the expressions of the authors' joint training
_SIZE = 128  # of the authors' pictures, where no discriminator tells


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The generator and the discriminator in these files; None if one of them holds neither.

    Raises CheckpointError for files that do not belong together or lack keys.
    """
    found = networks(files, {"G": generator, "D": discriminator})
    if found is None:
        return None
    roles = once((network.kind, network) for network in found)
    if "G" not in roles:
        raise no_generator(files, "NNNNNN-G.ckpt")
    names, attributes = _labels(roles)
    g, d = roles["G"].values, roles["D"].values if "D" in roles else None
    values = {"attributes": attributes, "width": g["width"], "blocks": g["blocks"]}
    return imported(
        StarGAN,
        [Part(role.lower(), network.file, network.tensors) for role, network in roles.items()],
        values | ({"d_width": d["width"], "d_layers": d["layers"]} if d else {}),
        domains=names,
        size=d["kernel"] * 2 ** d["layers"] if d else _SIZE,
        # Without D nothing tells what a picture is: targets that change its own labels are refused.
        directions=() if attributes and d is None else None,
    )


def generator(tensors: Tensors) -> Values | None:
    """Width, blocks and labels of the generator with these tensors; None if it is none."""
    first = tensors.get("main.0.weight")
    if first is None or first.dim() != 4 or tuple(first.shape[2:]) != (7, 7) or first.shape[1] <= 3:
        return None
    if "main.1.weight" not in tensors:
        return None
    blocks = places(tensors, r"main\.(\d+)\.main\.0\.weight")
    return {"width": first.shape[0], "blocks": blocks[-1] - 8 if blocks else 0, "labels": first.shape[1] - 3}


def discriminator(tensors: Tensors) -> Values | None:
    """Width, layers, labels and the kernel of the labels' head; None if it is none."""
    first, head = tensors.get("main.0.weight"), tensors.get("conv2.weight")
    if first is None or first.dim() != 4 or head is None or head.dim() != 4 or "conv1.weight" not in tensors:
        return None
    layers = places(tensors, r"main\.(\d+)\.weight")[-1] // 2 + 1
    return {"width": first.shape[0], "layers": layers, "labels": head.shape[0], "kernel": head.shape[2]}


def _labels(roles: Mapping[str, Found]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names for all labels, and those of them that are attributes."""
    g = roles["G"]
    told = g.values["labels"]
    judged = roles["D"].values["labels"] if "D" in roles else told
    numbered = tuple(f"label{number}" for number in range(1, judged + 1))
    if judged == told:
        return (RELEASED, RELEASED) if told == len(RELEASED) else (numbered, ())
    if judged != told - 2:
        raise CheckpointError(f"{g.file} and {roles['D'].file} do not belong to one model: {told} and {judged} labels")
    if judged != len(RELEASED) + _JOINT_CLASSES:
        raise CheckpointError(
            f"{g.file} was trained jointly on {judged} labels, and nothing tells which of them are attributes: "
            f"only the authors' {len(RELEASED)} and {_JOINT_CLASSES} are known"
        )
    return (*RELEASED, *numbered[:_JOINT_CLASSES]), RELEASED
