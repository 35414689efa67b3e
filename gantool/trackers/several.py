"""All trackers of a training. One that fails is told of once and left out from then on: the training goes on."""

from __future__ import annotations

import contextlib
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TextIO, cast

from gantool import schema
from gantool.errors import DataError
from gantool.files import write_atomically
from gantool.report.console import Console
from gantool.runs import outcome
from gantool.schema import first_line
from gantool.trackers import mlflow, tensorboard, trackio, wandb
from gantool.trackers.tracker import About, Tracker

KEYS = ".trackers"
"""In the run folder: by which each tracker finds this run again."""

_BEGIN: dict[str, Callable[[About], Tracker]] = {
    "tensorboard": tensorboard.begin,
    "trackio": trackio.begin,
    "wandb": wandb.begin,
    "mlflow": mlflow.begin,
}


class Trackers:
    """Those that still answer."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._open: dict[str, Tracker] = {}

    def begin(self, names: Sequence[str], about: About) -> None:
        """Opens trackers; those that the run had before go on where they know it."""
        keys = _keys(about.folder)
        for name in names:
            self._try(name, partial(self._begin, name, replace(about, key=keys.get(name, ""))))
        keys |= {name: tracker.key for name, tracker in self._open.items()}
        if names:
            with contextlib.suppress(DataError):  # of a full disk the save tells
                write_atomically(about.folder / KEYS, json.dumps(keys).encode())

    def losses(self, step: int, values: Mapping[str, float]) -> None:
        """Losses of a step."""
        self._figures("losses", step, values)

    def metrics(self, step: int, values: Mapping[str, float | None]) -> None:
        """Figures of a save."""
        self._figures("metrics", step, values)

    def picture(self, step: int, file: Path) -> None:
        """A sample grid."""
        self._all(lambda tracker: tracker.picture(step, file))

    def end(self, state: str) -> None:
        """The training has ended."""
        self._all(lambda tracker: tracker.end(state))
        self._open.clear()

    def _begin(self, name: str, about: About) -> None:
        self._open[name] = _BEGIN[name](about)

    def _figures(self, kind: str, step: int, values: Mapping[str, float | None]) -> None:
        finite = {
            f"{kind}/{name}": value for name, value in values.items() if value is not None and math.isfinite(value)
        }
        if finite:
            self._all(lambda tracker: tracker.figures(step, finite))

    def _all(self, tell: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._open.items()):
            self._try(name, partial(tell, tracker))

    def _try(self, name: str, act: Callable[[], None]) -> None:
        # What trackers say on stdout is no result of ours.
        quiet = self._console.verbosity < 0
        stream = io.StringIO() if quiet else cast("TextIO", self._console.err)
        try:
            with contextlib.redirect_stdout(stream):
                act()
        except Exception as error:
            self._open.pop(name, None)
            kind = type(error).__name__
            self._console.warn(f"{name} is no longer told of this training: {kind}: {first_line(error)}", grave=True)


@contextlib.contextmanager
def tracking(names: Sequence[str], about: About, console: Console) -> Iterator[Trackers]:
    """Inside, these trackers are told of a training; then they are told how it ended."""
    trackers = Trackers(console)
    trackers.begin(list(dict.fromkeys(names)), about)
    try:
        yield trackers
    except BaseException as error:
        trackers.end(outcome.ended_by(error, 0, console.words).state)
        raise
    trackers.end(outcome.DONE)


_KEYS = schema.table(schema.text(500), high=20)


def _keys(run: Path) -> dict[str, str]:
    """By which each tracker finds this run again; empty for a new run."""
    try:
        with (run / KEYS).open("rb") as file:
            return _KEYS(schema.parse_json(file.read(20_000)), "")
    except (OSError, ValueError):
        return {}
