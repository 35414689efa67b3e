"""The header of a weights file, read without torch.

All of gantool's metadata stands as JSON under one key, because files with several keys are not byte-reproducible.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantool.errors import CheckpointError
from gantool.runs import folders
from gantool.runs.upgrade import FORMAT, upgraded
from gantool.spec import Facts, facts_from_json

KEY = "gantool"
_OFFICIAL = (".pth", ".pt", ".ckpt")
_LARGEST_HEADER = 100_000_000


class DamagedError(CheckpointError):
    """A file of gantool that is not as it was written."""


@dataclass(frozen=True)
class Header:
    """The head of one safetensors file."""

    path: Path
    metadata: dict[str, Any]
    """gantool's own, in the newest format: of weights all `Facts`; of a training's state model and step."""
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
        own = head.pop("__metadata__", None) or {}
        whole = 8 + length + max((int(entry["data_offsets"][1]) for entry in head.values()), default=0)
        if whole != size:
            raise DamagedError(f"{path} is cut short or damaged: {size} bytes where its header says {whole}")
        tensors = {name: (str(entry["dtype"]), tuple(entry["shape"])) for name, entry in head.items()}
        foreign = KEY not in own
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, struct.error) as error:
        raise DamagedError(
            f"{path} is no weights file of gantool (safetensors)." + (hint if path.suffix in _OFFICIAL else "")
        ) from error
    if foreign:
        raise CheckpointError(f"{path} is a safetensors file of another program: it holds no gantool header")
    try:
        metadata = json.loads(own[KEY])
        newer = metadata.get("format", 0) > FORMAT
        if newer:
            raise CheckpointError(
                f"{path} was written by a newer gantool ({metadata.get('gantool')}): pip install -U gantool"
            )
        metadata = upgraded(metadata)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise DamagedError(f"{path} is damaged: its gantool header is not what was written") from error
    return Header(path, metadata, tensors)


def read_facts(path: Path) -> Facts:
    """The facts of a file to translate with.

    Raises CheckpointError as `read_header` does, for a training's state, and where the header is not what was written.
    """
    with naming_the_save_before(path):
        return facts_of(read_header(path))


def facts_of(header: Header) -> Facts:
    """The facts of a weights file's header. Raises CheckpointError as `read_facts`."""
    path, metadata = header.path, header.metadata
    if "spec" not in metadata and "model" in metadata:
        raise CheckpointError(f"{path} holds no weights to translate with: give the run folder, or {folders.WEIGHTS}")
    if not isinstance(metadata.get("sha256"), str):
        raise DamagedError(f"{path} is damaged: its header lacks sha256")
    try:
        return facts_from_json(metadata)
    except ValueError as error:
        raise DamagedError(f"{path} is damaged: {error}") from error


@contextmanager
def naming_the_save_before(path: Path) -> Iterator[None]:
    """Inside, a DamagedError about this file gets a remedy: the save before the one it belongs to, if there is one."""
    try:
        yield
    except DamagedError as error:
        earlier = folders.save_before(path)
        if earlier is None:
            raise
        raise DamagedError(f"{error.text}. The save before it: {earlier}") from error
