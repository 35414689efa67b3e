"""Official BicycleGAN checkpoints (junyanz/BicycleGAN): their keys as ours, options from their shapes.

One file holds one network: `latest_net_G.pth`, `_E`, `_D`, `_D2`. The released ones are G and E.
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
from gantool.importing.official import Imported, OfficialTensors
from gantool.networks.norms import InstanceNorm
from gantool.spec import Direction
from gantool_bicyclegan import BicycleGAN
from gantool_bicyclegan.networks import Encoder, EncoderBlock, StyleUnet, discriminator, encoder, generator

ROLES = {"G": "g", "E": "e", "D": "d", "D2": "d2"}
"""The authors' names of the networks, and ours."""

_ROLE = re.compile(r"(?:.*[_-])?(G|E|D2?)")
_OLD = re.compile(r"model(?=\d)")  # model0.0.weight for model_0.0.weight, in files of 2017
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_UNUSED = "statistics of an instance norm, which are never used"
_TWICE = "the code of 2017 saved D under this name: D2 is lost"
_RELEASED_NZ = 8


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in these files, told apart by keys and names; None if one of them holds none of BicycleGAN's.

    A generator is enough. Raises CheckpointError for files that contradict their names or each other, or lack keys.
    """
    networks = {
        file: {key: value for key, value in content.items() if isinstance(value, Tensor)}
        for file, content in files.items()
    }
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for file, tensors in networks.items():
        for kind, read in (("G", generator_facts), ("E", encoder_facts), ("D", discriminator_facts)):
            if (facts := read(tensors)) is not None:
                found[file] = kind, facts
        if file not in found:
            return None
    kinds = [kind for kind, _ in found.values()]
    if "G" not in kinds and "E" not in kinds:
        return None  # discriminators look alike in many models
    roles = _roles({file: kind for file, (kind, _) in found.items()})
    if "G" not in roles:
        raise CheckpointError(f"there is no generator in {', '.join(files)}: give latest_net_G.pth as well")
    options = _options({role: (file, found[file][1]) for role, file in roles.items()})

    a, b = options.channels_a, options.channels_b
    judged = a + b if options.conditional else b
    ours: dict[str, Tensor] = {}
    used: dict[tuple[str, str], str] = {}
    dropped: dict[tuple[str, str], str] = {}
    for role, file in roles.items():
        if role == "D2" and any(_OLD.match(key) for key in networks[file]):
            dropped |= {(file, key): _TWICE for key in networks[file]}
            continue
        with torch.device("meta"):
            if role in ("G", "E"):
                network: nn.Module = generator(options, a, b) if role == "G" else encoder(options, b)
            else:
                network = discriminator(options, judged, options.d2_layers if role == "D2" else None)
        names, unused = load(network, networks[file], file)
        used |= {(file, key): f"{ROLES[role]}.{name}" for key, name in names.items()}
        dropped |= {(file, key): why for key, why in unused.items()}
        ours |= {f"{ROLES[role]}.{name}": value for name, value in network.state_dict().items()}
    return Imported(
        options=options,
        spec=BicycleGAN.data(options).spec(("A", "B"), 2 ** (options.e_layers + 3)),
        tensors=ours,
        used=used,
        dropped=dropped,
        directions=(Direction("A", "B"),),
    )


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> tuple[dict[str, str], dict[str, str]]:
    """Puts a network's official tensors into ours. Returns the official keys with our names, and the dropped with why.

    Statistics of instance norms (files of 2017 have them, nobody used them) are dropped; a missing
    `num_batches_tracked` is 0. Raises CheckpointError that names `where` and the first keys that do not fit.
    """
    prefixes, expected = official_prefixes(network), network.state_dict()
    names: dict[str, str] = {}
    dropped: dict[str, str] = {}
    wrong: list[str] = []
    for key, value in tensors.items():
        head, _, last = _OLD.sub("model_", key, count=1).rpartition(".")
        name = f"{prefixes.get(head)}.{last}"
        if name in expected and value.shape == expected[name].shape:
            names[key] = name
        elif name in expected:
            wrong.append(f"{key} has shape {tuple(value.shape)} instead of {tuple(expected[name].shape)}")
            expected.pop(name)
        elif last in _STATISTICS and isinstance(_layer(network, prefixes.get(head)), InstanceNorm):
            dropped[key] = _UNUSED
        else:
            wrong.append(f"{key} is unknown")
    heads = {ours: official for official, ours in prefixes.items()}
    for name in sorted(expected.keys() - set(names.values())):
        head, _, last = name.rpartition(".")
        if last != "num_batches_tracked":  # a batch norm sets it to 0 where a file has none
            wrong.append(f"{heads[head]}.{last} is missing")
    if wrong:
        more = f" ({len(wrong)} keys do not fit)" if len(wrong) > 2 else ""
        raise CheckpointError(
            f"{where} does not fit the network that its shapes describe: {'; '.join(sorted(wrong)[:2])}{more}"
        )
    values = {name: tensors[key] for key, name in names.items()}
    network.load_state_dict({n: v.float() if v.is_floating_point() else v for n, v in values.items()}, assign=True)
    return names, dropped


def official_prefixes(network: nn.Module) -> dict[str, str]:
    """What precedes `.weight` in the official keys of a network, and in ours."""
    if isinstance(network, StyleUnet):
        return _unet_prefixes(network)
    if isinstance(network, Encoder):
        prefixes = {"fc.0": "mu", "fcVar.0": "logvar"}
        for i, layer in network.body.named_children():
            prefixes[f"conv.{i}"] = f"body.{i}"
            if isinstance(layer, EncoderBlock):
                prefixes |= {f"conv.{i}.conv.{j}": f"body.{i}.body.{j}" for j, _ in layer.body.named_children()}
                last = len(layer.body) - 1
                prefixes[f"conv.{i}.conv.{last}.0"] = f"body.{i}.body.{last}"  # in a sequence with the pooling
                prefixes[f"conv.{i}.shortcut.1"] = f"body.{i}.shortcut"  # behind its pooling
        return prefixes
    scales = list(network.get_submodule("scales").named_children())
    return {
        f"model_{i}.{name}" if len(scales) > 1 else f"model.{name}": f"scales.{i}.{name}"
        for i, scale in scales
        for name, _ in scale.named_children()
    }


def _unet_prefixes(network: StyleUnet) -> dict[str, str]:
    """Each level of the authors' U-Net holds the next deeper one.

    Where the code joins at all levels, a level has a sequence down and one up; else it is one sequence: way down,
    deeper level, way up. Below the outermost level the way down begins with an activation.
    """
    prefixes: dict[str, str] = {}
    inside = "model." if network.everywhere else "model.model."
    for level, (down, up) in enumerate(zip(network.down, network.up, strict=True)):
        first = 1 if level else 0
        layers_down, layers_up = (len(list(part.children())) for part in (down, up))
        after = first + layers_down
        deeper = level < len(network.down) - 1
        for i in range(layers_down):
            prefixes[f"{inside}down.{first + i}" if network.everywhere else f"{inside}{first + i}"] = (
                f"down.{level}.{i}"
            )
        for i in range(layers_up):
            prefixes[f"{inside}up.{i}" if network.everywhere else f"{inside}{after + deeper + i}"] = f"up.{level}.{i}"
        inside += "submodule." if network.everywhere else f"{after}.model."
    return prefixes


def generator_facts(tensors: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """Options of the generator with these keys and shapes; None if it is none.

    Where the code joins at the input alone, `inputs` counts the channels of the picture and the code together.
    """
    first, second = tensors.get("model.down.0.weight"), tensors.get("model.submodule.down.1.weight")
    if first is not None and second is not None and first.dim() == second.dim() == 4:
        width, nz = first.shape[0], second.shape[1] - first.shape[0]
        facts: dict[str, Any] = {"where": "all", "nz": nz, "channels_a": first.shape[1] - nz}
        depth = 1 + max(key.count("submodule.") for key in tensors)
        norm = "batch" if "model.submodule.down.2.weight" in tensors else None  # instance and none look alike
        up = "model.up.1.weight", "model.up.3.weight"
    else:
        first, second = tensors.get("model.model.0.weight"), tensors.get("model.model.1.model.1.weight")
        # The U-Net of pix2pix and CycleGAN has these keys as well, but sees no more than a picture.
        if first is None or second is None or first.dim() != 4 or first.shape[1] <= 3 or len(second.shape) != 4:
            return None
        width, inside = first.shape[0], "model.model.1.model."
        facts = {"where": "input", "inputs": first.shape[1]}
        depth = max(key.count("model.") for key in tensors) - 1
        moved_up = f"{inside}2.model.1.weight" in tensors
        norm = "none" if moved_up else "batch" if f"{inside}2.weight" in tensors else "instance"
        up = "model.model.3.weight", "model.model.5.weight"
    basic, bilinear = (tensors.get(key) for key in up)
    last = basic if bilinear is None else bilinear
    if last is None or last.dim() != 4:
        return None
    facts |= {"width": width, "depth": depth, "upsample": "basic" if bilinear is None else "bilinear"}
    facts["channels_b"] = last.shape[1 if bilinear is None else 0]
    return facts if norm is None else facts | {"norm": norm}


def encoder_facts(tensors: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """Options of the encoder with these keys and shapes; None if it is none."""
    first, head = tensors.get("conv.0.weight"), tensors.get("fc.0.weight")
    if first is None or head is None or "fcVar.0.weight" not in tensors or first.dim() != 4 or head.dim() != 2:
        return None
    facts: dict[str, Any] = {"nz": head.shape[0], "e_width": first.shape[0], "channels_b": first.shape[1]}
    shortcuts = sum(".shortcut.1.weight" in key for key in tensors)
    convolutions = sum(value.dim() == 4 for value in tensors.values())
    facts |= {"encoder": "resnet" if shortcuts else "conv", "e_layers": 1 + shortcuts if shortcuts else convolutions}
    # Without a norm the layers behind it move up. Two convolutions alone do not tell.
    norm, other = ("conv.1.conv.0", "conv.1.conv.2") if shortcuts else ("conv.3", "conv.5")
    if f"{norm}.weight" in tensors:
        return facts | {"norm": "batch"}
    if f"{other}.weight" in tensors:
        return facts | {"norm": "instance"}
    return facts | {"norm": "none"} if shortcuts or convolutions > 2 else facts


def discriminator_facts(tensors: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """Options of the discriminator with these keys and shapes, and its `inputs`; None if it is none."""
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


def _layer(network: nn.Module, name: str | None) -> nn.Module | None:
    return None if name is None else network.get_submodule(name)


def _roles(kinds: Mapping[str, str]) -> dict[str, str]:
    """File by role (G, E, D, D2), from the files' names; `kinds` is what they hold, G, E or D."""
    what = {"G": "a generator", "E": "an encoder", "D": "a discriminator"}
    roles: dict[str, str] = {}
    for file, kind in kinds.items():
        match = _ROLE.fullmatch(PurePath(file).stem)
        role = match[1] if match else kind
        if role[0] != kind:
            raise CheckpointError(
                f"{file} holds {what[kind]}, but its name says {what[role[0]]}: are the files mixed up?"
            )
        if role in roles:
            raise CheckpointError(
                f"{roles[role]} and {file} both hold {role}: give each network once, its name at the end"
            )
        roles[role] = file
    return roles


def _options(found: Mapping[str, tuple[str, Mapping[str, Any]]]) -> BicycleGAN.Options:
    """The options on which all files agree; `found` has file and facts of each role."""
    agreed: dict[str, Any] = {}
    origin: dict[str, str] = {}
    inputs: dict[str, int] = {}

    def agree(key: str, value: Any, file: str) -> None:
        if agreed.setdefault(key, value) != value:
            raise CheckpointError(
                f"{origin[key]} and {file} do not belong to one model: {key} is {agreed[key]} and {value}"
            )
        origin.setdefault(key, file)

    for role, (file, facts) in found.items():
        for key, value in facts.items():
            if key == "inputs":
                inputs[role] = value
            else:
                agree("d2_layers" if (role, key) == ("D2", "d_layers") else key, value, file)
    if "G" in inputs:  # picture and code together
        file = found["G"][0]
        nz = agreed.setdefault("nz", _RELEASED_NZ)
        agreed["channels_a"] = inputs["G"] - nz
        if agreed["channels_a"] not in (1, 3):
            raise CheckpointError(
                f"{file} takes {inputs['G']} channels, no picture and a code of {nz}: give latest_net_E.pth as well,"
                " which tells the code's length"
            )
    for role in [role for role in inputs if role != "G"]:
        pair = agreed["channels_a"] + agreed["channels_b"]
        if inputs[role] not in (pair, agreed["channels_b"]):
            raise CheckpointError(
                f"{found[role][0]} judges {inputs[role]} channels: it does not belong to this generator"
            )
        agree("conditional", inputs[role] == pair, found[role][0])
    agreed.setdefault("e_layers", max(2, agreed["depth"] - 3))
    try:
        options: BicycleGAN.Options = opt.restore(BicycleGAN.Options, agreed, where="bicyclegan")
    except UsageError as error:
        raise CheckpointError(f"{', '.join(file for file, _ in found.values())}: {error}") from error
    return options
