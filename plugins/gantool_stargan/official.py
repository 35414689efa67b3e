"""Official StarGAN checkpoints (yunjey/stargan): `NNNNNN-G.ckpt` and `NNNNNN-D.ckpt`, a bare state dict each.

Our networks have their keys. Options are read off the shapes; what the labels are called stands in no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gantool import options as opt
from gantool.errors import CheckpointError, UsageError
from gantool.importing.official import Imported, OfficialTensors
from gantool_stargan import StarGAN

RELEASED = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
"""The attributes of the released files, which have five labels."""

_NAMES = {"g": "generator", "d": "discriminator"}
_JOINT_CLASSES = 8  # the expressions of the authors' joint training
_SIZE = 128  # of the authors' pictures, where no discriminator tells
_BLOCK = re.compile(r"main\.(\d+)\.main\.0\.weight")
_LAYER = re.compile(r"main\.(\d+)\.weight")
_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The generator and the discriminator in these files; None if one of them holds neither.

    Raises CheckpointError for files that do not belong together or lack keys.
    """
    contents: dict[str, tuple[str, dict[str, Tensor]]] = {}
    found: dict[str, dict[str, int]] = {}
    for file, content in files.items():
        tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)}
        facts = generator_facts(tensors)
        network = "g" if facts else "d"
        facts = facts or discriminator_facts(tensors)
        if facts is None:
            return None
        if network in contents:
            raise CheckpointError(
                f"{contents[network][0]} and {file} both hold a {_NAMES[network]}: give each network once"
            )
        contents[network], found[network] = (file, tensors), facts
    if "g" not in contents:
        raise CheckpointError(f"there is no generator in {', '.join(files)}: give NNNNNN-G.ckpt as well")
    names, attributes = _labels(found, {network: file for network, (file, _) in contents.items()})
    values: dict[str, Any] = {"attributes": attributes, "width": found["g"]["width"], "blocks": found["g"]["blocks"]}
    size = _SIZE
    if "d" in found:
        values |= {"d_width": found["d"]["width"], "d_layers": found["d"]["layers"]}
        size = found["d"]["kernel"] * 2 ** found["d"]["layers"]
    try:
        options: StarGAN.Options = opt.restore(StarGAN.Options, values, where="stargan")
    except UsageError as error:
        raise CheckpointError(f"{', '.join(files)}: {error}") from error
    spec = StarGAN.data(options).spec(names, size)
    with torch.device("meta"):
        model = StarGAN(options, spec)

    tensors = {}
    used: dict[tuple[str, str], str] = {}
    dropped: dict[tuple[str, str], str] = {}
    for network, (file, content) in contents.items():
        module = model.get_submodule(network)
        keys, unused = load(module, content, file)
        used |= {(file, key): f"{network}.{name}" for key, name in keys.items()}
        dropped |= {(file, key): why for key, why in unused.items()}
        tensors |= {f"{network}.{name}": value for name, value in module.state_dict().items()}
    # Without D nothing tells what a picture is: targets that change its own labels are refused.
    directions = model.directions() if "d" in contents or not attributes else ()
    return Imported(options=options, spec=spec, tensors=tensors, used=used, dropped=dropped, directions=directions)


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> tuple[dict[str, str], dict[str, str]]:
    """Puts a network's official tensors into ours. Returns the official keys with our names, and the dropped with why.

    Raises CheckpointError that names `where` and the first keys that do not fit.
    """
    expected = network.state_dict()
    dropped = {
        key: "statistics of an instance norm, which the authors never use"
        for key in tensors
        if key.endswith(_STATISTICS) and f"{key.rpartition('.')[0]}.bias" in expected
    }
    names = {key: key for key in tensors if key not in dropped}
    wrong = [f"{key} is unknown" for key in names if key not in expected]
    wrong += [f"{key} is missing" for key in expected if key not in names]
    wrong += [
        f"{key} has shape {tuple(tensors[key].shape)} instead of {tuple(value.shape)}"
        for key, value in expected.items()
        if key in names and tensors[key].shape != value.shape
    ]
    if wrong:
        more = f" ({len(wrong)} keys do not fit)" if len(wrong) > 2 else ""
        raise CheckpointError(
            f"{where} does not fit the network that its shapes describe: {'; '.join(sorted(wrong)[:2])}{more}"
        )
    network.load_state_dict({key: tensors[key].float() for key in names}, assign=True)
    return names, dropped


def generator_facts(tensors: Mapping[str, Tensor]) -> dict[str, int] | None:
    """Width, blocks and labels of the generator with these keys and shapes; None if it is none."""
    first = tensors.get("main.0.weight")
    if first is None or first.dim() != 4 or tuple(first.shape[2:]) != (7, 7) or first.shape[1] <= 3:
        return None
    if "main.1.weight" not in tensors:
        return None
    blocks = {int(match[1]) for key in tensors if (match := _BLOCK.fullmatch(key))}
    return {"width": first.shape[0], "blocks": max(blocks) - 8 if blocks else 0, "labels": first.shape[1] - 3}


def discriminator_facts(tensors: Mapping[str, Tensor]) -> dict[str, int] | None:
    """Width, layers, labels and the kernel of the labels' head; None if it is none."""
    first, head = tensors.get("main.0.weight"), tensors.get("conv2.weight")
    if first is None or first.dim() != 4 or head is None or head.dim() != 4 or "conv1.weight" not in tensors:
        return None
    layers = max(int(match[1]) for key in tensors if (match := _LAYER.fullmatch(key))) // 2 + 1
    return {"width": first.shape[0], "layers": layers, "labels": head.shape[0], "kernel": head.shape[2]}


def _labels(
    found: Mapping[str, Mapping[str, int]], files: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names for all labels, and those of them that are attributes."""
    told = found["g"]["labels"]
    judged = found["d"]["labels"] if "d" in found else told
    numbered = tuple(f"label{number}" for number in range(1, judged + 1))
    if judged == told:
        return (RELEASED, RELEASED) if told == len(RELEASED) else (numbered, ())
    if judged != told - 2:
        raise CheckpointError(f"{files['g']} and {files['d']} do not belong to one model: {told} and {judged} labels")
    if judged != len(RELEASED) + _JOINT_CLASSES:
        raise CheckpointError(
            f"{files['g']} was trained jointly on {judged} labels, and nothing tells which of them are attributes: "
            f"only the authors' {len(RELEASED)} and {_JOINT_CLASSES} are known"
        )
    return (*RELEASED, *numbered[:_JOINT_CLASSES]), RELEASED
