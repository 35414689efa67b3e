"""The tensors of one safetensors file, written and read with their hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from gantool.runs.header import KEY, DamagedError, Header, hashed
from gantool.schema import first_line


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    """Writes a file, flushed, and returns the hash in its header."""
    # safetensors refuses tensors that share memory or lie in channels-last order.
    ready = {name: tensor.detach().to("cpu", copy=False).contiguous() for name, tensor in tensors.items()}
    seen: set[int] = set()
    for name, tensor in ready.items():
        if tensor.data_ptr() in seen and tensor.numel():
            ready[name] = tensor.clone()
        seen.add(tensor.data_ptr())
    header = hashed(facts, _digest(ready))
    path.touch()
    mode = path.stat().st_mode  # as the umask says; safetensors makes private files
    save_file(ready, path, {KEY: json.dumps(header, sort_keys=True)})
    path.chmod(mode & 0o777)
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    return str(header["sha256"])


def read_tensors(header: Header) -> dict[str, Tensor]:
    """The tensors of the file with this header. Raises DamagedError where they are not what was written."""
    path = header.path
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise DamagedError(f"{path} is damaged: {first_line(error)}") from error
    if header.tensors_sha256 != _digest(tensors):
        raise DamagedError(f"{path} is damaged: its contents do not match the hash in its header")
    return tensors


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
