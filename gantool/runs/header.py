"""The header of a weights file, read without torch.

All of gantool's metadata stands as JSON under one key, because files with several keys are not byte-reproducible. Its
`sha256` covers all the rest of it, and with `tensors_sha256` the tensors; in files of 0.1 it covered the tensors alone.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantool import contents, schema
from gantool.errors import CheckpointError
from gantool.runs import folders
from gantool.runs.upgrade import FORMAT, upgraded
from gantool.spec import Facts, facts_from_json

KEY = "gantool"
_OFFICIAL = (".pth", ".pt", ".ckpt", ".pkl", ".tar")
_LARGEST_HEADER = 100_000_000
_ENTRY = schema.record(
    {
        "dtype": schema.text(20),
        "shape": schema.several(schema.whole(), high=16),
        "data_offsets": schema.several(schema.whole(), low=2, high=2),
    }
)
_HEAD = schema.table(_ENTRY, high=1_000_000, longest=1000)
_OWN = schema.record({"format": schema.whole(1), "gantool": schema.optional(schema.text(100), "an unknown version")})
_OF_A_STATE = schema.record(
    {
        "model": schema.text(255),
        "step": schema.whole(),
        "sha256": schema.text(64),
        "weights": schema.optional(schema.text(64)),
    }
)


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
    tensors_sha256: str
    """What the hash of the tensors shall be."""


def read_header(path: Path) -> Header:
    """Raises CheckpointError for a file that is missing, damaged, cut short or not gantool's."""
    head, length, size = _read_head(path)
    texts = head.pop("__metadata__", None) or {}
    try:
        entries = _HEAD(head, "")
    except ValueError as error:
        raise _no_weights(path) from error
    whole = length + max((entry["data_offsets"][1] for entry in entries.values()), default=0)
    if whole != size:
        raise DamagedError(f"{path} is cut short or damaged: {size} bytes where its header says {whole}")
    if not isinstance(texts, dict) or KEY not in texts:
        raise CheckpointError(f"{path} is a safetensors file of another program: it holds no gantool header")
    metadata, tensors_sha256 = _own(path, texts[KEY])
    tensors = {name: (entry["dtype"], entry["shape"]) for name, entry in entries.items()}
    return Header(path, metadata, tensors, tensors_sha256)


def hashed(facts: Mapping[str, Any], tensors_sha256: str) -> dict[str, Any]:
    """A header as it is written: facts in the newest format, with the hash of the tensors and that of all of it."""
    table = {**facts, "format": FORMAT, "tensors_sha256": tensors_sha256}
    return {**table, "sha256": _digest(table)}


def read_facts(path: Path) -> Facts:
    """The facts of a file to translate with.

    Raises CheckpointError as `read_header` does, for a training's state, and where the header is not what was written.
    """
    with naming_the_save_before(path):
        return facts_of(read_header(path))


def facts_of(header: Header) -> Facts:
    """The facts of a weights file's header. Raises CheckpointError as `read_facts`."""
    path, metadata = header.path, header.metadata
    if is_state(header):
        raise CheckpointError(f"{path} holds no weights to translate with: give the run folder, or {folders.WEIGHTS}")
    if not isinstance(metadata.get("sha256"), str):
        raise DamagedError(f"{path} is damaged: its header lacks sha256")
    try:
        return facts_from_json(metadata)
    except ValueError as error:
        raise DamagedError(f"{path} is damaged, its header is not what was written: {error}") from error


def is_state(header: Header) -> bool:
    """Whether this is the state of a training, not weights to translate with."""
    return "spec" not in header.metadata and "model" in header.metadata


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


def _read_head(path: Path) -> tuple[dict[str, Any], int, int]:
    """The JSON at the beginning of a safetensors file, where the tensors begin, and the size of the file."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            begin = file.read(4096)
            (length,) = struct.unpack("<Q", begin[:8].ljust(8, b"\xff"))
            if size - 8 < length <= _LARGEST_HEADER and begin[8:9] == b"{":
                raise DamagedError(f"{path} is cut short: {size} bytes, and its header alone has {length}")
            if length > min(size - 8, _LARGEST_HEADER):
                raise _no_weights(path, begin)
            file.seek(8)
            head = schema.parse_json(file.read(length))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise _no_weights(path, begin) from error
    if not isinstance(head, dict):
        raise _no_weights(path)
    return head, 8 + length, size


def _own(path: Path, text: object) -> tuple[dict[str, Any], str]:
    """gantool's metadata, in the newest format, and the hash of the tensors."""
    damaged = f"{path} is damaged: its gantool header is not what was written"
    try:
        if not isinstance(text, str):
            raise ValueError("no text")
        written = schema.anything(schema.parse_json(text), "")
        known = _OWN(written, "")
        if known["format"] > FORMAT:
            newer = schema.shown(known["gantool"]).strip('"')
            raise CheckpointError(f"{path} was written by a newer gantool ({newer}): pip install -U gantool")
        rest = {key: value for key, value in written.items() if key != "sha256"}
        if known["format"] > 1 and written.get("sha256") != _digest(rest):
            raise DamagedError(f"{damaged} (its hash is another)")
        sha256 = written.get("sha256" if known["format"] == 1 else "tensors_sha256")
        metadata = upgraded(written)
        if "spec" not in metadata:
            _OF_A_STATE(metadata, "")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise DamagedError(damaged) from error
    return metadata, str(sha256)


def _digest(table: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def _no_weights(path: Path, begin: bytes = b"\0") -> DamagedError:
    if not begin:
        return DamagedError(f"{path} is empty: copy or {contents.AGAIN}")
    found = contents.of(begin)
    if b"/data.pkl" in begin or (found is None and path.suffix in _OFFICIAL):
        told = f" (safetensors). An official checkpoint: gantool import {path} -o RUN"
    else:
        told = " (safetensors)." if found is None else f": it {': '.join(found)}"
    return DamagedError(f"{path} is no weights file of gantool{told}")
