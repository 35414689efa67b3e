"""Features of pictures that were looked at before. To take them through a network costs a hundred times as much as to
read the pictures, and real pictures are the same in every evaluation.

They lie below the user's cache, $XDG_CACHE_HOME/gantool/features. A file's name is a hash of all that its content
follows from. The file is NumPy's (.npy) with a checksum of its name and content behind it: what is damaged, or lies
under another's name, is computed anew. Nothing is lost with the folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gantool.errors import DataError
from gantool.files import TEMPORARY, remove_abandoned, write_atomically

LARGEST = 2 * 2**30
"""Bytes that all files take together; those that were used longest ago make room. Half of them is the most that one
takes.
"""
_CHECKSUM = sha256().digest_size


def remembered(
    of: Mapping[str, object], shape: tuple[int, ...], compute: Callable[[], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """What `compute` gives, of this shape, or what it gave before for the same `of`: all that it follows from but the
    version of torch. Where nothing can be kept it is computed.
    """
    name = sha256(json.dumps([torch.__version__, of], sort_keys=True).encode()).hexdigest()[:32]
    folder = _folder()
    if folder is None:
        return compute()
    found = _read(folder / f"{name}.npy", shape)
    if found is None:
        found = compute()
        if 2 * found.nbytes <= LARGEST:
            _keep(folder / f"{name}.npy", found)
    return found


def computer(device: torch.device) -> str:
    """What computes on a device: others round differently."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    kind = f"{device.type}, {platform.machine()}"
    return f"{kind}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"


def _folder() -> Path | None:
    """Where files are kept; None where there is no home for them."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    except RuntimeError:
        return None
    return Path(home) / "gantool" / "features"


def _read(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """The array of a file; None where there is none, or something else."""
    try:
        data = path.read_bytes()
        content, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
        if checksum != _checksum(path, content):
            return None
        found: NDArray[np.float32] = np.load(BytesIO(content), allow_pickle=False)
        os.utime(path)  # it was used now
    except (OSError, ValueError):
        return None
    return found if found.shape == shape and found.dtype == np.float32 else None


def _keep(path: Path, values: NDArray[np.float32]) -> None:
    """Writes a file, and removes the oldest ones where all take too much. A folder that takes none is no fault."""
    buffer = BytesIO()
    np.save(buffer, values, allow_pickle=False)
    content = buffer.getvalue()
    with contextlib.suppress(OSError, DataError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content + _checksum(path, content))
        remove_abandoned(path.parent.glob(TEMPORARY))
        _make_room(path.parent)


def _checksum(path: Path, content: bytes) -> bytes:
    return sha256(path.name.encode() + content).digest()


def _make_room(folder: Path) -> None:
    files = sorted((file.stat().st_mtime, file.stat().st_size, file) for file in folder.glob("*.npy"))
    excess = sum(size for _, size, _ in files) - LARGEST
    for _, size, file in files:
        if excess <= 0:
            return
        file.unlink(missing_ok=True)
        excess -= size
