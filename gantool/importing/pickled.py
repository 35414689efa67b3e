"""Pickles of whole networks, as StyleGAN's authors publish them, read as plain data: no code that they bring is run.

In PyTorch such a file holds modules with their source code (`torch_utils.persistence` of NVlabs/stylegan2-ada-pytorch);
in TensorFlow, networks with theirs and a list of variables (`dnnlib.tflib` of NVlabs/stylegan and stylegan2). What is
read are tensors by key, and the numbers that a network was built with, as tensors without dimensions below
`init_kwargs`.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantool.errors import CheckpointError
from gantool.importing.kinds import STATE_DICT
from gantool.schema import first_line
from gantool.unpickling import NUMPY, Allowed, unpickled

Tree = dict[str, "Tensor | Tree"]


class _Module:
    """A pickled module: what it was made of. Its source code is left where it is."""

    def __init__(self, meta: Mapping[str, Any]) -> None:
        self.state: Mapping[str, Any] = meta["state"]


class _Network:
    """A network of TensorFlow: its state."""

    state: Mapping[str, Any]

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.state = state


class _Table(dict[str, Any]):
    """A dictionary whose keys can be read as attributes."""


def _storage(data: bytes) -> Any:
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def _parameter(data: Tensor, *_: object) -> Tensor:
    return data


def _known() -> Allowed:
    rebuild = torch._utils._rebuild_tensor_v2  # what torch.load itself calls
    return {
        **NUMPY,
        ("collections", "OrderedDict"): OrderedDict,
        ("builtins", "set"): set,
        ("dnnlib.util", "EasyDict"): _Table,
        ("dnnlib.tflib.network", "Network"): _Network,
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): _Module,
        ("torch.storage", "_load_from_bytes"): _storage,
        ("torch._utils", "_rebuild_tensor_v2"): rebuild,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("torch", "Size"): torch.Size,
    }


def read_pickled(path: Path) -> Tree:
    """The networks of a pickle, by name: G_ema, G, D of PyTorch, or G, D, Gs of TensorFlow.

    Raises CheckpointError for a pickle that names anything else than such networks need, or is damaged.
    """
    try:
        content = unpickled(path.read_bytes(), _known())
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise _refused(path, str(error)) from error
    if isinstance(content, tuple) and len(content) == 3:
        content = dict(zip(("G", "D", "Gs"), content, strict=True))
    try:
        networks = _networks(content, path) if isinstance(content, Mapping) else {}
    except (AttributeError, RecursionError, TypeError, ValueError) as error:  # a state that is none, or is in itself
        raise CheckpointError(f"{path} is damaged: {first_line(error)}") from error
    if not networks:
        raise _refused(path, "it holds no networks as StyleGAN's do")
    return networks


def _networks(content: Mapping[Any, Any], path: Path) -> Tree:
    networks: Tree = {}
    for name, network in content.items():
        if isinstance(network, _Module):
            networks[str(name)] = {**_of_module(network, path), "init_kwargs": _numbers(network.state)}
        elif isinstance(network, _Network):
            networks[str(name)] = _of_network(network, path)
    return networks


def _of_module(module: _Module, path: Path, before: str = "") -> Tree:
    """Parameters and buffers of a module and those within it, by their keys."""
    found: Tree = {}
    for kind in ("_parameters", "_buffers"):
        for name, value in _table(module.state, kind, path).items():
            if isinstance(value, Tensor):
                found[f"{before}{name}"] = value.detach()
    for name, inner in _table(module.state, "_modules", path).items():
        if isinstance(inner, _Module):
            found |= _of_module(inner, path, f"{before}{name}.")
    return found


def _numbers(state: Mapping[str, Any]) -> Tree:
    """The numbers that a network was built with."""

    def of(table: Mapping[str, Any]) -> Tree:
        found: Tree = {}
        for name, value in table.items():
            if isinstance(value, Mapping):
                found[str(name)] = of(value)
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                found[str(name)] = torch.tensor(float(value))
        return found

    told = state.get("_init_kwargs")
    return of(told) if isinstance(told, Mapping) else {}


def _of_network(network: _Network, path: Path) -> Tree:
    """The variables of a network of TensorFlow and its components, by their names with slashes."""
    found: Tree = {}
    for variable in network.state.get("variables", ()):
        name, value = variable
        if isinstance(value, (np.ndarray, np.generic)):
            found[str(name)] = torch.from_numpy(np.array(value))
    for name, component in _table(network.state, "components", path).items():
        if isinstance(component, _Network):
            found |= {f"{name}/{key}": value for key, value in _of_network(component, path).items()}
    return found


def _refused(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is a pickle that torch.save did not write, and reading it could run code: {why}. If you trust it,"
        f" {STATE_DICT}"
    )


def _table(state: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    table = state.get(name, {})
    if not isinstance(table, Mapping):
        raise CheckpointError(f"{path} is damaged: its {name} are no table")
    return table
