"""What can go wrong for a person, each with the exit code a script sees.

A message says what is wrong, where, and what to do; it is printed as one line, and with a traceback
under ``-v``.
"""

from __future__ import annotations

from typing import ClassVar


class GantoolError(Exception):
    """Anything a person can mend. `str(error)` is the one line they read."""

    exit_code: ClassVar[int] = 1


class UsageError(GantoolError):
    """A wrong option, argument or configuration value."""

    exit_code = 2


class DataError(GantoolError):
    """Pictures or folders that are missing, unreadable, not writable or unfit for the task."""

    exit_code = 3


class CheckpointError(GantoolError):
    """A damaged or foreign weights file, or a plugin that is missing or broken."""

    exit_code = 4


class OutOfMemoryError(GantoolError):
    """The machine's or the device's memory does not suffice; the message names the cheapest remedies."""

    exit_code = 5


class DivergedError(GantoolError):
    """Training met non-finite losses too often; the last save is intact."""

    exit_code = 6


class TimeLimitReached(GantoolError):
    """`--time` is used up: the run is saved, and the same command with `--resume` continues it."""

    exit_code = 75


class Interrupted(GantoolError):
    """SIGINT or SIGTERM: the step was finished and the run saved. `exit_code` is 130 or 143."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # the one class whose code depends on the case
