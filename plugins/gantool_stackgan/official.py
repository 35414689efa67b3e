"""The authors' PyTorch checkpoints (hanzhanggit/StackGAN-Pytorch): netG_epoch_N.pth, netD_epoch_last.pth."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from gantool.errors import CheckpointError
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
from gantool_stackgan import StackGAN
from gantool_stackgan.networks import SIZES, Stage2G

ROLES = {"G": "g", "D": "d"}
"""The authors' names of the networks, and ours."""

_INNER = "STAGE1_G."
"""What precedes the keys of stage I inside stage II."""


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The generator of either stage, and its discriminator if it is there; None for other files.

    Raises CheckpointError for a discriminator alone, and for files that do not belong together or lack keys.
    """
    found = generator_and_discriminator(files, _generator, _discriminator, "netG_epoch_90.pth")
    if found is None:
        return None
    roles, values = found
    text = values.pop("text")
    return imported(
        StackGAN,
        [Part(ROLES[role], one.file, one.tensors) for role, one in roles.items()],
        values,
        names=names,
        domains=("captioned",),
        size=SIZES[values["stage"]],
        vectors=text,
    )


def names(network: nn.Module) -> Names:
    """The official names of a network's layers: ours, but for stage I inside stage II."""
    inside = isinstance(network, Stage2G)
    return Names(
        {name.replace("stage1", "STAGE1_G", 1) if inside else name: name for name, _ in network.named_modules()}
    )


def _generator(tensors: Tensors) -> Values | None:
    """Options of the generator with these tensors, and the numbers of its texts; None if it is none."""
    stage = 2 if any(key.startswith(_INNER) for key in tensors) else 1
    inner = _INNER if stage == 2 else ""
    if not {f"{inner}ca_net.fc.weight", f"{inner}fc.0.weight", f"{inner}upsample1.1.weight"} <= tensors.keys():
        return None
    both, text = shape(tensors, f"{inner}ca_net.fc.weight", "the generator")
    out, into = shape(tensors, f"{inner}fc.0.weight", "the generator")
    values: Values = {
        "stage": stage,
        "text": text,
        "condition": both // 2,
        "noise": into - both // 2,
        "width": out // (8 * 16),
    }
    if stage == 2:
        values["blocks"] = len(places(tensors, r"residual\.(\d+)\.block\.0\.weight"))
    if min(values.values()) < 1 and values.get("blocks") != 0:
        raise CheckpointError(
            f"a generator with {both} rows of ca_net.fc and {into} columns of fc.0 is none of StackGAN's"
        )
    return values


def _discriminator(tensors: Tensors) -> Values | None:
    """Options of the discriminator with these tensors; None if it is none."""
    head = "get_cond_logits.outlogits.0.weight"
    if not {head, "encode_img.0.weight"} <= tensors.keys():
        return None
    width = shape(tensors, "encode_img.0.weight", "the discriminator")[0]
    return {
        "stage": 2 if any(key.startswith("get_uncond_logits.") for key in tensors) else 1,
        "d_width": width,
        "condition": shape(tensors, head, "the discriminator")[1] - 8 * width,
    }
