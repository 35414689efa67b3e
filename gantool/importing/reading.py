"""Reading the authors' checkpoint files without running what is in them: tensors by key, and nothing else."""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gantool.errors import CheckpointError, argument
from gantool.importing import kinds
from gantool.importing.official import OfficialTensors
from gantool.importing.pickled import read_pickled
from gantool.runs.header import KEY

_WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel and `torch.compile` put before every key."""


def read_official(path: Path) -> OfficialTensors:
    """The tensors of a .pth, .pt, .ckpt or .safetensors file, on the CPU, without wrappers around them or their keys.

    Networks that were pickled whole (.pkl) are read by `read_pickled`. Anything that is no tensor is left out. Raises
    CheckpointError for a file that cannot be read, holds no tensors, or needs more than
    `torch.load(weights_only=True)`: unpickling such a file would run code that it brings along.
    """
    if kinds.is_safetensors(path):
        content: Any = _read_safetensors(path)
    elif kinds.is_plain_pickle(path):
        content = read_pickled(path)
    else:
        kinds.check(path)
        content = _read_pickle(path)
    content = _numbered(content)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        averaged = [key for key, value in content.items() if "ema" in str(key).lower() and isinstance(value, Mapping)]
        content = content if averaged else content["state_dict"]
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}, not tensors by name: save its state_dict() instead"
        )
    try:
        tensors = _tensors_only(content)
    except RecursionError:
        raise CheckpointError(f"{path} is damaged: its tables are nested too deep") from None
    if not tensors:
        raise CheckpointError(f"{path} holds no tensors")
    for key, value in leaves(tensors):
        if value.is_quantized or value.layout != torch.strided or value.is_meta:
            raise CheckpointError(
                f"{path}: {key} is {'quantised' if value.is_quantized else 'stored without its numbers or sparse'}:"
                " save the state_dict() of the network as it was trained"
            )
    return tensors


def leaves(tensors: OfficialTensors, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor with its key; keys of mappings within mappings are joined by dots."""
    for key, value in tensors.items():
        if isinstance(value, Tensor):
            yield prefix + key, value
        else:
            yield from leaves(value, f"{prefix}{key}.")


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about its own old formats
            # A table of a program's arguments is no code.
            with torch.serialization.safe_globals([argparse.Namespace]), path.open("rb") as file:
                return torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        if named is None:
            raise CheckpointError(f"{path} is damaged or no PyTorch file: download it again") from error
        raise CheckpointError(
            f"{path} is refused: it holds more than tensors ({named[1]}), and reading that could run code from it."
            " If you trust it, load it in PyTorch and save its state_dict() alone"
        ) from error
    except Exception as error:  # a damaged file makes the reader fail in almost any way
        raise CheckpointError(f"{path} is damaged or no PyTorch file: download it again") from error


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            if KEY in (file.metadata() or {}):
                raise CheckpointError(f"{path} is gantool's own: use it as it is, {argument('model', path)}")
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # it is no mapping
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except SafetensorError as error:
        raise CheckpointError(f"{path} is cut short or damaged: download it again ({error})") from error


def _tensors_only(content: Mapping[Any, Any]) -> dict[str, Tensor | OfficialTensors]:
    kept: dict[str, Tensor | OfficialTensors] = {}
    for key, one in content.items():
        value = _numbered(one)
        if isinstance(value, Tensor):
            kept[str(key)] = value.detach()
        elif isinstance(value, Mapping) and (inside := _tensors_only(value)):
            kept[str(key)] = inside
    while wrapper := next((w for w in _WRAPPERS if kept and all(key.startswith(w) for key in kept)), None):
        kept = {key[len(wrapper) :]: value for key, value in kept.items()}
    return kept


def _numbered(content: Any) -> Any:
    """A list with tables among its members as a table of these, by number; a lone one as it is. Anything else stays."""
    if not isinstance(content, (list, tuple)):
        return content
    tables = {str(number): one for number, one in enumerate(content) if isinstance(one, Mapping) and one}
    return next(iter(tables.values())) if len(tables) == 1 else tables or content
