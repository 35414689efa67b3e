"""The outcome of one command, picture by picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue

from gantool.byte_sizes import bytes_in_words
from gantool.counting import count_in_words, first_few
from gantool.errors import GantoolError, OutOfMemoryError, argument
from gantool.pictures.frames import SEVERAL
from gantool.report.console import Console
from gantool.translation.jobs import Job
from gantool.translation.pipeline import Failed
from gantool.translation.writing import Done, Outcome

_NAMED_AT_THE_END = 10


class Tally:
    """Counts outcomes, says them as they come, and sums them up at the end."""

    def __init__(self, console: Console, *, total: int | None, single: bool, fail_fast: bool) -> None:
        """`total` is how many results there will be; None where that is open, in watched folders."""
        self.console, self.total, self.single = console, total, single
        self._fail_fast = fail_fast
        self._written = self._skipped = 0
        self._in_place = SimpleQueue[None]()
        self._failed: dict[tuple[str, int], bool] = {}  # whether for want of memory: an error would hold its picture
        self._latest: tuple[str, str] | None = None
        self._said: set[str] = set()

    def count(self, outcome: Outcome) -> None:
        """Counts whatever has come of a picture."""
        if isinstance(outcome, Failed):
            self.fail(outcome)
        elif isinstance(outcome, Done):
            self.done(outcome)
        else:
            self.skip(outcome.job, outcome.out)

    def kept_though(self, stale: Mapping[str, int]) -> None:
        """Says that results are kept which this command would make otherwise."""
        for what, count in stale.items():
            results = count_in_words(count, "result is", "results are")
            self.console.note(f"{results} kept, though of {what}: {argument('existing', 'newer')} makes them anew")

    def skip(self, job: Job, out: Path | None) -> None:
        """Counts a picture whose result exists."""
        self._skipped += 1
        if self.single:
            self.console.note(f"{out} exists and is kept: {argument('existing', 'overwrite')} replaces it")
        self.console.event("skipped", **{"in": job.source.name}, out=out)

    def in_place(self) -> None:
        """A result is in its place; what comes of the picture is told later, in its turn. For several threads."""
        self._in_place.put(None)

    def done(self, done: Done) -> None:
        """Counts a picture and says what is worth knowing of it."""
        self._written += 1
        self._failed.pop(_key(done.job), None)  # of a watched folder: it was broken, and has been mended
        if self.single and done.out is not None:
            self.console.note(f"wrote {done.out}")
        name, way = done.job.source.name, done.way
        self.console.event(
            "file",
            **{"in": name},
            out=done.out,
            size_in=done.size_in,
            size_out=done.size_out,
            frames=done.translated,
            strips=way.strips,
            seconds=round(done.seconds, 4),
            sha256=done.sha256,
        )
        if way.strips:
            size = "{}x{}".format(*done.size_out)
            needed, budget = bytes_in_words(way.needed), bytes_in_words(way.budget)
            why = (
                f"{size} takes about {needed} as a whole, and {budget} are at hand"
                if way.needed > way.budget
                else f"the memory does not suffice for {size} as a whole"
            )
            self._once("strips", f"{name}: {why}: it went through in strips, with the same result")
        if done.job.spelled_out and done.out is not None:
            self._once("alike", f"{name}: {done.out} is its result, because of another picture of that name")
        if done.frames > 1:
            holds = done.job.may_change or done.job.format in SEVERAL
            more = f"{argument('frames')} takes all" if holds else f"{done.job.format} holds one picture"
            self._once("frames", f"{name}: of its {done.frames} frames or pages the first is translated: {more}")
        if done.reduced:
            why = ", as of every animated PNG" if done.reduced == "PNG" else ": PNG, TIFF and PPM keep those of colour"
            self._once(f"reduced {done.reduced}", f"{name}: its 16 bits a channel are read as 8 bits{why}")
        if done.lost:
            self._once(
                done.lost, f"{name}: {done.job.format} cannot hold its {done.lost}: {argument('ext', 'png')} or tif can"
            )

    def fail(self, failed: Failed) -> None:
        """Raises the error itself where there is but one picture, and at the first failure where that is asked for.

        What is wrong with a picture is said once for all its results, and that the memory is short once for all
        pictures: that is no picture's fault. In watched folders it is said of each: the sum may be days away.
        """
        if self.single:
            raise failed.error
        name, text = failed.job.source.name, failed.error.text
        another_result = self._latest == (name, text) and _key(failed.job) not in self._failed
        self._failed[_key(failed.job)] = of_memory = isinstance(failed.error, OutOfMemoryError)
        self._latest = name, text
        if of_memory and self.total is not None:
            self._once("memory", text, self.console.error)
        elif not another_result:
            self.console.error(text)
        self.console.event("failed", **{"in": name}, error=self.console.words(text))
        if self._fail_fast:
            self.end()

    def end(self) -> None:
        """The sum, by way of GantoolError if a picture failed: OutOfMemoryError where there is nothing but pictures
        that the memory did not suffice for.
        """
        self.console.event("done", written=self._written, skipped=self._skipped, failed=len(self._failed))
        if not self.single:
            skipped = f", {self._skipped} skipped (their results exist)" if self._skipped else ""
            self.console.note(f"{self._written} written{skipped}, {len(self._failed)} failed")
        if self._failed:
            names = list(dict.fromkeys(name for name, _ in self._failed))
            short = sum(self._failed.values())
            why = f", {short} for want of memory" if short else ""
            left = f", stopped there ({argument('fail_fast')})" if self._fail_fast else ""
            total = self.total if self.total is not None else self._written + len(self._failed)
            nothing_else = short == len(self._failed) and self._written == self._skipped == 0
            kind = OutOfMemoryError if nothing_else else GantoolError
            raise kind(f"{len(self._failed)} of {total} failed{why}{left}: {first_few(names, _NAMED_AT_THE_END)}")

    def stopped(self) -> str:
        """The line for a signal that ends the work."""
        written = self._in_place.qsize()
        return f"stopped: {written} of {self.total} results are written; the same command goes on from there"

    def _once(self, subject: str, text: str, say: Callable[[str], None] | None = None) -> None:
        """A note, or what `say` makes of it, for the first picture concerned; the others are alike."""
        if subject not in self._said:
            self._said.add(subject)
            (say or self.console.note)(f"{text} (reported once)" if not self.single else text)


def _key(job: Job) -> tuple[str, int]:
    return job.source.name, job.variant
