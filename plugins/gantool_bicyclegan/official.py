"""Official BicycleGAN checkpoints (junyanz/BicycleGAN): one network a file, `latest_net_G.pth`, `_E`, `_D`, `_D2`.

The released ones are G and E.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import nn

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.table import (
    Found,
    Names,
    Part,
    Tensors,
    Values,
    agreed,
    imported,
    networks,
    no_generator,
    once,
)
from gantool_bicyclegan import BicycleGAN
from gantool_bicyclegan.networks import Encoder, EncoderBlock, StyleUnet

ROLES = {"G": "g", "E": "e", "D": "d", "D2": "d2"}
"""The authors' names of the networks, and ours."""

_ROLE = re.compile(r"(?:.*[_-])?(G|E|D2?)")
_OLD = re.compile(r"model(?=\d)")  # model0.0.weight for model_0.0.weight, in files of 2017
_TWICE = "the code of 2017 saved D under this name: D2 is lost"
_RELEASED_NZ = 8


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in these files, told apart by keys and names; None if one of them holds none of BicycleGAN's.

    A generator is enough. Raises CheckpointError for files that contradict their names or each other, or lack keys.
    """
    found = networks(files, {"G": generator, "E": encoder, "D": discriminator})
    if found is None or {network.kind for network in found} == {"D"}:
        return None  # discriminators look alike in many models
    roles = once((network.named(_ROLE), network) for network in found)
    if "G" not in roles:
        raise no_generator(files, "latest_net_G.pth")
    values = _options(roles)
    lost = [network for role, network in roles.items() if role == "D2" and any(map(_OLD.match, network.tensors))]
    return imported(
        BicycleGAN,
        [Part(ROLES[role], net.file, net.tensors) for role, net in roles.items() if net not in lost],
        values,
        names=names,
        size=2 ** (values["e_layers"] + 3),
        dropped={(network.file, key): _TWICE for network in lost for key in network.tensors},
    )


def names(network: nn.Module) -> Names:
    """The official names of a network's layers."""
    if isinstance(network, StyleUnet):
        return Names(_unet(network))
    return Names(_encoder(network) if isinstance(network, Encoder) else _scales(network))


def _encoder(network: Encoder) -> dict[str, str]:
    heads = {"fc.0": "mu", "fcVar.0": "logvar"}
    for i, layer in network.body.named_children():
        heads[f"conv.{i}"] = f"body.{i}"
        if isinstance(layer, EncoderBlock):
            heads |= {f"conv.{i}.conv.{j}": f"body.{i}.body.{j}" for j, _ in layer.body.named_children()}
            last = len(layer.body) - 1
            heads[f"conv.{i}.conv.{last}.0"] = f"body.{i}.body.{last}"  # in a sequence with the pooling
            heads[f"conv.{i}.shortcut.1"] = f"body.{i}.shortcut"  # behind its pooling
    return heads


def _scales(network: nn.Module) -> dict[str, str]:
    scales = list(network.get_submodule("scales").named_children())
    layers = [(i, name) for i, scale in scales for name, _ in scale.named_children()]
    if len(scales) == 1:
        return {f"model.{name}": f"scales.{i}.{name}" for i, name in layers}
    return {f"model{mark}{i}.{name}": f"scales.{i}.{name}" for mark in ("", "_") for i, name in layers}


def _unet(network: StyleUnet) -> dict[str, str]:
    """Each level of the authors' U-Net holds the next deeper one.

    Where the code joins at all levels, a level has a sequence down and one up; else it is one sequence: way down,
    deeper level, way up. Below the outermost level the way down begins with an activation.
    """
    heads: dict[str, str] = {}
    inside = "model." if network.everywhere else "model.model."
    for level, (down, up) in enumerate(zip(network.down, network.up, strict=True)):
        first = 1 if level else 0
        layers_down, layers_up = (len(list(part.children())) for part in (down, up))
        after = first + layers_down
        deeper = level < len(network.down) - 1
        for i in range(layers_down):
            heads[f"{inside}down.{first + i}" if network.everywhere else f"{inside}{first + i}"] = f"down.{level}.{i}"
        for i in range(layers_up):
            heads[f"{inside}up.{i}" if network.everywhere else f"{inside}{after + deeper + i}"] = f"up.{level}.{i}"
        inside += "submodule." if network.everywhere else f"{after}.model."
    return heads


def generator(tensors: Tensors) -> Values | None:
    """Options of the generator with these tensors; None if it is none.

    Where the code joins at the input alone, `inputs` counts the channels of the picture and the code together.
    """
    first, second = tensors.get("model.down.0.weight"), tensors.get("model.submodule.down.1.weight")
    if first is not None and second is not None and first.dim() == second.dim() == 4:
        width, nz = first.shape[0], second.shape[1] - first.shape[0]
        values: Values = {"where": "all", "nz": nz, "channels_a": first.shape[1] - nz}
        depth = 1 + max(key.count("submodule.") for key in tensors)
        norm = "batch" if "model.submodule.down.2.weight" in tensors else None  # instance and none look alike
        up = "model.up.1.weight", "model.up.3.weight"
    else:
        first, second = tensors.get("model.model.0.weight"), tensors.get("model.model.1.model.1.weight")
        # The U-Net of pix2pix and CycleGAN has these keys as well, but sees no more than a picture.
        if first is None or second is None or first.dim() != 4 or first.shape[1] <= 3 or len(second.shape) != 4:
            return None
        width, inside = first.shape[0], "model.model.1.model."
        values = {"where": "input", "inputs": first.shape[1]}
        depth = max(key.count("model.") for key in tensors) - 1
        moved_up = f"{inside}2.model.1.weight" in tensors
        norm = "none" if moved_up else "batch" if f"{inside}2.weight" in tensors else "instance"
        up = "model.model.3.weight", "model.model.5.weight"
    basic, bilinear = (tensors.get(key) for key in up)
    last = basic if bilinear is None else bilinear
    if last is None or last.dim() != 4:
        return None
    values |= {"width": width, "depth": depth, "upsample": "basic" if bilinear is None else "bilinear"}
    values["channels_b"] = last.shape[1 if bilinear is None else 0]
    return values if norm is None else values | {"norm": norm}


def encoder(tensors: Tensors) -> Values | None:
    """Options of the encoder with these tensors; None if it is none."""
    first, head = tensors.get("conv.0.weight"), tensors.get("fc.0.weight")
    if first is None or head is None or "fcVar.0.weight" not in tensors or first.dim() != 4 or head.dim() != 2:
        return None
    values: Values = {"nz": head.shape[0], "e_width": first.shape[0], "channels_b": first.shape[1]}
    shortcuts = sum(".shortcut.1.weight" in key for key in tensors)
    convolutions = sum(value.dim() == 4 for value in tensors.values())
    values |= {"encoder": "resnet" if shortcuts else "conv", "e_layers": 1 + shortcuts if shortcuts else convolutions}
    # Without a norm the layers behind it move up. Two convolutions alone do not tell.
    norm, other = ("conv.1.conv.0", "conv.1.conv.2") if shortcuts else ("conv.3", "conv.5")
    if f"{norm}.weight" in tensors:
        return values | {"norm": "batch"}
    if f"{other}.weight" in tensors:
        return values | {"norm": "instance"}
    return values | {"norm": "none"} if shortcuts or convolutions > 2 else values


def discriminator(tensors: Tensors) -> Values | None:
    """Options of the discriminator with these tensors, and its `inputs`; None if it is none."""
    renamed = {_OLD.sub("model_", key, count=1): value for key, value in tensors.items()}
    scale = "model_0" if "model_0.0.weight" in renamed else "model"
    first = renamed.get(f"{scale}.0.weight")
    if first is None or tuple(first.shape[2:]) != (4, 4):
        return None
    layers = sum(key.startswith(f"{scale}.") and value.dim() == 4 for key, value in renamed.items())
    return {
        "d_width": first.shape[0],
        "d_layers": layers - 2,
        "scales": len({key.partition(".")[0] for key in renamed}),
        "norm": "batch" if f"{scale}.3.weight" in renamed else "instance",
        "inputs": first.shape[1],
    }


def _options(roles: Mapping[str, Found]) -> Values:
    """The options on which all files agree."""
    values = agreed(((network.file, _own(role, network.values)) for role, network in roles.items()), but=("inputs",))
    inputs = {role: network.values["inputs"] for role, network in roles.items() if "inputs" in network.values}
    if "G" in inputs:  # picture and code together
        nz = values.setdefault("nz", _RELEASED_NZ)
        values["channels_a"] = inputs.pop("G") - nz
        if values["channels_a"] not in (1, 3):
            raise CheckpointError(
                f"{roles['G'].file} takes {values['channels_a'] + nz} channels, not those of a picture (1 or 3)"
                f" and of a code of {nz}: give latest_net_E.pth as well, which tells the code's length"
            )
    pair = values["channels_a"] + values["channels_b"]
    for role, judged in inputs.items():
        if judged not in (pair, values["channels_b"]):
            raise CheckpointError(f"{roles[role].file} judges {judged} channels: it does not belong to this generator")
    values |= agreed((roles[role].file, {"conditional": judged == pair}) for role, judged in inputs.items())
    values.setdefault("e_layers", max(2, values["depth"] - 3))
    return values


def _own(role: str, values: Values) -> Values:
    renamed = {"d_layers": "d2_layers"} if role == "D2" else {}
    return {renamed.get(key, key): value for key, value in values.items()}
