"""The loop: batches through a model's training step, saves, and a clean end whatever happens."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from gantool.contract import length_of, optimizers_of, rate_at
from gantool.data import loader
from gantool.data.dataset import Dataset
from gantool.errors import DataError, DivergedError, GantoolError, Interrupted, TimeLimitReached, argument
from gantool.model import Model, Progress
from gantool.runs import checkpoint, folders, training_state
from gantool.signals import noted
from gantool.training.distributed import Processes
from gantool.training.ema import Averages
from gantool.training.run import TrainingRun
from gantool.training.settings import TrainSettings, seconds
from gantool.training.validation import Validations

GIVE_UP_AFTER = 10
"""Steps in a row that could not be applied before a run counts as diverged."""

_SLOW_STEP = 5.0  # seconds: no second one is needed to measure it

_TIME_UP, _UNREADABLE = 75, 1000
"""Reasons to stop beside the numbers of signals; of several the largest counts."""

_GO_ON, _ENOUGH, _CUT = 1, 2, 3
"""What a validation comes to: the training goes on, has found its best save, or has to end before all is measured."""


class Observer(Protocol):
    """Is told how it goes. Nothing that an observer does changes the training."""

    def step(self, done: int, losses: Mapping[str, float] | None) -> None:
        """So many steps are done; `losses` are means over the steps since the last ones, when they have been read."""

    def sample(self, done: int, model: Model[Any]) -> None:
        """It is time for a sample grid; the model has its averaged weights where it keeps averages."""

    def saving(self) -> None:
        """A save is being written now."""

    def saved(self, done: int, folder: Path) -> None:
        """A save was written."""

    def skipped(self, done: int, in_a_row: int) -> None:
        """Some of the last steps were not applied, because a loss or gradient was not finite."""

    def stopping(self, left: float | None) -> None:
        """A signal came: the training stops after this step, in about so many seconds. Called by another thread."""


@dataclass
class Trainer:
    """One training run. Its state is the model, the optimisers, the averages and the number of steps done."""

    model: Model[Any]
    name: str
    """The model's name in the registry, for the header of its saves."""
    dataset: Dataset
    folder: Path
    settings: TrainSettings
    total_steps: int
    notes: Mapping[str, Any]
    """Further fields of `Facts` for the header of the weights."""
    observer: Observer
    processes: Processes
    clock: Callable[[], float] = time.monotonic
    validations: Validations | None = None
    """What measures saves, in the first process of a run that validates."""
    left: float | None = None
    """A time limit in seconds beside that of the settings."""

    def __post_init__(self) -> None:
        s = self.settings
        self.done = 0
        self.processes.share_weights(self.model)
        self.optimizers = optimizers_of(self.model)
        self.averages = Averages(self.model)
        self.run = TrainingRun(
            self.model,
            self.optimizers,
            precision=s.precision,
            accumulate=s.accumulate,
            seed=s.seed,
            processes=self.processes,
        )
        self.save_every = s.saves_every(self.total_steps)
        self.sample_every = s.samples_every(self.total_steps)
        self.read_every = max(1, min(10, self.total_steps // 20))
        self._in_step = False
        self._step_began = self._step_seconds = 0.0
        self._saved_at = -1
        self._save_seconds = 0.0
        self._received: Sequence[int] = ()
        self._ends_at = math.inf
        self._cut = False
        self.enough = False
        """Whether validations have been no better for so long that the training ends."""

    @property
    def pass_steps(self) -> float:
        """Steps of one pass over the data."""
        return len(self.dataset) / self.pictures_a_step

    @property
    def pictures_a_step(self) -> int:
        """Those of all batches of a step, in all processes."""
        return self.settings.batch * self.settings.accumulate * self.processes.world

    def progress(self) -> Progress:
        """Where the run stands: what learning rates and weights follow from."""
        # A run of another length than the paper's is the paper's schedule, stretched over it.
        length = length_of(type(self.model), self.model.options).count
        schedule = length * self.done / self.total_steps
        return Progress(self.done, self.total_steps, self.pass_steps, schedule, self.pictures_a_step)

    def train(self) -> None:
        """Trains to the end, or until validations have had no better figure for too long. Raises Interrupted or
        TimeLimitReached after saving, DivergedError without.

        Any other error between two steps comes after a save, too, if the disk takes one.
        """
        s = self.settings
        limits = [math.inf if s.time is None else seconds(s.time), math.inf if self.left is None else self.left]
        self._ends_at = self.clock() + min(limits)
        if s.compile:
            for network in self.model.children():
                if next(network.parameters(), None) is not None:
                    network.compile()
        self.model.train()
        stream = loader.batches(
            self.dataset,
            batch=s.batch,
            first=self.done * s.accumulate,
            workers=s.workers,
            rank=self.processes.rank,
            world=self.processes.world,
            pinned=self.run.device.type == "cuda",
        )
        with noted(self._answer, self.clock) as received, contextlib.closing(stream), self._kept():
            self._received = received
            self._step_began = self.clock()
            if self.done == 0:
                self.sample()
            self._validate()  # what a run that is continued has left undone
            while self.done < self.total_steps and not self.enough:
                before = self._step_began = self.clock()
                batches, problem = self._next_batches(stream)
                late = before + 2 * self._step_seconds + self._save_seconds > self._ends_at
                # All processes stop together, or some would wait for the others' gradients for ever.
                stop = self.processes.largest(
                    _UNREADABLE if problem else received[0] if received else _TIME_UP if late and self.done else 0
                )
                if stop:
                    self._stop(stop, problem)
                self._one_step(batches)
                self._look()
                if self.done % self.sample_every == 0 or self.done == self.total_steps:
                    self.sample()
                if self._save_is_due():
                    self.save()
                self._step_seconds = self.clock() - before
                self._validate()
            if self._cut and self.done == self.total_steps:  # the last save is still to be measured
                self._stop(self.processes.largest(received[0] if received else _TIME_UP), None)

    def try_step(self) -> tuple[float, int]:
        """Seconds of a step, and bytes of its pictures. Nothing is kept of it but the weights it changes.

        The first of two warms up.
        """
        self.model.train()
        stream = loader.batches(self.dataset, batch=self.settings.batch, first=0)
        for _ in range(2):
            began = self.clock()
            batches = [next(stream) for _ in range(self.settings.accumulate)]
            self._one_step(batches)
            self.run.losses()  # waits for the device
            if self.clock() - began > _SLOW_STEP:
                break
        return self.clock() - began, sum(values.nbytes for batch in batches for values in batch.values())

    def _answer(self) -> None:
        left = self._step_seconds - (self.clock() - self._step_began)
        self.observer.stopping(max(0.0, left) if self._step_seconds else None)

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """Inside, an error does not take the work since the last save, unless it has taken half a step."""
        try:
            yield
        except (DivergedError, Interrupted, TimeLimitReached):
            raise
        except Exception:
            if self.done not in (0, self._saved_at) and not self._in_step and self.processes.first:
                with contextlib.suppress(GantoolError, OSError):  # that of a full disk is told already
                    self._write()
            raise

    def _next_batches(self, stream: Iterator[dict[str, Tensor]]) -> tuple[list[dict[str, Tensor]], DataError | None]:
        """All batches of a step, before anything moves; or why there are none."""
        try:
            return [next(stream) for _ in range(self.settings.accumulate)], None
        except DataError as error:
            return [], error

    def _one_step(self, batches: list[dict[str, Tensor]]) -> None:
        self._in_step = True
        now = self.progress()
        self.run.begin(now, rate_at(self.model, now))
        for index in self.run.batches():
            batch = loader.to_device(batches[index], self.run.device, next(self.model.parameters()).dtype)
            self.model.training_step(batch, self.run)
        self.run.end()
        self.averages.update(self.model, now, self.run.applied())
        self.done += 1
        self._in_step = False

    def _look(self) -> None:
        """Now and then reads what the device has computed. All processes look at the same steps."""
        due = self.done % self.read_every == 0 or self.done in (1, self.total_steps) or self.done % self.save_every == 0
        if not due:
            self.observer.step(self.done, None)
            return
        skipped = self.run.skipped_in_a_row()
        self.observer.step(self.done, self.run.losses())
        if skipped:
            self.observer.skipped(self.done, skipped)
        if skipped >= GIVE_UP_AFTER:
            last = folders.saves(self.folder)[-1:]
            kept = f"The save at step {int(last[0].name)} is intact" if last else "There was no save yet"
            raise DivergedError(
                f"training diverged: {skipped} steps in a row, up to step {self.done}, had losses that are not finite."
                f" {kept}. Try a lower learning rate ({argument('set', 'lr=...')}), {argument('precision', 'fp32')},"
                " or look for constant pictures: gantool data check"
            )

    def sample(self) -> None:
        """Has the observer draw samples, in the first process, with averaged weights; the others wait."""
        if self.processes.first:
            # Samples have sizes of their own, and a compiler would take a minute for each.
            eager = torch.compiler.set_stance("force_eager") if self.settings.compile else contextlib.nullcontext()
            with eager, self.averages.in_place_of(self.model), torch.no_grad():
                self.model.eval()
                self.observer.sample(self.done, self.model)
            self.model.train()
        self.processes.wait()

    def _save_is_due(self) -> bool:
        return self.done % self.save_every == 0 or self.done == self.total_steps

    def _validate(self) -> None:
        """Measures the save of this step, if one is due. The first process does, and the others wait for its word."""
        if self.settings.validate is None or self.done == 0 or self._saved_at != self.done:
            return
        told = 0
        while not told:  # the first process speaks now and then while it is at work
            told = self.processes.largest(self._measured() if self.processes.first else 0)
        self._cut, self.enough = told == _CUT, told == _ENOUGH

    def _measured(self) -> int:
        """What to tell the other processes after a validation."""
        assert self.validations is not None, "a run that validates needs them in its first process"
        if self._save_is_due():
            saves_left = (self.total_steps - 1) // self.save_every - self.done // self.save_every + 1
            finished = self.validations.look(
                self.done,
                saves_left if self.done < self.total_steps else 0,
                over=lambda: bool(self._received) or self.clock() + self._step_seconds > self._ends_at,
                alive=lambda: self.processes.largest(0),
            )
            if not finished:
                return _CUT
            self._remove_old()
        return _ENOUGH if self.validations.spent(self.settings.patience) else _GO_ON

    def _stop(self, reason: int, problem: DataError | None) -> None:
        if self.done or reason != _UNREADABLE:
            self.save()
        if reason == _UNREADABLE:
            raise problem or DataError("another process met a picture that cannot be read")
        where = f"stopped after step {self.done} of {self.total_steps}, saved to {self.folder}"
        where += f". Continue with {argument('resume')}"
        if reason == _TIME_UP:
            raise TimeLimitReached(f"time limit reached: {where}")
        raise Interrupted(where, 128 + reason)

    # Saving and continuing.

    def save(self) -> None:
        """Writes a save of this moment, and removes the oldest ones beyond those to keep."""
        if self._saved_at == self.done:
            return
        started = self.clock()
        if self.processes.first:
            self.observer.saving()
            self._write()
        self._saved_at = self.done
        self._save_seconds = self.clock() - started
        self.processes.wait()

    def _write(self) -> None:
        folder = folders.save_folder(self.folder, self.done)
        with self.averages.in_place_of(self.model):
            facts = checkpoint.facts_of_model(self.model, self.name, self.done, self.notes)
            weights, state = checkpoint.parted(self.model, self.model.state_dict())
        state |= {f"model.{key}": value for key, value in self.averages.trained_weights(self.model).items()}
        state |= training_state.optimizer_tensors(self.optimizers)
        state |= {f"run.{key}": value for key, value in self.run.state_dict().items()}
        checkpoint.save(folder, facts, weights=weights, state=state)
        self._saved_at = self.done
        early = self.done < min(self.save_every, self.total_steps)
        folders.set_aside(self.folder, folders.STOPPED_EARLY if early else None)
        self.observer.saved(self.done, folder)
        self._remove_old()

    def _remove_old(self) -> None:
        """Removes the oldest saves beyond those to keep. The best one stays."""
        if self.settings.keep:
            best = folders.best(self.folder)
            for old in folders.saves(self.folder)[: -self.settings.keep]:
                if old != best:
                    folders.remove_save(old)

    def resume(self, save: Path) -> None:
        """Continues from a save of this run: everything as it was after that step."""
        header, weights = checkpoint.read(save / folders.WEIGHTS)
        state = training_state.read(save / folders.STATE, header)
        checkpoint.load_weights(self.model, weights, str(save))
        with training_state.fitting(save):
            for name, average in self.averages.averages.items():
                average.load_state_dict(checkpoint.below(f"{name}.", weights))
            training_state.load_training_only(self.model, state)
            self.model.to(self.run.device)  # the pictures of a replay pool, which come from the file
            training_state.load_optimizers(self.optimizers, state)
            self.run.load_state_dict(checkpoint.below("run.", state))
        self.done = self._saved_at = int(header.metadata["step"])
