"""What trainers, compilers, averagers and profilers put around a network, taken off.

The authors' own layouts come first, as they are. Only where no model knows those, wrappers come off, one after another:
`readings` gives the ways to read the same files, and never changes a tensor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from gantool.importing.official import OfficialTensors

_AVERAGES = (
    *("params_ema", "ema_state_dict", "state_dict_ema", "model_ema", "ema_model", "ema", "averaged", "swa", "shadow"),
)
"""Around averaged weights: they translate better than the running ones beside them."""
_WRAPPERS = (
    *("state_dict", "model_state_dict", "model_state", "model_dict", "model_weights", "model", "network", "net"),
    *("params", "weights", "module", "online_model", "gen_state_dict", "state"),
)
_PREFIXES = ("module.", "_orig_mod.", "_fsdp_wrapped_module.", "_forward_module.", "ema_model.", "ema.", "self.")
"""Before every key: DataParallel, `torch.compile`, FSDP, DeepSpeed, averages."""
_WITHIN = re.compile(r"\b(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""Anywhere in a key: wrappers of a part of a network."""
_COUNTS = ("total_ops", "total_params")
_OF_AN_OPTIMIZER = re.compile(
    r"optim|(^|_)opts?(_|$)|sched|scaler|(^|_)amp(_|$)|callbacks|loops|rng|random_state", re.I
)
_NETWORK = re.compile(
    r"(?:net|model|module)?[_.]?(?P<kind>generator|gen|g|discriminator|discrim|disc|dis|d|critic|encoder|enc|e)"
    r"(?P<second>2?)[_.]?(?P<way>a2b|b2a|atob|btoa|a_to_b|b_to_a|ab|ba|xtoy|ytox|x2y|y2x|xy|yx|a|b|x|y)?"
    r"(?P<more>[_.]?(?:ema|avg|averaged|state_dict|state|model|net|weights|params|dict))*",
    re.I,
)
_AVERAGED = re.compile(r"(^|[_.])(ema|avg|averaged|shadow)([_.]|$)", re.I)


@dataclass
class Reading:
    """One way to read the files."""

    files: dict[str, OfficialTensors]
    """By name; a network of several in one file is FILE/NAME, with the name that the authors give to its files."""
    dropped: dict[tuple[str, str], str] = field(default_factory=dict)
    """(file, key or table) -> why it is left out."""
    peeled: int = 0
    """How many names were taken off all keys without knowing what they mean: a guess, whose failure tells nothing."""


def readings(files: Mapping[str, OfficialTensors]) -> Iterator[Reading]:
    """The files as they are, then without what is around their networks, and with these apart from each other."""
    yield Reading(dict(files))
    bare = Reading({})
    for file, content in files.items():
        bare.files[file] = _bare(content, file, "", bare.dropped)
    seen = [_shape_of(files)]
    for peeled in range(4):
        nested = {file: _nested(content) for file, content in bare.files.items()}
        for candidate in (bare, Reading(nested, dict(bare.dropped)), _apart(nested, bare)):
            shape = _shape_of(candidate.files)
            if candidate.files and shape not in seen:
                seen.append(shape)
                candidate.peeled = peeled
                yield candidate
        bare = Reading({file: _peeled(content) for file, content in bare.files.items()}, bare.dropped)


def origins(files: Mapping[str, OfficialTensors]) -> dict[int, tuple[str, str]]:
    """The file and the key of each tensor, by its id: readings keep the tensors."""
    found: dict[int, tuple[str, str]] = {}

    def collect(file: str, content: OfficialTensors, prefix: str) -> None:
        for key, value in content.items():
            if isinstance(value, Tensor):
                found[id(value)] = (file, prefix + key)
            else:
                collect(file, value, f"{prefix}{key}.")

    for file, content in files.items():
        collect(file, content, "")
    return found


def _shape_of(content: object) -> object:
    """The same for files that are read in just one way. Tensors have no equality of their own: their ids stand in."""
    return {key: _shape_of(value) for key, value in content.items()} if isinstance(content, Mapping) else id(content)


def _bare(content: OfficialTensors, file: str, prefix: str, dropped: dict[tuple[str, str], str]) -> OfficialTensors:
    """The network, or networks by name, without wrappers, counters and optimisers."""
    kept: dict[str, Tensor | OfficialTensors] = {}
    for key, value in content.items():
        if why := _needless(key, value, content):
            dropped[file, prefix + key] = why
        else:
            kept[key] = value
    tables = {key: value for key, value in kept.items() if isinstance(value, Mapping)}
    if tables and len(tables) < len(kept):  # numbers beside networks
        for key in kept.keys() - tables.keys():
            dropped[file, prefix + key] = "no part of a network"
        return _bare(tables, file, prefix, dropped)
    if tables:
        if chosen := _chosen(tables):
            for key in tables.keys() - {chosen}:
                average = chosen in _AVERAGES or _AVERAGED.search(chosen)
                dropped[file, prefix + key] = f"the averaged {chosen} is taken" if average else f"{chosen} is taken"
            return _bare(tables[chosen], file, f"{prefix}{chosen}.", dropped)
        return {key: _bare(value, file, f"{prefix}{key}.", dropped) for key, value in tables.items()}
    return _without_prefixes(kept)


def _needless(key: str, value: Tensor | OfficialTensors, beside: OfficialTensors) -> str | None:
    if key.rpartition(".")[2] in _COUNTS:
        return "a profiler's count"
    if key.rpartition(".")[2] == "n_averaged":
        return "how often the weights were averaged"
    if isinstance(value, Mapping):
        of_one = _OF_AN_OPTIMIZER.search(key)
        return "state of an optimiser or a trainer, which a new run has no use for" if of_one else None
    return "a number, no weight" if value.numel() < 2 and "." not in key and len(beside) > 1 else None


def _chosen(tables: Mapping[str, OfficialTensors]) -> str | None:
    """The wrapper among these tables to go into; None where they are networks."""
    for word in (*_AVERAGES, *_WRAPPERS):
        if word in tables and (len(tables) == 1 or not any(_role(key) for key in tables)):
            return word
    return None


def _without_prefixes(tensors: Mapping[str, Tensor | OfficialTensors]) -> dict[str, Tensor | OfficialTensors]:
    found = dict(tensors)
    while found and (prefix := next((p for p in _PREFIXES if all(key.startswith(p) for key in found)), None)):
        found = {key.removeprefix(prefix): value for key, value in found.items()}
    inner = {_WITHIN.sub("", key): value for key, value in found.items()}
    return inner if len(inner) == len(found) else found


def _nested(content: OfficialTensors) -> OfficialTensors:
    """A flat network whose keys all begin with names of networks, such as Lightning's `netG_A.model.1.weight`, as a
    table of networks.
    """
    if not content or any(isinstance(value, Mapping) or "." not in key for key, value in content.items()):
        return content
    parts: dict[str, dict[str, Tensor | OfficialTensors]] = {}
    for key, value in content.items():
        first, _, rest = key.partition(".")
        parts.setdefault(first, {})[rest] = value
    if len(parts) == 1 or any(first.isdigit() for first in parts):
        return content
    return {first: _without_prefixes(part) for first, part in parts.items()}


def _apart(nested: Mapping[str, OfficialTensors], bare: Reading) -> Reading:
    """Every network a file of its own, named as the authors name their files."""
    apart = Reading({}, dict(bare.dropped))
    for file, content in nested.items():
        networks = {key: value for key, value in content.items() if isinstance(value, Mapping)}
        roles = _roles(networks)
        if not roles or len(networks) < len(content):
            apart.files[file] = content
            continue
        averaged = {role for key, role in roles.items() if _AVERAGED.search(key)}
        directed = any(_way(key) for key in networks)
        named = len(set(roles.values())) == 1 and not any("_" in role for role in roles.values())  # by the file
        for key, network in networks.items():
            if key not in roles:
                apart.dropped[file, key] = "neither a generator nor a discriminator"
            elif roles[key] in averaged and not _AVERAGED.search(key):
                apart.dropped[file, key] = "its averaged weights are taken"
            else:
                apart.files[file if named else f"{file}/{_official(roles[key], directed)}"] = network
    return apart


def _roles(networks: Mapping[str, OfficialTensors]) -> dict[str, str]:
    """The roles of those networks whose names tell one."""
    roles = {key: role for key in networks if (role := _role(key))}
    rest = [key for key in networks if key not in roles and key in (*_AVERAGES, *_WRAPPERS)]
    if roles and len(rest) == 1 and not any(role.startswith("G") for role in roles.values()):
        roles[rest[0]] = "G"  # what a file calls its model, beside its discriminator
    return roles


def _role(key: str) -> str | None:
    """G, D, E, D2, and with the domain G_A, G_B, D_A, D_B, as a key names it."""
    found = _NETWORK.fullmatch(re.sub(_AVERAGED, r"\1", key).strip("_."))
    if found is None:
        return None
    kind = {"g": "G", "d": "D", "c": "D", "e": "E"}[found["kind"][0].lower()] + found["second"]
    way = (found["way"] or "").lower()
    return f"{kind}_{'A' if way[0] in 'ax' else 'B'}" if way else kind


def _way(key: str) -> bool:
    """Whether a key names both domains, as G_AB does."""
    found = _NETWORK.fullmatch(re.sub(_AVERAGED, r"\1", key).strip("_."))
    return found is not None and len(found["way"] or "") > 1


def _official(role: str, directed: bool) -> str:
    """The authors' D_A judges pictures of B; where generators are named by both domains, D_A judges those of A."""
    return {"D_A": "D_B", "D_B": "D_A"}.get(role, role) if directed else role


def _peeled(content: OfficialTensors) -> OfficialTensors:
    """Without the name before all keys, unless numbers of layers would be left."""
    if len(content) == 1 and isinstance(inner := next(iter(content.values())), Mapping):
        return inner
    first = {key.partition(".")[0] for key in content}
    rest = {key.partition(".")[2]: value for key, value in content.items() if isinstance(value, Tensor)}
    if len(first) == 1 and len(rest) == len(content) and all(rest) and not all(key[0].isdigit() for key in rest):
        return _without_prefixes(rest)
    return content
