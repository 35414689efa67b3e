"""The runs below a folder. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path

from gantool.errors import CheckpointError, DataError, did_you_mean
from gantool.runs.folders import RUNS, is_run

_DEPTH = 4  # folders below: runs/MODEL/NNN, and those of a sweep


def runs_below(root: Path = RUNS) -> list[Path]:
    """The run folders below a folder, or that folder itself, in the order of their names.

    Raises DataError where there is no such folder.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}")
    return sorted(_found(root, _DEPTH))


def _found(folder: Path, depth: int) -> list[Path]:
    if is_run(folder):
        return [folder]
    if not depth:
        return []
    try:
        inside = [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir() and entry.name[0] != "."]
    except OSError:  # a folder of another person
        return []
    return [run for path in inside for run in _found(path, depth - 1)]


def named_run(path: Path) -> Path:
    """The run folder that a person names. Raises CheckpointError for what is none."""
    if is_run(path):
        return path
    if path.exists():
        raise CheckpointError(f"{path} is no run folder: it has neither a run.yaml nor saves")
    beside = [str(other) for other in path.parent.glob("*") if is_run(other)]
    raise CheckpointError(f"there is no run {path}. {did_you_mean(str(path), beside)}".rstrip(" ."))
