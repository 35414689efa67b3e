"""Files beside a result: its style code, and maps of where the networks look."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from torch import Tensor

from gantool.errors import DataError, argument
from gantool.files import reason, write_atomically
from gantool.pictures.file import Array, encode
from gantool.translation.outputs import Job, key

Deliver: TypeAlias = "Callable[[Path | None, bytes], None]"
"""Puts the bytes of a result where they belong (None: stdout); called from several threads."""


def claim(path: Path, job: Job, owners: dict[str, str]) -> None:
    """Takes this name for one of the job's files. Raises DataError where it is for another picture, or is an input."""
    owner = owners.setdefault(key(path), job.source.name)
    if owner != job.source.name:
        raise DataError(
            f"{job.source.name}: {path} would be written, but is for {owner}: translate it apart from the rest"
        )


def beside(
    job: Job,
    code: Tensor | None,
    maps: Mapping[str, Array],
    deliver: Deliver,
    owners: dict[str, str],
    *,
    overwrite: bool,
) -> None:
    """Writes the code (1, S) and the heat maps (H, W, 3) where the job wants them.

    They come before the result, which says that all is done. Raises DataError where one would replace another file.
    """
    if job.code is not None and code is not None:
        buffer = io.BytesIO()
        np.save(buffer, code[0].float().cpu().numpy())
        if _is_to_be_written(job.code, buffer.getvalue(), overwrite):
            deliver(job.code, buffer.getvalue())
    if job.maps is not None:
        for name, heat in maps.items():
            path, picture = job.maps.with_name(f"{job.maps.name}.{name}.png"), encode(heat, "PNG")
            claim(path, job, owners)
            if _is_to_be_written(path, picture, overwrite):
                _put(path, picture)


def _is_to_be_written(path: Path, data: bytes, overwrite: bool) -> bool:
    """False where an interrupted run has written it. Raises DataError where another file would be lost."""
    if overwrite or not os.path.exists(path):
        return True
    try:
        same = path.read_bytes() == data
    except OSError as error:
        raise DataError(f"cannot read {path}: {reason(error, path)}") from error
    if not same:
        raise DataError(f"{path} exists already and is another file: {argument('existing', 'overwrite')} replaces it")
    return False


def _put(path: Path, picture: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot write {path}: {reason(error, path.parent)}") from error
    write_atomically(path, picture)
