"""Whole files: written so that a reader never meets half of one. Imports nothing heavy."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from gantool.errors import DataError


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file so that a reader, a kill or a full disk meets the whole file, the one before it, or none.

    Raises DataError "cannot write PATH: reason"; nothing is left behind then. The folder must exist.
    """
    temporary = path.with_name(f".gantool-{secrets.token_hex(8)}.tmp")
    try:
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DataError(f"cannot write {path}: {reason(error, path.parent)}") from error


def check_writable(path: Path) -> None:
    """Raises DataError where a file could not be written, before any work is done for it. Makes nothing."""
    if path.is_dir():
        raise DataError(f"cannot write {path}: it is a folder")
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    if not folder.is_dir():
        raise DataError(f"cannot write {path}: {folder} is a file")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(f"cannot write {path}: no permission to write to {folder}")


def reason(error: OSError, folder: Path) -> str:
    """Why nothing can be written to `folder`, which may not exist: a file stands in its way, or the system's words."""
    for place in (folder, *folder.parents):
        if place.exists():
            return (error.strerror or str(error)) if place.is_dir() else f"{place} is a file"
    return error.strerror or str(error)


def refuse_irregular(path: Path) -> None:
    """Raises OSError for what cannot be read as a file is: a folder, or a pipe, which would wait for a writer."""
    mode = os.stat(path).st_mode
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        os.scandir(path).close()  # one that cannot be listed has a reason of its own
        raise OSError("it is a folder, not a file")
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    raise OSError(f"it is {kinds.get(stat.S_IFMT(mode), 'a device')}, not a file")
