"""Where finished files go: whole or not at all, also after a kill or on a full disk."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import socket
import time
from pathlib import Path

from gantool.errors import DataError
from gantool.files import reason

_PROBE = 65_536
_STALE_SECONDS = 86_400.0
_OWN_FAULT = (
    errno.ENAMETOOLONG,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.ENOTEMPTY,
    errno.EILSEQ,
    errno.EINVAL,
)


class OutputRefusedError(DataError):
    """The disk takes no more files (full, read-only, no permission): going on is pointless."""


class Outbox:
    """Writes files below `root` through a hidden folder of its own there, from which they are renamed into place.

    Making one tries the disk: raises OutputRefusedError if nothing can be written. What killed processes left behind is
    removed then; the folders of living ones stay. Files may be written from several threads at once.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        host = "".join(c for c in socket.gethostname() if c.isalnum() or c in "._") or "here"
        self._prefix = f".gantool-{host}-"
        self._staging = root / f"{self._prefix}{os.getpid()}"
        self._new = [folder for folder in (root, *root.parents) if not folder.exists()]
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._remove_stale()
            self._stage(b"\0" * _PROBE).unlink()
        except OSError as error:
            self.close()
            raise OutputRefusedError(f"cannot write to {root}: {reason(error, root)}") from error

    def write(self, path: Path, data: bytes) -> None:
        """Puts a file in place. Raises DataError for an impossible path, OutputRefusedError where the disk refuses."""
        staged: Path | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            staged = self._stage(data)
            os.replace(staged, path)
        except OSError as error:
            if staged is not None:
                staged.unlink(missing_ok=True)
            kind = DataError if error.errno in _OWN_FAULT else OutputRefusedError
            raise kind(f"cannot write {path}: {reason(error, path.parent)}") from error

    def close(self) -> None:
        """Removes what is not in place, and the folders that were made for files of which none came."""
        shutil.rmtree(self._staging, ignore_errors=True)
        with contextlib.suppress(OSError):  # it holds something
            for folder in self._new:
                folder.rmdir()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _stage(self, data: bytes) -> Path:
        # A watched folder may rest for days, and its results be taken away, with all that is beside them.
        self._staging.mkdir(parents=True, exist_ok=True)
        temporary = self._staging / secrets.token_hex(8)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def _remove_stale(self) -> None:
        for folder in self._root.glob(".gantool-*-*"):
            process = folder.name.removeprefix(self._prefix)
            mine = folder.name.startswith(self._prefix) and process.isdecimal()
            with contextlib.suppress(OSError):
                if (mine and not _alive(int(process))) or time.time() - folder.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(folder)


def _alive(process: int) -> bool:
    """Whether another process of this number runs on this machine."""
    if process == os.getpid():
        return False
    if os.name != "posix":
        return True  # asking would end it there
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
