"""Official CUT and FastCUT checkpoints (taesungp/contrastive-unpaired-translation): one network a file."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.importing import shared_networks
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.shared_networks import BLUR_FILTER, blurs
from gantool.importing.table import (
    Found,
    Names,
    Part,
    Tensors,
    Values,
    agreed,
    imported,
    in_sequence,
    networks,
    no_generator,
    once,
    places,
)
from gantool_cut import CUT
from gantool_cut.antialiasing import Downsample, Upsample
from gantool_cut.networks import Discriminator, Generator, Projection

ROLES = {"G": "g", "D": "d", "F": "f"}
"""The authors' names of the networks, and ours."""

_CONSTANT = "a blur filter, which is always the same"
_OTHER_LAYERS = "of other layers of the generator than usual: no file says which"


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in these files; None if one holds no network of CUT, or if they could as well be CycleGAN's.

    They are CUT's by their blur filters, or by a projection network. Raises CheckpointError for files without a
    generator, for blur filters that are not CUT's, and for files that do not fit each other or lack keys.
    """
    found = networks(files, {"G": _generator, "D": _discriminator, "F": _projection})
    if found is None or not any(one.kind == "F" or blurs(one.tensors) for one in found):
        return None
    roles = once((one.kind, one) for one in found)
    if "G" not in roles:
        raise no_generator(files, "latest_net_G.pth")
    g = roles["G"]
    if g.values["inputs"] != g.values["channels"]:
        raise CheckpointError(f"{g.file}: the pictures that it reads and those that it makes differ in their channels")
    dropped = {(one.file, key): _CONSTANT for one in found for key in filters(one)}
    values = agreed(((one.file, one.values) for one in found), but=("inputs", "projected"))
    last = (11 if g.values["antialias"] else 9) + g.values["blocks"]
    values["layers"] = tuple(number for number in CUT.Options.layers if number <= last)
    if "F" in roles and roles["F"].values["projected"] != _channels(g.values, values["layers"]):
        f = roles.pop("F")
        dropped |= {(f.file, key): _OTHER_LAYERS for key in f.tensors}
        del values["f_width"]
    return imported(
        CUT,
        [Part(ROLES[role], one.file, without_filters(one.tensors)) for role, one in roles.items()],
        values,
        names=names,
        size=256,
        dropped=dropped,
    )


def names(network: nn.Module) -> Names:
    """The official names of a network's layers."""
    if isinstance(network, Projection):
        return Names({f"mlp_{i}.{j}": f"heads.{i}.{j}" for i, _ in network.heads.named_children() for j in (0, 2)})
    if isinstance(network, Discriminator):
        return Names(in_sequence(network, "model", ("body",)))
    return shared_networks.names(network)


def without_filters(tensors: Tensors) -> Tensors:
    """A network's tensors but for its blur filters, which are constants with us."""
    return {key: value for key, value in tensors.items() if not key.endswith(BLUR_FILTER)}


def filters(network: Found) -> list[str]:
    """The keys of a network's blur filters. Raises CheckpointError for one that is not CUT's."""
    found = [key for key in network.tensors if key.endswith(BLUR_FILTER)]
    for key in found:
        value = network.tensors[key]
        if not any(_same(value, kind(value.shape[:1].numel())) for kind in (Downsample, Upsample)):
            raise CheckpointError(f"{network.file}: {key} is not CUT's blur filter: this is another network")
    return found


def _same(value: Tensor, layer: Downsample | Upsample) -> bool:
    kernel = layer.kernel(value.float())
    return value.shape == kernel.shape and torch.allclose(value.float(), kernel, atol=1e-6)


def _generator(tensors: Tensors) -> Values | None:
    """Options of the generator with these tensors; None if it is none."""
    first, antialias = tensors.get("model.1.weight"), f"model.7{BLUR_FILTER}" in tensors
    convolutions = _convolutions(tensors)
    blocks = places(convolutions, r"model\.(\d+)\.conv_block\.\d+\.weight")
    if first is None or tuple(first.shape[2:]) != (7, 7) or not blocks or blocks[0] != (12 if antialias else 10):
        return None
    antialias_up = f"model.{blocks[-1] + 1}{BLUR_FILTER}" in tensors
    last = tensors.get(f"model.{blocks[-1] + (10 if antialias_up else 8)}.weight")
    return {
        "width": first.shape[0],
        "blocks": len(blocks),
        "antialias": antialias,
        "antialias_up": antialias_up,
        "norm": _norm(tensors, "model.1.bias"),
        "dropout": 6 in places(convolutions, r"model\.\d+\.conv_block\.(\d+)\.weight"),  # it moves what follows
        "inputs": first.shape[1],
        "channels": first.shape[1] if last is None else last.shape[0],
    }


def _discriminator(tensors: Tensors) -> Values | None:
    """Options of the discriminator with these tensors; None if it is none."""
    first, numbers = tensors.get("model.0.weight"), places(_convolutions(tensors), r"model\.(\d+)\.weight")
    if first is None:
        pixel = shared_networks.discriminator(tensors)
        return pixel and {**pixel, "channels": pixel["inputs"]}
    if tuple(first.shape[2:]) != (4, 4) or len(numbers) < 3:
        return None
    return {
        "discriminator": "patch",
        "d_width": first.shape[0],
        "d_layers": len(numbers) - 2,
        "antialias": blurs(tensors),
        "norm": _norm(tensors, f"model.{numbers[1]}.bias"),
        "channels": first.shape[1],
    }


def _projection(tensors: Tensors) -> Values | None:
    """Options of the projection network with these tensors; None if it is none."""
    shapes = [tensors[f"mlp_{i}.0.weight"].shape for i in places(tensors, r"mlp_(0|[1-9]\d*)\.0\.weight")]
    if not shapes or any(len(shape) != 2 for shape in shapes):
        return None
    return {"f_width": shapes[0][0], "projected": [channels for _, channels in shapes]}


def _convolutions(tensors: Tensors) -> list[str]:
    return [key for key, value in tensors.items() if value.dim() == 4 and not key.endswith(BLUR_FILTER)]


def _norm(tensors: Tensors, bias: str) -> str:
    """By the norm's own weights, or by the bias of a convolution in front of one."""
    if any(key.endswith(".weight") and value.dim() == 1 for key, value in tensors.items()):
        return "batch"
    return "instance" if bias in tensors else "none"


def _channels(g: Values, layers: tuple[int, ...]) -> list[int]:
    """Channels of the features of these layers of a generator."""
    with torch.device("meta"):
        network = Generator(g["channels"], width=g["width"], blocks=g["blocks"], antialias=g["antialias"])
    return [network.channels_of(number) for number in layers]
