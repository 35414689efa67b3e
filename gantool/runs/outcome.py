"""How the last training in a run folder ended, or that one is at work there. Imports no torch.

A training writes a small file when it begins and when it ends. One that was killed wrote no end: then nobody holds the
run's lock, and the file still says "running".
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from gantool import schema
from gantool.errors import DataError, GantoolError, Interrupted, OutOfMemoryError, TimeLimitReached, ran_out
from gantool.files import write_atomically
from gantool.runs import folders, lock
from gantool.schema import first_line

NAME = ".outcome"
RUNNING, STOPPED, DONE, FAILED, IMPORTED = "running", "stopped", "done", "failed", "imported"
"""States of a run. One that is stopped was saved and can be continued; one that is imported was trained elsewhere."""

_MOST = 2000  # characters of a reason; JSON has up to 12 bytes for one


@dataclass(frozen=True)
class Outcome:
    """How it stands with a run."""

    state: str
    total: int | None = None
    """Steps of the whole training; None where no training said so."""
    code: int = 0
    """The exit code that it ended with."""
    why: str = ""
    """What ended it, unless it was done, as its training said it."""


def write(run: Path, outcome: Outcome) -> None:
    """Writes how it stands. A disk that refuses it is no reason to end a training."""
    with contextlib.suppress(DataError):
        write_atomically(run / NAME, json.dumps(asdict(outcome)).encode())


def ended_by(error: BaseException, total: int, spell: Callable[[str], str]) -> Outcome:
    """The outcome of a training that this error ended. `spell` writes the arguments of its message out, as
    `Console.words` does: whoever reads the file finds words.
    """
    if isinstance(error, (Interrupted, TimeLimitReached)):
        return Outcome(STOPPED, total, error.exit_code, spell(error.text)[:_MOST])
    if isinstance(error, KeyboardInterrupt):
        return Outcome(STOPPED, total, 130, "it was ended at once by Ctrl-C")
    if isinstance(error, SystemExit) and isinstance(error.code, int) and error.code > 128:  # a second signal
        return Outcome(STOPPED, total, error.code, f"it was ended at once by signal {error.code - 128}")
    if ran_out(error):
        return Outcome(FAILED, total, OutOfMemoryError.exit_code, "the memory did not suffice")
    if isinstance(error, GantoolError):
        return Outcome(FAILED, total, error.exit_code, spell(error.text)[:_MOST])
    return Outcome(FAILED, total, 1, f"{type(error).__name__}: {first_line(error)}")


def read(run: Path) -> Outcome:
    """How it stands with a run now."""
    stored = _stored(run)
    if lock.is_held(run):
        return Outcome(RUNNING, None if stored is None else stored.total)
    if stored is None:  # of an earlier gantool, or never trained here
        trained = (run / folders.SETTINGS).is_file()
        return Outcome(STOPPED if trained else IMPORTED)
    if stored.state == RUNNING:
        return Outcome(FAILED, stored.total, 1, "its process was killed, or its machine stopped")
    return stored


_OUTCOME = schema.record(
    {
        "state": schema.one_of(RUNNING, STOPPED, DONE, FAILED),
        "total": schema.nullable(schema.whole()),
        "code": schema.whole(0, 255),
        "why": schema.text(_MOST),
    }
)


def _stored(run: Path) -> Outcome | None:
    try:
        with (run / NAME).open("rb") as file:
            return Outcome(**_OUTCOME(schema.parse_json(file.read(50_000)), ""))
    except (OSError, ValueError):
        return None
