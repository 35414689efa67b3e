"""What a person does to a run: note something, remove it. Imports no torch."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gantool.errors import DataError, UsageError
from gantool.files import TEMPORARY, reason, write_atomically
from gantool.report import card
from gantool.runs import folders, lock, outcome
from gantool.trackers import tensorboard
from gantool.trackers.several import KEYS

_OURS = (
    *(folders.CHECKPOINTS, *folders.WRITTEN, folders.NOTE, folders.ASIDE, outcome.NAME, lock.NAME, ".cache"),
    *(TEMPORARY, f".{folders.BEST}", KEYS, tensorboard.FOLDER, "wandb"),
)
"""All that gantool and trackers write into a run folder, as patterns; the card, too, where nobody has changed it."""


def set_note(run: Path, text: str) -> None:
    """Notes this of a run, in place of what was noted; nothing removes it. Raises DataError."""
    if text.strip():
        write_atomically(run / folders.NOTE, f"{text.strip()}\n".encode())
        return
    note = run / folders.NOTE
    try:
        note.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"cannot remove {note}: {reason(error, note)}") from error


def check_removable(run: Path) -> None:
    """Raises UsageError for a run that is at work, and for a link to one."""
    if run.is_symlink():
        raise UsageError(f"{run} is a link, and the run is {run.resolve()}: remove that, then the link")
    if lock.is_held(run):
        raise UsageError(f"a training is at work in {run}: end it first, with Ctrl-C or SIGTERM")


def remove(run: Path) -> list[str]:
    """Removes a run: all that gantool wrote there, and the folder if nothing else is in it.

    Returns the names of what stays. Raises UsageError for a run that is at work and for a link, DataError where the
    disk refuses.
    """
    check_removable(run)
    try:
        with lock.held(run):
            for path in [path for pattern in _OURS for path in run.glob(pattern) if path.name != lock.NAME]:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            if card.may_write(run):
                (run / card.CARD).unlink(missing_ok=True)
        (run / lock.NAME).unlink(missing_ok=True)
        left = sorted(os.listdir(run))
        if not left and run.resolve() != Path.cwd():
            run.rmdir()
    except OSError as error:
        raise DataError(f"cannot remove {run}: {reason(error, run)}") from error
    return left
