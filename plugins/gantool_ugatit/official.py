"""Official U-GAT-IT checkpoints (znxlwm/UGATIT-pytorch): one file, six networks; their keys as ours."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gantool import options as opt
from gantool.errors import CheckpointError, UsageError
from gantool.importing.official import Imported, OfficialTensors
from gantool.spec import Direction, Pictures, Spec
from gantool_ugatit import UGATIT, discriminator, generator
from gantool_ugatit.networks import Discriminator

ROLES = {
    "genA2B": "g_ab",
    "genB2A": "g_ba",
    "disGA": "d_a",
    "disGB": "d_b",
    "disLA": "local_a",
    "disLB": "local_b",
}
"""The authors' names of the networks, and ours."""

_GENERATOR = {
    "gap_fc": "attention.gap",
    "gmp_fc": "attention.gmp",
    "conv1x1": "attention.merge",
    "gamma": "gamma",
    "beta": "beta",
    "FC.0": "style.0",
    "FC.2": "style.2",
    "DownBlock.1": "stem.1",
    "DownBlock.5": "down.1",
    "DownBlock.9": "down.5",
    "UpBlock2.2": "up.2",
    "UpBlock2.3": "up.3",
    "UpBlock2.7": "up.7",
    "UpBlock2.8": "up.8",
    "UpBlock2.11": "head.1",
}
_DISCRIMINATOR = {"gap_fc": "attention.gap", "gmp_fc": "attention.gmp", "conv1x1": "attention.merge", "conv": "head.1"}
_SPECTRAL = {"weight_orig": "weight", "weight_u": "u", "weight_v": "v"}
_UNUSED_SIZE = 256  # of a light generator's file, which says nothing of sizes


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The model in one official file; None if it is none. Raises CheckpointError for one that lacks a generator."""
    if len(files) != 1:
        return None
    ((file, content),) = files.items()
    networks = {name: _flat(content[name]) for name in ROLES if isinstance(content.get(name), Mapping)}
    if not any("gap_fc.weight" in tensors or "gap_fc.weight_orig" in tensors for tensors in networks.values()):
        return None
    if "genA2B" not in networks and "genB2A" not in networks:
        raise CheckpointError(f"{file} holds U-GAT-IT's discriminators but neither of its generators")
    options, size = _options(file, networks)
    tensors: dict[str, Tensor] = {}
    used: dict[tuple[str, str], str] = {}
    for role, found in networks.items():
        with torch.device("meta"):
            layers = options.global_layers if role.startswith("disG") else options.local_layers
            network = generator(options, size) if role.startswith("gen") else discriminator(options, layers)
        names = load(network, found, f"{file} ({role})")
        used |= {(file, f"{role}.{key}"): f"{ROLES[role]}.{name}" for key, name in names.items()}
        tensors |= {f"{ROLES[role]}.{name}": value for name, value in network.state_dict().items()}
    ways = {"genA2B": Direction("A", "B"), "genB2A": Direction("B", "A")}
    return Imported(
        options=options,
        spec=Spec(("A", "B"), (Pictures(), Pictures()), size),
        tensors=tensors,
        used=used,
        dropped={},
        directions=tuple(way for role, way in ways.items() if role in networks),
    )


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> dict[str, str]:
    """Puts a network's official tensors into ours; returns the official keys with our names.

    Raises CheckpointError that names `where` and the first keys that do not fit.
    """
    expected = network.state_dict()
    judge = isinstance(network, Discriminator)
    names = {key: _ours(key, judge) for key in tensors}
    wrong = [
        f"{key} is unknown" if names[key] not in expected else f"{key} has shape {tuple(value.shape)}"
        for key, value in tensors.items()
        if names[key] not in expected or expected[names[key]].shape != value.shape
    ]
    wrong += [f"{name} is missing" for name in sorted(expected.keys() - set(names.values()))]
    if wrong:
        raise CheckpointError(f"{where} does not fit the network that its shapes describe: {'; '.join(wrong[:2])}")
    network.load_state_dict({names[key]: value.float() for key, value in tensors.items()}, assign=True)
    return names


def _ours(key: str, judge: bool) -> str:
    head, _, leaf = key.rpartition(".")
    if judge:
        match = re.fullmatch(r"model\.(\d+)", head)
        head = f"body.{match[1]}" if match else _DISCRIMINATOR.get(head, head)
        return f"{head}.{_SPECTRAL.get(leaf, leaf)}"
    if match := re.fullmatch(r"DownBlock\.(\d+)\.conv_block\.(\d+)", head):
        return f"encoder.{int(match[1]) - 12}.body.{match[2]}.{leaf}"
    if match := re.fullmatch(r"UpBlock1_(\d+)\.(\w+)", head):
        return f"decoder.{int(match[1]) - 1}.{match[2]}.{leaf}"
    return f"{_GENERATOR.get(head, head)}.{leaf}"


def _options(file: str, networks: Mapping[str, Mapping[str, Tensor]]) -> tuple[UGATIT.Options, int]:
    first = networks.get("genA2B") or networks["genB2A"]
    try:
        linear, stem = first["FC.0.weight"], first["DownBlock.1.weight"]
    except KeyError as error:
        raise CheckpointError(f"{file}: its generator lacks {error}") from error
    light = linear.shape[0] == linear.shape[1]
    size = _UNUSED_SIZE if light else 4 * math.isqrt(linear.shape[1] // linear.shape[0])
    values = {
        "light": light,
        "width": stem.shape[0],
        "blocks": sum(bool(re.fullmatch(r"UpBlock1_\d+\.conv1\.weight", key)) for key in first),
    }
    for role, option in (("disG", "global_layers"), ("disL", "local_layers")):
        judge = networks.get(f"{role}A") or networks.get(f"{role}B")
        if judge is not None and "model.1.weight_orig" in judge:
            values["d_width"] = judge["model.1.weight_orig"].shape[0]
            values[option] = 1 + sum(bool(re.fullmatch(r"model\.\d+\.weight_orig", key)) for key in judge)
    try:
        options: UGATIT.Options = opt.restore(UGATIT.Options, values, where="ugatit")
    except UsageError as error:
        raise CheckpointError(f"{file}: {error}") from error
    return options, size


def _flat(content: OfficialTensors | Tensor) -> dict[str, Tensor]:
    assert not isinstance(content, Tensor)
    return {key: value for key, value in content.items() if isinstance(value, Tensor)}
