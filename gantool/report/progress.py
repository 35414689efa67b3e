"""How far a long job is: a bar on a terminal, plain lines in a log file, events for programs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol

from gantool.report import notebook
from gantool.report.console import Console
from gantool.report.text import duration, figure, rate

if TYPE_CHECKING:
    from rich.console import RenderableType

Clock = Callable[[], float]
"""Seconds from any fixed moment."""


class Stages(Protocol):
    """Told what is being done, and how far it is."""

    def __call__(self, stage: str, done: int, total: int, part: str = "") -> None:
        """`part` is what of the stage is being done, where it has several."""


LINE_SECONDS = 60.0
"""A log file gets a line at least this often."""
DRAWN_SECONDS = 0.25
"""A notebook's line is drawn anew at most so often."""


class StepProgress:
    """Steps done of how many, how fast, and the losses that were read last. Made by `progress`."""

    def __init__(self, console: Console, total: int | None, start: int, what: str, every: int, clock: Clock) -> None:
        self._console, self._total, self._what, self._every, self._clock = console, total, what, every, clock
        self._start = self._done = self._reported = start
        self._fields: dict[str, object] = {}
        self._between = ""
        self._aside: dict[str, float] = {}
        self._begun = False
        self._said_at = clock()
        self._draw: Callable[[], None] | None = None
        self._drawn_at = self._said_at
        # Moments at least half a second apart: the pace is that of the last minute or more, at bounded cost. What comes
        # before the first step is done is no part of it: that one starts threads, compiles and fills caches as well.
        self._marks: deque[tuple[float, int]] = deque([(self._said_at, start)], maxlen=120)

    def advance(self, step: int, losses: Mapping[str, float] | None = None) -> None:
        """`step` steps are done now. Give `losses` only when they have been read: the last ones stay shown."""
        self.advance_with(step, **({"losses": dict(losses)} if losses else {}))

    def advance_with(self, done: int, **fields: object) -> None:
        """So much is done now; the fields (numbers, words or mappings of them) are shown until they change."""
        now, before = self._clock(), self._marks[-1][0]
        self._done, self._between = done, ""
        self._fields.update(fields)
        if self._marks[-1][1] == self._start < done:
            self._marks.clear()
            self._marks.append((now, done))
        elif len(self._marks) > 1 and now - self._marks[-2][0] < 0.5:
            self._marks[-1] = (now, done)
        else:
            self._marks.append((now, done))
        self._redraw(now)
        # The next chance to speak comes one step later: a line is due now if that would be too late.
        late = now + (now - before) - self._said_at > LINE_SECONDS
        if not self._begun or late or done % self._every == 0 or done == self._total:
            self._begun = True
            self._report()

    def between(self, words: str) -> None:
        """What is done between two steps, shown until the next one."""
        self._between = words
        self._redraw(self._clock())

    def aside(self, what: str, taken: float, left: float) -> None:
        """Something other than steps took so many seconds just now, and will take so many more until the end.

        It is no part of the rate, but of the time left.
        """
        self._aside[what] = left
        self._marks = deque(((moment + taken, done) for moment, done in self._marks), maxlen=self._marks.maxlen)

    def draw_in(self, show: Callable[[object], Callable[[], None]]) -> None:
        """Draws this in a notebook: `show` puts it there and returns what draws it anew."""
        self._draw = show(self)

    def _redraw(self, now: float, *, at_once: bool = False) -> None:
        if self._draw is not None and (at_once or now - self._drawn_at >= DRAWN_SECONDS):
            self._drawn_at = now
            self._draw()

    def __repr__(self) -> str:
        return " ".join([self._what, *self._words(), *_figures(self._fields)])

    def _repr_html_(self) -> str:
        share = self._done / self._total if self._total else None
        return notebook.bar(
            self._what, share, " ".join(self._words()), self._between or "  ".join(_figures(self._fields))
        )

    def finish(self) -> None:
        """Reports where the job ended, unless that was the last thing said."""
        if self._done != self._reported:
            self._report()
        self._redraw(self._clock(), at_once=True)

    def wait(self, over: Event) -> None:
        """Speaks while a step takes longer than a line may be late, until it is over. For a thread of its own."""
        while not over.wait(1.0):
            self.remind()

    def remind(self) -> None:
        """A line about the step that is not yet done, if one is due."""
        now, began = self._clock(), self._marks[-1][0]
        if self._done == self._total and not self._between:
            return  # no step comes any more: what is saved now is told of elsewhere
        if now - self._said_at >= LINE_SECONDS:
            self._said_at = now
            doing = self._between or f"the next has taken {duration(now - began)} so far"
            self._console.note(f"{self._what} {self._words()[0]}: {doing}")

    @property
    def step_time(self) -> str:
        """The seconds that a step takes now, for a person; empty before the second step."""
        pace, _ = self._pace()
        return f"{figure(1 / pace)} s" if pace else ""

    def _report(self) -> None:
        self._reported, self._said_at = self._done, self._clock()
        pace, left = self._pace()
        self._console.event(
            self._what,
            **{self._what: self._done, "total": self._total, "rate": _rounded(pace), "eta": _rounded(left)},
            **self._fields,
        )
        if self._console.lines:
            self._console.note(repr(self))

    def _pace(self) -> tuple[float | None, float | None]:
        """Steps a second and seconds left, None where unknown."""
        (begin, first), (end, last) = self._marks[0], self._marks[-1]
        if end <= begin or last <= first:
            return None, None
        pace = (last - first) / (end - begin)
        if self._total is None:
            return pace, None
        return pace, max(0.0, (self._total - last) / pace) + sum(self._aside.values())

    def _words(self) -> list[str]:
        pace, left = self._pace()
        words = [f"{self._done}" if self._total is None else f"{self._done}/{self._total}"]
        if self._total:
            words.append(f"{100 * self._done // self._total}%")
        if pace:
            words.append(rate(pace))
        if left is not None:
            words.append(f"eta {duration(left)}")
        return words

    def drawn(self) -> RenderableType:
        """The bar as rich draws it."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        row = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=self._total, completed=self._done, width=28, pulse=self._total is None)
        row.add_row(Text(self._what, style="bold"), bar, *(Text(word, no_wrap=True) for word in self._words()))
        below = self._between or "  ".join(_figures(self._fields))
        return Group(row, Text(below, style="dim")) if below else row


class FilesProgress:
    """Files done of how many, and how many failed. Made by `files_progress`."""

    def __init__(self, steps: StepProgress) -> None:
        self._steps = steps
        self.done = 0
        self.failed = 0

    def advance(self, *, failed: bool = False) -> None:
        """One more file is dealt with."""
        self.done += 1
        self.failed += failed
        self._steps.advance_with(self.done, failed=self.failed)


@contextmanager
def progress(
    console: Console,
    total: int | None,
    start: int = 0,
    what: str = "step",
    *,
    every: int = 100,
    clock: Clock = time.monotonic,
) -> Iterator[StepProgress]:
    """Shows a job of `total` steps (None: unknown) of which `start` are done; call `advance` after each.

    On a terminal a bar on stderr, in a notebook a line that is drawn anew. Elsewhere a line at the first step, at every
    multiple of `every`, at least once a minute and at the end:
    `step 1200/20000 6% 8.1 it/s eta 38m gan_ab=0.71`. For JSON, events at the same moments, with the rate per second
    and the time left in seconds:
    `{"event": "step", "step": 1200, "total": 20000, "rate": 8.1, "eta": 2321.0, "losses": {...}}`.
    `what` is the line's first word and the event's name.
    """
    steps = StepProgress(console, total, start, what, every, clock)
    if console.in_cell:
        steps.draw_in(notebook.shown)
    if not console.bars:
        with _reminder(steps) if console.lines else nullcontext():
            try:
                yield steps
            finally:
                steps.finish()
        return
    from rich.live import Live

    # rich would send stdout to the bar's stream as well: results have to stay on stdout.
    with Live(get_renderable=steps.drawn, console=console.screen, refresh_per_second=4, redirect_stdout=False):
        yield steps


@contextmanager
def _reminder(steps: StepProgress) -> Iterator[None]:
    over = Event()
    thread = Thread(target=steps.wait, args=(over,), name="gantool-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def files_progress(
    console: Console, total: int | None, *, every: int = 100, clock: Clock = time.monotonic
) -> Iterator[FilesProgress]:
    """Shows how many of `total` files (None: unknown) are done and how many failed, as `progress` does."""
    with progress(console, total, what="files", every=every, clock=clock) as steps:
        yield FilesProgress(steps)


@contextmanager
def stages(console: Console) -> Iterator[Stages]:
    """Shows a job of several stages: call with the stage's name, how much of it is done, and of how much."""
    with ExitStack() as stack:
        now: list[tuple[str, StepProgress, int]] = []
        told = 0

        def end() -> None:
            for _, steps, total in now:
                if told != total:
                    steps.advance(total)
            stack.close()

        def tell(stage: str, done: int, total: int, part: str = "") -> None:
            nonlocal told
            if not now or now[0][0] != stage:
                end()
                now[:] = [(stage, stack.enter_context(progress(console, total, what=stage)), total)]
            now[0][1].advance_with(done, **({"part": part} if part else {}))
            told = done

        yield tell
        end()


def _figures(fields: Mapping[str, object]) -> list[str]:
    words: list[str] = []
    for name, value in fields.items():
        if isinstance(value, Mapping):
            words += _figures(value)
        elif isinstance(value, (int, float)):
            words.append(f"{name}={figure(value)}")
        elif isinstance(value, str):
            words.append(value)
    return words


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
