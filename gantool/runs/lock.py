"""One training a run folder at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from gantool.errors import UsageError, argument

NAME = ".lock"


def is_held(run: Path) -> bool:
    """Whether a training is at work in the run folder. Makes nothing."""
    if not (run / NAME).is_file():
        return False
    lock = FileLock(run / NAME)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:  # another person's run: its lock cannot be tried
        return False
    lock.release()
    return False


@contextmanager
def held(run: Path) -> Iterator[None]:
    """Inside, this process alone trains in the run folder, which exists.

    The lock is the system's: it ends with its process, whatever ends that. Raises UsageError if another process has it.
    """
    lock = FileLock(run / NAME)
    try:
        lock.acquire(timeout=0.5)  # `is_held` has it for a moment
    except Timeout:
        another = argument("out", "ANOTHER_FOLDER")
        raise UsageError(f"another training is at work in {run}: wait until it ends, or choose {another}") from None
    try:
        yield
    finally:
        lock.release()
