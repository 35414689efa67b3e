"""What is told to a tracker, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PROJECT = "gantool"
"""The project of all runs, where the tracker's own environment variable names no other."""


@dataclass(frozen=True)
class About:
    """The run that is tracked."""

    folder: Path
    name: str
    options: Mapping[str, str | int | float | bool]
    """Settings and options, options of the model as `options.NAME`."""
    done: int
    """Steps that are done already: the run is continued."""
    key: str
    """What the tracker called this run when it began; empty for a new one."""


class Tracker(Protocol):
    """One tracker's side of a run. Any method may raise anything: `several` answers that."""

    key: str
    """By which it finds this run again."""

    def figures(self, step: int, values: Mapping[str, float]) -> None:
        """Losses (`losses/NAME`) and metrics (`metrics/NAME`) of a step."""

    def picture(self, step: int, file: Path) -> None:
        """A sample grid, a PNG file."""

    def end(self, state: str) -> None:
        """The training has ended: "done", "stopped" or "failed" (`gantool.runs.outcome`)."""
