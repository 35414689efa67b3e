"""What a weights file says of itself, read without torch: the header of a safetensors file.

All of gantool's metadata stands as JSON under one key, because files with several keys are not byte-reproducible.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantool.errors import CheckpointError

KEY = "gantool"
FORMAT = 1
_OFFICIAL = (".pth", ".pt", ".ckpt")
_LARGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class Header:
    """The head of one safetensors file."""

    path: Path
    metadata: dict[str, Any]
    """gantool's own: model, options, domains, step, ..."""
    tensors: dict[str, tuple[str, tuple[int, ...]]]
    """Type ("F32") and shape by name."""


def read_header(path: Path) -> Header:
    """Raises CheckpointError for a file that is missing, damaged, cut short or not gantool's."""
    hint = f" An official checkpoint: gantool import {path} -o RUN"
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))
            if length > min(size - 8, _LARGEST_HEADER):
                raise ValueError("no safetensors header")
            head = json.loads(file.read(length))
        if not isinstance(head, dict):
            raise ValueError("no safetensors header")
        own = head.pop("__metadata__", {})
        whole = 8 + length + max((int(entry["data_offsets"][1]) for entry in head.values()), default=0)
        if whole != size:
            raise CheckpointError(f"{path} is cut short or damaged: {size} bytes where its header says {whole}")
        tensors = {name: (str(entry["dtype"]), tuple(entry["shape"])) for name, entry in head.items()}
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, struct.error) as error:
        raise CheckpointError(
            f"{path} is no weights file of gantool (safetensors)." + (hint if path.suffix in _OFFICIAL else "")
        ) from error
    if KEY not in own:
        raise CheckpointError(f"{path} is a safetensors file of another program: it holds no gantool header")
    metadata = json.loads(own[KEY])
    if metadata.get("format", 0) > FORMAT:
        raise CheckpointError(
            f"{path} was written by a newer gantool ({metadata.get('gantool')}): pip install -U gantool"
        )
    return Header(path, metadata, tensors)
