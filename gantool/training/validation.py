"""Which save is best, found while a run is trained: each save is measured on pictures that are not trained on.

All that is known stands in the run's log, so a run that is continued knows as much as one that never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

import torch

from gantool.counting import count_in_words
from gantool.errors import GantoolError, argument
from gantool.report import runlog
from gantool.report.console import Console
from gantool.report.measures import Measured, Standing, measures, standing
from gantool.report.progress import Stages, StepProgress
from gantool.report.runlog import RunLog
from gantool.report.text import duration, figure
from gantool.runs import folders
from gantool.schema import first_line
from gantool.training.request import Plan

_ALIVE_SECONDS = 60.0
"""Other processes hear from the one that measures at least this often."""


class Measure(Protocol):
    """Measures a weights file on the validation's pictures. `gantool.evaluation.validation` makes it.

    Raises GantoolError where that cannot be done.
    """

    def __call__(self, weights: Path, device: torch.device, progress: Stages) -> Measured: ...


Validator: TypeAlias = Callable[[Plan], tuple[Measure, str, str]]
"""Makes what measures the saves of a run, and says on which pictures, with a warning or "" about them.

`gantool.evaluation.validation` has it.
"""


class _Over(Exception):
    """The training has to end: what is being measured is not finished."""


class Validations:
    """The validations of a run, in its first process."""

    def __init__(
        self,
        folder: Path,
        measure: Measure,
        metric: str,
        device: torch.device,
        console: Console,
        progress: StepProgress,
        took: Callable[[float, float], None],
        tell: Callable[[int, Mapping[str, float | None]], None] = lambda step, metrics: None,
    ) -> None:
        self.folder, self.metric = folder, metric
        self.standing: Standing | None = None
        """Which of the saves that are there is best; None before the first validation."""
        self._measure, self._device, self._tell = measure, device, tell
        self._console, self._progress, self._took = console, progress, took
        self._log = RunLog(folder / folders.LOG)
        self._told: set[str] = set()
        self._timed = False
        self._compare()

    def look(self, step: int, left: int, over: Callable[[], bool], alive: Callable[[], object]) -> bool:
        """Measures the save of this step, unless the log has it, and links the best one.

        `left` validations are to come. `over` says whether the training has to end: then False, and the save is left
        to the next start. `alive` is called once a minute. What goes wrong is a warning, no reason to end a training.
        """
        if any(done == step and one.by for done, one in measures(runlog.read(self._log.path))):
            return True
        began = spoke = time.monotonic()

        def tell(stage: str, done: int, total: int, part: str = "") -> None:
            nonlocal spoke
            if over():
                raise _Over
            self._progress.between(f"validation, {part or stage} {done}/{total}")
            if time.monotonic() - spoke > _ALIVE_SECONDS:
                spoke = time.monotonic()
                alive()

        try:
            # The training's random numbers stay as they are.
            with torch.random.fork_rng(devices=[self._device] if self._device.type == "cuda" else []):
                found = self._measure(folders.save_folder(self.folder, step) / folders.WEIGHTS, self._device, tell)
            self._log.append(step, {}, measured=found.as_record())
            self._compare()
        except _Over:
            self._console.note(f"the save of step {step} is measured when the training is continued")
            return False
        except Exception as error:
            text = error.text if isinstance(error, GantoolError) else f"{type(error).__name__}: {first_line(error)}"
            self._console.warn(f"no validation of step {step}: {text}", grave=True)
        else:
            self._report(step, found, time.monotonic() - began, left)
            self._tell(step, found.metrics)
        finally:
            self._progress.between("")
        taken = time.monotonic() - began  # also that of one that failed is no part of a step
        self._took(taken, taken * left)
        return True

    def spent(self, patience: int) -> bool:
        """Whether the last `patience` validations were all no better; never for 0."""
        return bool(patience) and self.standing is not None and self.standing.since >= patience

    def _compare(self) -> None:
        """Which save is best by the log: `RUN/best` leads to it."""
        there = {int(save.name) for save in folders.saves(self.folder)}
        self.standing = standing(runlog.read(self._log.path), self.metric, there)
        if self.standing is not None:
            folders.set_best(self.folder, folders.save_folder(self.folder, self.standing.step))

    def _report(self, step: int, found: Measured, seconds: float, left: int) -> None:
        best = self.standing
        is_best = best is not None and best.step == step
        words = f"validation of step {step}: {self.metric} {_shown(found.metrics.get(self.metric))}"
        if best is not None:
            words += ", the best so far" if is_best else f" (best: {_shown(best.value)} at step {best.step})"
        if not self._timed:
            self._timed = True
            rest = f"; {left} more take about {_time(left * seconds)} beside the steps" if left else ""
            words += f". It took {_time(seconds)}{rest}"
        self._console.note(words)
        for note in found.notes:
            if note not in self._told:
                self._told.add(note)
                self._console.note(f"note: {note}")
        self._console.event(
            "validated", step=step, metrics=dict(found.metrics), metric=self.metric, best=is_best, seconds=seconds
        )


def ended(now: Standing, folder: Path) -> str:
    """What to say where patience has ended a training."""
    count = count_in_words(now.since, "validation")
    return (
        f"nothing better than step {now.step} ({now.metric} {figure(now.value)}) in the last {count}:"
        f" {folder / folders.BEST}. {argument('patience', 0)} goes on"
    )


def _shown(value: float | None) -> str:
    return "not finite" if value is None else figure(value, digits=4)


def _time(seconds: float) -> str:
    return duration(seconds) if seconds >= 10 else f"{figure(seconds, digits=2)} s"
