"""The rule that fills networks and inputs with the same numbers everywhere, from names and shapes alone.

The reference implementation and ours are filled by it under the *reference's* parameter names, so no weights have to be
stored.
NumPy's `RandomState` stream is frozen: a name gives the same numbers with every version, on every machine.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def noise(name: str, shape: Sequence[int]) -> Tensor:
    """Standard normal float32 numbers."""
    return torch.from_numpy(_stream(name).standard_normal(tuple(shape)).astype(np.float32))


def image(name: str, shape: Sequence[int]) -> Tensor:
    """Uniform float32 numbers in [-1, 1]."""
    return torch.from_numpy(_stream(name).uniform(-1.0, 1.0, tuple(shape)).astype(np.float32))


def parameter(name: str, shape: Sequence[int]) -> Tensor:
    """The parameter or buffer of this name: drawn as the name's last part and the number of dimensions say."""
    kind = name.rpartition(".")[2]
    if kind == "num_batches_tracked":
        return torch.zeros(tuple(shape), dtype=torch.int64)
    drawn = noise(name, shape)
    if kind == "running_var":
        return 1.0 + 0.1 * drawn.abs()
    if kind.endswith(("_u", "_v")):  # spectral norm's vectors
        return drawn / drawn.norm()
    if kind == "rho":
        return (0.5 + 0.1 * drawn).clamp(0.0, 1.0)
    if kind != "running_mean" and len(shape) >= 2:
        return drawn / float(np.sqrt(np.prod(shape[1:])))
    if kind in ("weight", "gamma"):
        return 1.0 + 0.1 * drawn
    return 0.1 * drawn


def network(
    parameters: Iterable[tuple[str, Sequence[int]]], prefix: str, rules: Sequence[tuple[str, Mapping[str, Any]]] = ()
) -> dict[str, Tensor]:
    """A network's state dict. `prefix` tells networks apart: it is part of what is drawn, not of the keys.

    `rules` are pairs of a pattern and the input rule that fills what it matches in place of the rule of all.
    """

    def drawn(name: str, shape: Sequence[int]) -> Tensor:
        rule = next((rule for pattern, rule in rules if re.fullmatch(pattern, name)), None)
        return given({**rule, "name": prefix + name, "shape": shape}) if rule else parameter(prefix + name, shape)

    return {name: drawn(name, shape) for name, shape in parameters}


def filled(told: Mapping[str, Any]) -> dict[str, Tensor]:
    """The state dict of the network that a file describes."""
    return network(told["parameters"], told["prefix"], told.get("parameter_rules", ()))


def given(rule: Mapping[str, Any]) -> Tensor:
    """An input that a file describes as {"rule", "name", "shape"}, maybe with a "map" of its values v, or literally."""
    if "value" in rule:
        return torch.tensor(rule["value"], dtype=getattr(torch, rule["dtype"]) if "dtype" in rule else None)
    if "map" in rule:
        return mapped(given({key: value for key, value in rule.items() if key != "map"}), rule["map"])
    name, shape = rule["name"], rule["shape"]
    if rule["rule"] == "image":
        return image(name, shape)
    if rule["rule"] == "noise":
        return noise(name, shape)
    if rule["rule"] == "(image + 1) / 2":
        return (image(name, shape) + 1) / 2
    raise NotImplementedError(f"input rule {rule['rule']!r}")


def mapped(v: Tensor, formula: str) -> Tensor:
    """A formula of numbers and `v`, as "0.5*v-0.5", of this tensor."""
    assert re.fullmatch(r"[v\d.+\-*/() ]+", formula), f"the suite does not know the map {formula!r}"
    value: Tensor = eval(formula, {"__builtins__": {}}, {"v": v})
    return value


def _stream(name: str) -> np.random.RandomState:
    return np.random.RandomState(zlib.crc32(name.encode()))
