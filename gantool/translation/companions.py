"""Files beside a result: its style code, and maps of where the networks look."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from gantool.errors import DataError, argument
from gantool.files import reason
from gantool.pictures.file import Array, encode
from gantool.translation.destination import Puts
from gantool.translation.jobs import Job, map_path


def beside(job: Job, code: Tensor | None, maps: Mapping[str, Array], destination: Puts) -> None:
    """Writes the code (1, S) and the maps (H, W, 3 or 1) where the job wants them.

    They come before the result, which says that all is done. Raises DataError where one would replace another file.
    """
    if job.code is not None and code is not None:
        buffer = io.BytesIO()
        np.save(buffer, code[0].float().cpu().numpy())
        _keep_others(job, job.code, buffer.getvalue())
        destination.put(job, job.code, buffer.getvalue())
    if job.maps is not None:
        for name, heat in maps.items():
            path, picture = map_path(job.maps, name), encode(heat, "PNG")
            destination.claim(path, job)
            _keep_others(job, path, picture)
            destination.put_map(job, path, picture)


def _keep_others(job: Job, path: Path, data: bytes) -> None:
    """Raises DataError for a file that is there, unless it may be replaced or an interrupted run has written it."""
    if job.replaces or not os.path.exists(path):
        return
    try:
        same = path.read_bytes() == data
    except OSError as error:
        raise DataError(f"cannot read {path}: {reason(error, path)}") from error
    if not same:
        raise DataError(f"{path} exists already and is another file: {argument('existing', 'overwrite')} replaces it")
