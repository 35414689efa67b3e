"""What is known of one run, read from its folder. Imports no torch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantool import schema
from gantool.errors import CheckpointError, DataError, UsageError, in_python, spelled
from gantool.history.best import Best, best_of
from gantool.options import read_yaml
from gantool.report import runlog
from gantool.runs import folders, lock, outcome
from gantool.runs.header import read_facts

_NOTE = 10_000  # characters that are read of a note


@dataclass(frozen=True)
class Record:
    """One run."""

    folder: Path
    model: str
    """Empty where neither its settings nor a save says so."""
    data: tuple[str, ...]
    """The folders of its pictures."""
    steps: int
    """Steps that are saved; of a run at work, steps that are done."""
    outcome: outcome.Outcome
    best: Best | None
    bytes: int
    """Of all its files."""
    changed: float
    """When it was last written to, in seconds since 1970."""
    note: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "run": str(self.folder),
            "model": self.model,
            "data": list(self.data),
            "steps": self.steps,
            "total": self.outcome.total,
            "state": self.outcome.state,
            "why": spelled(self.outcome.why, in_python),
            "exit_code": self.outcome.code,
            "best": None if self.best is None else self.best.as_dict(),
            "bytes": self.bytes,
            "changed": self.changed,
            "note": self.note,
        }


def settings(run: Path) -> dict[str, Any]:
    """The run.yaml of a run; empty for one that was imported. Raises UsageError for one that is no settings."""
    file = run / folders.SETTINGS
    if not file.is_file():
        return {}
    found = read_yaml(file)
    try:
        return {**found, **_SETTINGS(found, "")}
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error


_SETTINGS = schema.record(
    {
        "model": schema.text(255),
        "data": schema.optional(schema.kept(schema.several(schema.text(10_000))), []),
        "options": schema.optional(schema.table(schema.anything), {}),
        "facts": schema.optional(schema.table(schema.anything), {}),
    }
)


def record(run: Path) -> Record:
    """What is known of a run. With a damaged run.yaml, or saves that cannot be listed, it has failed and says why."""
    saves = folders.readable_saves(run)
    how = outcome.read(run)
    stored: Mapping[str, Any] = {}
    try:
        stored = settings(run)
        folders.saves(run)
    except (DataError, UsageError) as error:
        how = outcome.Outcome(outcome.FAILED, how.total, error.exit_code, error.text)
    model = stored.get("model", "")
    if not model and saves:
        with contextlib.suppress(CheckpointError):
            model = read_facts(saves[-1] / folders.WEIGHTS).model
    saved = int(saves[-1].name) if saves else 0
    size, changed = _size(run)
    return Record(
        folder=run,
        model=model,
        data=tuple(stored.get("data", ())),
        steps=max(saved, runlog.last_step(run / folders.LOG)) if how.state == outcome.RUNNING else saved,
        outcome=how,
        best=best_of(run),
        bytes=size,
        changed=changed,
        note=note(run),
    )


def note(run: Path) -> str:
    """What a person noted of a run; empty for most."""
    try:
        with (run / folders.NOTE).open(encoding="utf-8", errors="replace") as file:
            return file.read(_NOTE).strip()
    except OSError:
        return ""


def _size(run: Path) -> tuple[int, float]:
    """Bytes of all files below a folder, without what links lead to, and when it was last written to."""
    size, changed = 0, 0.0
    for place, _, names in os.walk(run):
        for name in names:
            with contextlib.suppress(OSError):  # a training removes files meanwhile
                found = os.lstat(os.path.join(place, name))
                size += found.st_size
                if name not in (folders.NOTE, lock.NAME):  # to look at a run touches its lock
                    changed = max(changed, found.st_mtime)
    return size, changed
