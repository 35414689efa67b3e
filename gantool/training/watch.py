"""A training as a person sees it: progress, log, sample grids of fixed pictures, gallery."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from gantool.counting import count_in_words
from gantool.data.dataset import Dataset
from gantool.errors import GantoolError
from gantool.files import write_atomically
from gantool.model import Model
from gantool.report import card
from gantool.report.console import Console
from gantool.report.gallery import write_gallery
from gantool.report.origin import origin
from gantool.report.progress import StepProgress
from gantool.report.runlog import RunLog
from gantool.report.text import duration
from gantool.runs import folders
from gantool.trackers.several import Trackers
from gantool.training.forecast import LONG, Stopwatch, advice
from gantool.training.request import Plan
from gantool.training.samples import ROWS, drawn, rounds

PAGE_SECONDS = 5.0
"""The gallery is written anew at most so often, and at the end."""


class Silence:
    """The observer of every process but the first."""

    def step(self, done: int, losses: Mapping[str, float] | None) -> None: ...

    def sample(self, done: int, model: Model[Any]) -> None: ...

    def saving(self) -> None: ...

    def saved(self, done: int, folder: Path) -> None: ...

    def skipped(self, done: int, in_a_row: int) -> None: ...

    def stopping(self, left: float | None) -> None: ...


class Watch:
    """The observer of the first process: progress, log, sample grids, gallery."""

    progress: StepProgress
    done = 0
    enough = False
    """Whether patience has ended the training."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        console: Console,
        log: RunLog,
        total: int,
        dataset: Dataset,
        device: torch.device,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan, self.folder, self.console, self.log, self.total = plan, folder, console, log, total
        self.pictures = dataset.samples(ROWS)
        self.texts = dataset.texts(ROWS)
        self.every = plan.settings.samples_every(total)
        self.device, self.clock = device, clock
        self.stopwatch = Stopwatch(total, self.every, device, clock, compiles=plan.settings.compile)
        self.trackers = Trackers(console)
        self._page_due = clock()
        self._left = False

    def step(self, done: int, losses: Mapping[str, float] | None) -> None:
        self.done = done
        if losses:
            self.log.append(done, losses)
            self.trackers.losses(done, losses)
        waited = losses is not None or self.device.type == "cpu"  # a CPU has computed what it was told
        forecast = self.stopwatch.step(done, waited)
        if forecast and forecast.seconds > LONG:
            self.console.note(advice(self.plan, forecast, self.device))
        self.progress.advance(done, losses)

    def sample(self, done: int, model: Model[Any]) -> None:
        started = self.clock()
        self.progress.between("drawing samples")
        try:
            picture = drawn(model, self.pictures, self.texts)
        except GantoolError as error:  # a sample is no reason to end a training
            self.console.warn(f"no samples at step {done}: {error.text}")
            self.stopwatch.paused(self.clock() - started)
            self.progress.aside("samples", self.clock() - started, 0.0)
            return
        finally:
            self.progress.between("")
        path = self.folder / "samples" / f"{done:08d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, picture)
        self.console.event("sample", step=done, file=str(path))
        self.trackers.picture(done, path)
        began = self.clock()
        if began >= self._page_due:  # a page of many samples takes longer than a step
            self.write_gallery()
            self._page_due = self.clock() + max(PAGE_SECONDS, 20 * (self.clock() - began))
        taken = self.clock() - started
        self.stopwatch.sampled(taken)
        self.progress.aside("samples", taken, taken * (rounds(done, self.total, self.every) - (done == 0)))

    def validated(self, taken: float, left: float) -> None:
        """A validation has taken so many seconds, and all that are left will take so many."""
        self.stopwatch.paused(taken)
        self.progress.aside("validations", taken, left)

    def saving(self) -> None:
        self.progress.between("saving")

    def saved(self, done: int, folder: Path) -> None:
        self.console.event("saved", step=done, folder=str(folder))
        self._write_card(folder)
        self.progress.between("")

    def skipped(self, done: int, in_a_row: int) -> None:
        self.log.append(done, {}, skipped=in_a_row)
        self.console.warn(f"step {done}: {in_a_row} in a row not applied, their losses are not finite")

    def stopping(self, left: float | None) -> None:
        soon = f", about {duration(left)} left" if left is not None and left >= 1 else ""
        self.console.note(f"stopping after this step{soon}; once more ends at once")

    def finish(self) -> None:
        self.progress.between("writing the gallery")  # after a stop this is no step, either
        with contextlib.suppress(GantoolError):  # a full disk is reported already
            self.write_gallery()
        for save in folders.saves(self.folder)[-1:]:  # what was measured of it came after it
            self._write_card(save)
        self.progress.between("")

    def _write_card(self, save: Path) -> None:
        """Writes the run's card for this save, where nobody has changed it. That is no reason to end a training."""
        try:
            written = card.write(self.folder, save / folders.WEIGHTS, self.console.words)
        except GantoolError as error:
            self.console.warn(error.text)
            return
        if not (written or self._left):
            self.console.note(f"{self.folder / card.CARD} was changed by hand, and stays as it is")
            self._left = True

    def write_gallery(self) -> None:
        plan = self.plan
        facts = {
            "model": plan.name,
            "pictures": ", ".join(f"{domain.name}: {len(domain.files)}" for domain in plan.domains),
            "steps": self._steps(),
            "crop": f"{plan.preparation.crop} pixels ({plan.preparation.preprocess})",
            "precision": plan.settings.precision,
            "seed": str(plan.settings.seed),
        }
        facts |= origin(self.progress.step_time)
        write_gallery(self.folder, f"{plan.name}: {' and '.join(plan.spec.domains)}", facts)

    def _steps(self) -> str:
        if self.done >= self.total:
            return str(self.done)
        patience = self.plan.settings.patience
        why = f": no better save in {count_in_words(patience, 'validation')}" if self.enough else ""
        return f"{self.done} of {self.total}{why}"
