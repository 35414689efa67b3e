"""Whole files: written so that a reader never meets half of one. Imports nothing heavy."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gantool.errors import DataError, UsageError

try:
    import fcntl
except ImportError:  # Windows: nothing that is open can be removed there
    fcntl = None  # type: ignore[assignment]

TEMPORARY = ".gantool-*.tmp"
"""The names of files that are being written, as a pattern."""


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file so that a reader, a kill or a full disk meets the whole file, the one before it, or none.

    Raises DataError "cannot write PATH: reason"; nothing is left behind then. The folder must exist.
    """
    try:
        temporary = path.with_name(f".gantool-{secrets.token_hex(8)}.tmp")
        temporary.touch(exist_ok=False)
        try:
            with claimed(temporary), temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = reason(error, path.parent) if isinstance(error, OSError) else str(error)
        raise DataError(f"cannot write {path}: {why}") from error


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Inside, a file or folder that is being written counts as claimed: `remove_abandoned` leaves it.

    The claim is the system's, and ends with the process, whatever ends that.
    """
    handle = None
    if fcntl is not None:
        with contextlib.suppress(OSError):  # some systems have no locks, or cannot open a folder
            handle = os.open(path, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def remove_abandoned(paths: Iterable[Path]) -> None:
    """Removes what killed processes left half written; what a living one has claimed stays."""
    for path in paths:
        with contextlib.suppress(OSError):
            if fcntl is None:
                _remove(path)
                continue
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)
            finally:
                os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()


def check_writable(path: Path) -> None:
    """Raises DataError where a file could not be written, before any work is done for it. Makes nothing."""
    if path.is_dir():
        raise DataError(f"cannot write {path}: it is a folder")
    if why := _refusal(path.parent):
        raise DataError(f"cannot write {path}: {why}")


def check_folder(folder: Path) -> None:
    """Raises DataError where no file could be written to a folder, which need not exist. Makes nothing.

    Raises UsageError for `-`, which a person means as standard output.
    """
    if folder == Path("-"):
        raise UsageError("- is standard output, and here a folder is wanted: give it a name")
    if why := _refusal(folder):
        raise DataError(f"cannot write to {folder}: {why}")


def _refusal(folder: Path) -> str:
    """Why nothing can be written to a folder; empty where nothing is against it."""
    there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not there.is_dir():
        return f"{there} is a file" if there.exists() else f"{there} is a link that leads nowhere"
    if os.access(there, os.W_OK | os.X_OK):
        return ""
    there = there.absolute()
    return f"{there} is on a read-only file system" if _read_only(there) else f"no permission to write to {there}"


def _read_only(folder: Path) -> bool:
    with contextlib.suppress(OSError, AttributeError):  # Windows has no statvfs
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    return False


def missing(path: Path) -> DataError:
    """The error for a path at which there is nothing."""
    if path.is_symlink():
        return DataError(f"{path} is a link to {os.readlink(path)}, which is not there")
    return DataError(f"{path} does not exist")


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
