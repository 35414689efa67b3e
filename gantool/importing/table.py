"""Official networks by tables: which of their keys are which of ours, and what several files agree on.

A plugin's `official.recognise` reads what its files hold off keys and shapes, and ends in `imported`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

import torch
from torch import Tensor, nn

from gantool import options as opt
from gantool.capabilities import Translates
from gantool.contract import data_of
from gantool.errors import CheckpointError, UsageError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.reading import leaves
from gantool.model import Model
from gantool.networks.norms import AdaIN, InstanceNorm
from gantool.runs.skeleton import Undrawn
from gantool.spec import Direction

Tensors = Mapping[str, Tensor]
"""One official network's, by key."""
Values = dict[str, Any]
"""What keys and shapes tell: the model's options, and what else a plugin needs."""
Leaves = Mapping[type[nn.Module], Mapping[str, str | None]]
"""What follows the last dot of a key, theirs to ours, where it differs, by kind of layer; None for what is dropped."""

STATISTICS = dict.fromkeys(("running_mean", "running_var", "num_batches_tracked"))
"""Leaves that an instance norm drops: old files have them, and they were never used."""
_UNUSED = "statistics that are never used"
_KINDS = {"G": "a generator", "D": "a discriminator", "E": "an encoder"}
"""Official letters of networks."""


@dataclass(frozen=True, eq=False)
class Names:
    """An official network's keys as ours."""

    heads: Mapping[str, str]
    """What precedes the last dot of a key, theirs to ours. Where several are one of ours, the last is the usual one."""
    leaves: Leaves = field(default_factory=dict)

    def of(self, layer: nn.Module) -> Mapping[str, str | None]:
        """The leaves of this layer that have other names."""
        own = next((table for kind, table in self.leaves.items() if isinstance(layer, kind)), {})
        return own or (STATISTICS if isinstance(layer, (InstanceNorm, AdaIN)) else {})


def same(network: nn.Module) -> Names:
    """For networks whose keys are the authors'."""
    return Names({name: name for name, _ in network.named_modules()})


def in_sequence(network: nn.Module, theirs: str, stations: Iterable[str], ours: str = "") -> dict[str, str]:
    """Heads where the authors have the layers of all our stations in one sequence, and residual blocks among them."""
    heads: dict[str, str] = {}
    layers = [(f"{name}.{i}", layer) for name in stations for i, layer in network.get_submodule(name).named_children()]
    for place, (name, layer) in enumerate(layers):
        heads[f"{theirs}.{place}"] = ours + name
        if name.startswith("blocks."):
            body = layer.get_submodule("body").named_children()
            heads |= {f"{theirs}.{place}.conv_block.{i}": f"{ours}{name}.body.{i}" for i, _ in body}
    return heads


def official_keys(network: nn.Module, names: Names, keys: Iterable[str] = ()) -> dict[str, str]:
    """The official key of each of ours; where it has several, as some of `keys` are spelled, or the usual one."""
    heads = {ours: theirs for theirs, ours in names.heads.items()}
    heads |= {names.heads[theirs]: theirs for theirs, _ in map(_split, keys) if theirs in names.heads}
    found: dict[str, str] = {}
    for key in network.state_dict():
        head, leaf = _split(key)
        back = {ours: theirs for theirs, ours in names.of(network.get_submodule(head)).items()}
        found[key] = _joined(heads.get(head, head), back.get(leaf, leaf))
    return found


def load(network: nn.Module, names: Names, tensors: Tensors, where: str) -> tuple[dict[str, str], dict[str, str]]:
    """Puts a network's official tensors into ours. Returns the official keys with our names, and the dropped with why.

    A missing `num_batches_tracked` (files older than PyTorch 0.4.1) is 0. Raises CheckpointError that names `where` and
    the first keys that do not fit.
    """
    expected, layers = network.state_dict(), dict(network.named_modules())
    used: dict[str, str] = {}
    dropped: dict[str, str] = {}
    wrong: dict[str, str] = {}
    values: dict[str, Tensor] = {}
    for key, value in tensors.items():
        head, leaf = _split(key)
        own = names.heads.get(head, "?")
        renamed = names.of(layers[own]).get(leaf, leaf) if own in layers else leaf
        if renamed is None:
            dropped[key] = _UNUSED
        elif (ours := _joined(own, renamed)) not in expected:
            wrong[key] = f"{key} is unknown"
        elif ours in values:
            wrong[key] = f"{key} is there under two names"
        elif value.is_floating_point() != expected[ours].is_floating_point():
            wrong[ours] = f"{key} holds {value.dtype} instead of {expected[ours].dtype}".replace("torch.", "")
        elif bad := int((~value.isfinite()).sum()):
            raise CheckpointError(
                f"{where}: {key} holds {bad} of {value.numel()} values that are not finite: its training had diverged,"
                " or the file is damaged. Take an earlier checkpoint"
            )
        elif _fits(value, expected[ours], renamed=renamed != leaf):
            used[key] = ours
            values[ours] = (value.float() if value.is_floating_point() else value).reshape(expected[ours].shape)
        else:
            wrong[ours] = f"{key} has shape {tuple(value.shape)} instead of {tuple(expected[ours].shape)}"
    theirs = official_keys(network, names, tensors)
    for ours in expected.keys() - values.keys() - wrong.keys():
        if not ours.endswith("num_batches_tracked"):  # a batch norm sets its own to 0
            wrong[ours] = f"{theirs[ours]} is missing"
    if wrong:
        more = f" ({len(wrong)} keys do not fit)" if len(wrong) > 2 else ""
        raise CheckpointError(
            f"{where} does not fit the network that its shapes describe: {'; '.join(sorted(wrong.values())[:2])}{more}"
        )
    network.load_state_dict(values, strict=False, assign=True)
    return used, dropped


@dataclass(frozen=True, eq=False)
class Found:
    """The network in a file."""

    kind: str
    """The official letter: G, D or E."""
    file: str
    tensors: Tensors
    values: Values
    """What its keys and shapes tell."""

    def named(self, pattern: re.Pattern[str]) -> str:
        """What the file's name calls it (the pattern's first group), such as G_A; its kind if it says nothing.

        Raises CheckpointError for a name that contradicts what the file holds.
        """
        match = pattern.fullmatch(PurePath(self.file).stem)
        name = match[1] if match else self.kind
        if name[0] != self.kind:
            raise CheckpointError(
                f"{self.file} holds {_KINDS[self.kind]}, but its name says {_KINDS[name[0]]}: are the files mixed up?"
            )
        return name


def networks(
    files: Mapping[str, OfficialTensors], readers: Mapping[str, Callable[[Tensors], Values | None]]
) -> list[Found] | None:
    """The network in each file. A reader gives what tensors tell, or None; the first that knows them decides.

    None if a file holds no such network.
    """
    found: list[Found] = []
    for file, content in files.items():
        tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)}
        told = ((kind, read(tensors)) for kind, read in readers.items())
        first = next(((kind, values) for kind, values in told if values is not None), None)
        if first is None:
            return None
        found.append(Found(first[0], file, tensors, first[1]))
    return found


def generator_and_discriminator(
    files: Mapping[str, OfficialTensors],
    generator: Callable[[Tensors], Values | None],
    discriminator: Callable[[Tensors], Values | None],
    usual: str,
) -> tuple[dict[str, Found], Values] | None:
    """The generator, and the discriminator if it is there, by their letters, and the values on which they agree; None
    if a file holds neither. `usual` is a generator's usual file.

    Raises CheckpointError where a network is there twice, the generator is missing, or the two do not fit each other.
    """
    found = networks(files, {"G": generator, "D": discriminator})
    if found is None:
        return None
    roles = once((network.kind, network) for network in found)
    if "G" not in roles:
        raise no_generator(files, usual)
    return roles, agreed((network.file, network.values) for network in found)


def inside(content: OfficialTensors) -> dict[str, Tensors]:
    """The networks of a file that holds several, by their official names."""
    return {name: dict(leaves(part)) for name, part in content.items() if isinstance(part, Mapping)}


def once(found: Iterable[tuple[str, Found]]) -> dict[str, Found]:
    """The networks by role. Raises CheckpointError where two have the same."""
    roles: dict[str, Found] = {}
    for role, network in found:
        if role in roles:
            raise CheckpointError(f"{roles[role].file} and {network.file} both hold {role}: give each network once")
        roles[role] = network
    return roles


def no_generator(files: Iterable[str], wanted: str) -> CheckpointError:
    """The error for files that lack a generator."""
    return CheckpointError(f"there is no generator in {', '.join(files)}: give {wanted} as well")


def agreed(told: Iterable[tuple[str, Values]], but: Collection[str] = ()) -> Values:
    """The values on which all files agree; keys in `but` are left out: they are a file's own.

    Raises CheckpointError for two that do not belong to one model.
    """
    values: Values = {}
    origin: dict[str, str] = {}
    for file, own in told:
        for key, value in ((key, value) for key, value in own.items() if key not in but):
            if values.setdefault(key, value) != value:
                both = f"the networks of {file}" if origin[key] == file else f"{origin[key]} and {file}"
                raise CheckpointError(f"{both} do not belong to one model: {key} is {values[key]} and {value}")
            origin.setdefault(key, file)
    return values


def shape(tensors: Tensors, key: str, where: str) -> torch.Size:
    """The shape of a weight or bias that must be there. Raises CheckpointError."""
    if key not in tensors or tensors[key].dim() < (1 if key.endswith("bias") else 2):
        raise CheckpointError(f"{where} lacks {key}: is it cut short?")
    return tensors[key].shape


def from_tensorflow(value: Tensor) -> Tensor:
    """A variable of TensorFlow in PyTorch's order. Everything else than kernels and matrices stays what it is.

    A kernel (height, width, in, out) becomes (out, in, height, width), that of a transposed convolution (height, width,
    out, in) becomes (in, out, height, width), and a matrix (in, out) becomes (out, in).
    """
    order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(value.dim())
    return value if order is None else value.permute(order).contiguous()


def places(tensors: Iterable[str], pattern: str) -> list[int]:
    """The numbers that keys have where the pattern has its group, sorted."""
    return sorted({int(match[1]) for key in tensors if (match := re.fullmatch(pattern, key))})


@dataclass(frozen=True, eq=False)
class Part:
    """One network of a model, as official files have it."""

    ours: str
    """The sub-module."""
    file: str
    tensors: Tensors
    within: str = ""
    """Where the file holds several networks: the official name of this one."""


def imported(
    kind: type[Model[Any]],
    parts: Iterable[Part],
    values: Mapping[str, Any],
    *,
    names: Callable[[nn.Module], Names] = same,
    domains: tuple[str, ...] = ("A", "B"),
    size: int,
    vectors: int = 0,
    directions: tuple[Direction, ...] | None = None,
    used: Mapping[tuple[str, str], str] | None = None,
    dropped: Mapping[tuple[str, str], str] | None = None,
    licence: str = "",
) -> Imported:
    """The model of these option values with the networks in `parts`; `names` gives the keys of each.

    `size` is the side of the authors' crops, `vectors` how many numbers say what a picture shows where those are no
    classes. `directions` are the model's own unless given. `used` and `dropped` say what becomes of tensors that are in
    no part. Raises CheckpointError for values that are out of range, and for networks that do not fit them.
    """
    parts = list(parts)
    try:
        options = opt.restore(kind.Options, values, where=", ".join(dict.fromkeys(part.file for part in parts)))
    except UsageError as error:
        raise CheckpointError(str(error)) from error
    spec = replace(data_of(kind, options).spec(domains, size), vectors=vectors)
    with torch.device("meta"), Undrawn():
        model = kind(options, spec)
    ways = model.directions() if isinstance(model, Translates) else ()
    tensors: dict[str, Tensor] = {}
    all_used, all_dropped = dict(used or {}), dict(dropped or {})
    for part in parts:
        network = model.get_submodule(part.ours)
        before, where = (f"{part.within}.", f"{part.file}: {part.within}") if part.within else ("", part.file)
        own, unused = load(network, names(network), part.tensors, where)
        all_used |= {(part.file, before + key): f"{part.ours}.{name}" for key, name in own.items()}
        all_dropped |= {(part.file, before + key): why for key, why in unused.items()}
        tensors |= {f"{part.ours}.{name}": value for name, value in network.state_dict().items()}
    return Imported(
        options=options,
        spec=spec,
        tensors=tensors,
        used=all_used,
        dropped=all_dropped,
        directions=ways if directions is None else directions,
        licence=licence,
    )


def _fits(value: Tensor, expected: Tensor, *, renamed: bool) -> bool:
    """Old names may come with old shapes: (C,) for (C, 1, 1)."""
    flat = renamed and value.dim() == 1 and value.numel() == expected.numel()
    return value.shape == expected.shape or flat


def _split(key: str) -> tuple[str, str]:
    head, _, leaf = key.rpartition(".")
    return head, leaf


def _joined(head: str, leaf: str) -> str:
    return f"{head}.{leaf}" if head else leaf
