"""Writing a file so that nobody ever meets half of it. Imports nothing heavy."""

from __future__ import annotations

import os
import secrets
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
        raise DataError(f"cannot write {path}: {error.strerror or error}") from error
