"""Official CycleGAN checkpoints (junyanz/pytorch-CycleGAN-and-pix2pix): their keys as ours, options from their shapes.

One file holds one network. The authors' G_A translates A to B: our `g_ab`; their D_A judges pictures of B: our `d_b`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import torch
from torch import Tensor, nn

from gantool import options as opt
from gantool.errors import CheckpointError, UsageError
from gantool.importing import keys
from gantool.importing.official import Imported, OfficialTensors
from gantool.networks.patchgan import PatchDiscriminator
from gantool.networks.resnet import ResnetGenerator
from gantool.networks.unet import UnetGenerator
from gantool.spec import Direction
from gantool_cyclegan import CycleGAN, discriminator, generator

ROLES = {"G_A": "g_ab", "G_B": "g_ba", "D_A": "d_b", "D_B": "d_a"}
"""The authors' names of the networks, and ours."""

_ROLE = re.compile(r"(?:.*[_-])?([GD])(?:_([AB]))?")
_BLOCK = re.compile(r"model\.(\d+)\.conv_block\.(\d+)\.weight")
_LAYER = re.compile(r"model\.(\d+)\.weight")


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in these files, told apart by their names; None if one of them holds no CycleGAN network.

    A single generator whose name ends in neither `_G_A` nor `_G_B` (the released `latest_net_G.pth`) translates A to B,
    unless it is a U-Net with batch norm, as pix2pix's are.
    Raises CheckpointError for files that contradict their names or each other, or lack keys.
    """
    networks: dict[str, dict[str, Tensor]] = {}
    found: dict[str, dict[str, Any]] = {}
    for file, content in files.items():
        flat = {key: value for key, value in content.items() if isinstance(value, Tensor)}
        values = generator_options(flat) or discriminator_options(flat)
        if values is None:
            return None
        networks[file], found[file] = flat, values
    if len(found) == 1 and any(_is_pix2pix(file, values) for file, values in found.items()):
        return None
    roles = _roles({file: "G" if "generator" in values else "D" for file, values in found.items()})
    if roles is None:
        return None
    if "G_A" not in roles and "G_B" not in roles:
        raise CheckpointError(
            f"there is no generator in {', '.join(files)}: give latest_net_G_A.pth and latest_net_G_B.pth as well"
        )
    options = _options(roles, found)

    tensors: dict[str, Tensor] = {}
    used: dict[tuple[str, str], str] = {}
    dropped: dict[tuple[str, str], str] = {}
    channels = options.channels_a, options.channels_b
    for role, file in roles.items():
        into, out = channels if role in ("G_A", "D_B") else channels[::-1]
        with torch.device("meta"):
            network = generator(options, into, out) if role in ("G_A", "G_B") else discriminator(options, into)
        names, unused = load(network, networks[file], file)
        used |= {(file, key): f"{ROLES[role]}.{name}" for key, name in names.items()}
        dropped |= {(file, key): why for key, why in unused.items()}
        tensors |= {f"{ROLES[role]}.{name}": value for name, value in network.state_dict().items()}
    ways = {"G_A": Direction("A", "B"), "G_B": Direction("B", "A")}
    return Imported(
        options=options,
        spec=CycleGAN.data(options).spec(("A", "B"), 256),
        tensors=tensors,
        used=used,
        dropped=dropped,
        directions=tuple(way for role, way in ways.items() if role in roles),
    )


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> tuple[dict[str, str], dict[str, str]]:
    """Puts a network's official tensors into ours. Returns the official keys with our names, and the dropped with why.

    Statistics of instance norms (old files have them, nobody used them) are dropped; a missing `num_batches_tracked`
    (files older than PyTorch 0.4.1) is 0. Raises CheckpointError that names `where` and the first keys that do not fit.
    """
    return keys.load(network, official_prefixes(network), tensors, where)


def official_prefixes(network: nn.Module) -> dict[str, str]:
    """What precedes `.weight` in the official keys of a network, and in ours."""
    if isinstance(network, UnetGenerator):
        return _unet_prefixes(network)
    if isinstance(network, ResnetGenerator):
        # The authors' generator is one sequence.
        stations = ("stem", "down", "blocks", "up", "head")
        layers = [f"{name}.{i}" for name in stations for i, _ in network.get_submodule(name).named_children()]
        prefixes = {f"model.{place}": ours for place, ours in enumerate(layers)}
        for place, ours in list(prefixes.items()):
            if ours.startswith("blocks."):
                body = network.get_submodule(f"{ours}.body")
                prefixes |= {f"{place}.conv_block.{name}": f"{ours}.body.{name}" for name, _ in body.named_children()}
        return prefixes
    sequence = "model" if isinstance(network, PatchDiscriminator) else "net"
    return {f"{sequence}.{name}": f"body.{name}" for name, _ in network.get_submodule("body").named_children()}


def _unet_prefixes(network: UnetGenerator) -> dict[str, str]:
    """Each level of the authors' U-Net holds the next deeper one: way down, deeper level, way up."""
    deepest = len(network.down) - 1
    prefixes = {"model.model.0": "down.0"}
    for level in range(deepest + 1):
        inside = "model.model.1.model." + "3.model." * (level - 1) if level else "model.model."
        if level:
            prefixes |= {f"{inside}{i}": f"down.{level}.{i}" for i in range(3)}
        first_up = 4 if 0 < level < deepest else 2
        prefixes |= {f"{inside}{first_up + i}": f"up.{level}.{i}" for i in range(3)}
    return prefixes


def generator_options(tensors: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """Options of the generator with these keys and shapes, its input as A and its output as B; None if it is none."""
    first, last = tensors.get("model.model.0.weight"), tensors.get("model.model.3.weight")
    if first is not None and last is not None and first.dim() == last.dim() == 4:
        return {
            "generator": "unet",
            "width": first.shape[0],
            "depth": 2 + max(key.count("3.model.") for key in tensors),
            "norm": _norm(tensors, "model.model.1.model.1", "model.model.1.model.2"),
            "channels_a": first.shape[1],
            "channels_b": last.shape[1],
        }
    first = tensors.get("model.1.weight")
    convolutions = sorted(
        {(int(m[1]), int(m[2])) for key in tensors if (m := _BLOCK.fullmatch(key)) and tensors[key].dim() == 4}
    )
    if first is None or tuple(first.shape[2:]) != (7, 7) or not convolutions or convolutions[0][0] != 10:
        return None
    blocks = convolutions[-1][0] - 9
    last = tensors.get(f"model.{17 + blocks}.weight")
    places = {place for _, place in convolutions}  # of a block's two convolutions: padding layers and dropout move them
    return {
        "generator": "resnet",
        "width": first.shape[0],
        "blocks": blocks,
        "norm": _norm(tensors, "model.1", "model.2"),
        "padding": "zero" if 0 in places else "reflect",
        "dropout": bool(places & ({4} if 0 in places else {6})),
        "channels_a": first.shape[1],
        "channels_b": first.shape[1] if last is None else last.shape[0],
    }


def discriminator_options(tensors: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """Options of the discriminator with these keys and shapes, and its `channels`; None if it is none."""
    first = tensors.get("net.0.weight")
    if first is not None and tuple(first.shape[2:]) == (1, 1):
        norm = _norm(tensors, "net.2", "net.3")
        return {"discriminator": "pixel", "d_width": first.shape[0], "norm": norm, "channels": first.shape[1]}
    first = tensors.get("model.0.weight")
    if first is None or tuple(first.shape[2:]) != (4, 4):
        return None
    last = max(int(m[1]) for key in tensors if (m := _LAYER.fullmatch(key)))
    return {
        "discriminator": "patch",
        "d_width": first.shape[0],
        "d_layers": (last - 2) // 3,
        "norm": _norm(tensors, "model.2", "model.3"),
        "channels": first.shape[1],
    }


def _norm(tensors: Mapping[str, Tensor], convolution: str, norm: str) -> str:
    if f"{norm}.weight" in tensors:
        return "batch"
    return "instance" if f"{convolution}.bias" in tensors else "none"


def _roles(kinds: Mapping[str, str]) -> dict[str, str] | None:
    """File by role (G_A, G_B, D_A, D_B), from the files' names; `kinds` is what they hold, G or D.

    None for a discriminator that could judge either domain: no file of CycleGAN.
    """
    roles: dict[str, str] = {}
    for file, kind in kinds.items():
        match = _ROLE.fullmatch(PurePath(file).stem)
        named, letter = (match[1], match[2] or "") if match else (kind, "")
        if named != kind:
            what = {"G": "a generator", "D": "a discriminator"}
            raise CheckpointError(
                f"{file} holds {what[kind]}, but its name says {what[named]}: are the files mixed up?"
            )
        if not letter and kind == "D":
            return None
        if not letter and list(kinds.values()).count("G") > 1:
            raise CheckpointError(f"{file}: which generator is it? Let its name end in _G_A (A to B) or _G_B (B to A)")
        role = f"{kind}_{letter or 'A'}"
        if role in roles:
            raise CheckpointError(f"{roles[role]} and {file} are both named {role}: give each network once")
        roles[role] = file
    return roles


def _is_pix2pix(file: str, values: Mapping[str, Any]) -> bool:
    """Whether a lone generator is pix2pix's: the same authors' networks, and a name without a letter."""
    match = _ROLE.fullmatch(PurePath(file).stem)
    lettered = match is not None and match[2] is not None
    return not lettered and values.get("generator") == "unet" and values["norm"] == "batch"


def _options(roles: Mapping[str, str], found: Mapping[str, Mapping[str, Any]]) -> CycleGAN.Options:
    """The options on which all files agree."""
    agreed: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for role, file in roles.items():
        values = dict(found[file])
        if role == "G_B":
            values["channels_a"], values["channels_b"] = values["channels_b"], values["channels_a"]
        elif role in ("D_A", "D_B"):
            values["channels_b" if role == "D_A" else "channels_a"] = values.pop("channels")
        for key, value in values.items():
            if agreed.setdefault(key, value) != value:
                raise CheckpointError(
                    f"{origin[key]} and {file} do not belong to one model: {key} is {agreed[key]} and {value}"
                )
            origin.setdefault(key, file)
    if agreed["channels_a"] != agreed["channels_b"]:
        agreed["identity"] = 0.0
    try:
        options: CycleGAN.Options = opt.restore(CycleGAN.Options, agreed, where="cyclegan")
    except UsageError as error:
        raise CheckpointError(f"{', '.join(roles.values())}: {error}") from error
    return options
