"""Work shared by processes of one thread each, on a CPU.

The first process hands the items out, and takes its part of them while the others still start: importing torch takes
them seconds. What concerns the world outside stays with it: files, names, records, words. The others ask it, through
pipes that nobody else can write to. They are processes of their own, not forks, which threads of torch do not survive,
and do not import the caller's script. Imports torch only to set its threads.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from queue import SimpleQueue
from threading import Condition, Thread
from typing import IO, Any, Concatenate, Generic, ParamSpec, TypeVar

from gantool.errors import GantoolError, OutOfMemoryError, argument

Item = TypeVar("Item")
Result = TypeVar("Result")
R = TypeVar("R")
P = ParamSpec("P")

_START = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); import gantool.inference.part as p; p.main()"


class Desk(Generic[Item, Result]):
    """What the first process keeps for all of them. `here` is whatever they ask for by `Place.ask`.

    All passes that run at one time take `together` bytes at most. Several threads may use it at once.
    """

    def __init__(self, items: Sequence[Item], here: object, together: int) -> None:
        self.here = here
        self.came: SimpleQueue[tuple[int, Result | None] | Exception] = SimpleQueue()
        """Results with the numbers of their items; why a process failed."""
        self._left = deque(enumerate(items))
        self._together = self._free = together
        self._changed = Condition()
        self._abandoned = False

    def take(self) -> tuple[int, Item] | None:
        """The next item with its number; None where none is left."""
        try:
            return self._left.popleft()
        except IndexError:
            return None

    def enter(self, size: int) -> int:
        """Waits until a pass of so many bytes has room beside the others. Returns what it was given, for `leave`."""
        size = min(size, self._together)
        with self._changed:
            # One that has failed gives no room back; that is told after this pass.
            self._changed.wait_for(lambda: size <= self._free or self._abandoned)
            self._free -= size
        return size

    def leave(self, size: int) -> None:
        """A pass is over."""
        with self._changed:
            self._free += size
            self._changed.notify_all()

    def tell(self, number: int, result: Result | None) -> None:
        """What came of an item; None for now, if its result comes behind those of all others."""
        self.came.put((number, result))

    def end(self, error: Exception | None) -> None:
        """A process is done, or has failed."""
        if error is not None:
            self.came.put(error)
            self.abandon()

    def abandon(self) -> None:
        """Nobody waits for room any more."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()


class Place(Generic[Item, Result]):
    """Where one of the processes works. `call(function, *arguments)` calls `function(desk, *arguments)` at the desk."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def items(self) -> Iterator[tuple[int, Item]]:
        """Items with their numbers, each for one process alone, in their order."""
        while (found := self._call(Desk.take)) is not None:
            yield found

    def ask(self, function: Callable[Concatenate[Any, P], R], *arguments: P.args, **_: P.kwargs) -> R:
        """What `function(here, *arguments)` returns or raises in the first process, a function of a module."""
        answer: R = self._call(_asked, function, arguments)
        return answer

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Inside, a pass of so many bytes has its room in the memory for all."""
        taken = self._call(Desk.enter, size)
        try:
            yield
        finally:
            self._call(Desk.leave, taken)


Work = Callable[[Any, Place[Item, Result]], Generator[tuple[int, Result | None], None, None]]
"""`work(given, place)`, a function of a module: gives each item's number with its result, or first with None."""


def shared(
    work: Work[Item, Result],
    given: object,
    items: Sequence[Item],
    jobs: int,
    here: object,
    together: int,
) -> Generator[Result, None, None]:
    """The results of all items, in the items' order; those that were first None come last. Computed by `jobs` processes
    of one thread, of which this is one.

    `given` and `work` go to each process. Raises what `work` raises, OutOfMemoryError for a process that was killed,
    and GantoolError for one that ended otherwise. However the loop ends, the others have ended as well.
    """
    desk: Desk[Item, Result] = Desk(items, here, together)
    others: list[tuple[subprocess.Popen[bytes], Thread]] = []
    sorter: _Sorter[Result] = _Sorter(len(items))
    try:
        for _ in range(jobs - 1):
            other = _started()
            others.append((other, Thread(target=_serve, args=(other, desk, work, given, jobs), daemon=True)))
            others[-1][1].start()
        with one_thread(), closing(work(given, Place(lambda function, *more: function(desk, *more)))) as own:
            for found in own:
                desk.tell(*found)
                yield from _arrived(desk, sorter, wait=False)
        while not sorter.complete:
            yield from _arrived(desk, sorter, wait=True)
    finally:
        for other, _ in others:
            other.kill()
        desk.abandon()
        for other, listener in others:
            listener.join()
            other.wait()
            for stream in (other.stdin, other.stdout):
                with suppress(OSError):  # what was still to be said to a process that is gone
                    assert stream is not None
                    stream.close()


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch computes on one thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Sorter(Generic[Result]):
    """Puts results into the order of their items, behind them those that were first None."""

    def __init__(self, count: int) -> None:
        self._left = deque(range(count))
        self._behind: set[int] = set()
        self._came: dict[int, Result] = {}

    @property
    def complete(self) -> bool:
        """Whether all results were given."""
        return not self._left

    def put(self, number: int, result: Result | None) -> Iterator[Result]:
        """Those whose turn it is, now that this one is there."""
        if result is None:
            self._behind.add(number)
        else:
            self._came[number] = result
        while self._left:
            if self._left[0] in self._behind:
                self._behind.remove(self._left[0])
                self._left.rotate(-1)
            elif self._left[0] in self._came:
                yield self._came.pop(self._left.popleft())
            else:
                return


def _arrived(desk: Desk[Item, Result], sorter: _Sorter[Result], *, wait: bool) -> Iterator[Result]:
    """The results whose turn it is. Raises why a process failed."""
    while wait or not desk.came.empty():
        found = desk.came.get()
        if isinstance(found, BaseException):
            raise found
        yield from sorter.put(*found)
        wait = False


def _started() -> subprocess.Popen[bytes]:
    """A process that waits for its work. Ctrl-C of a terminal does not reach it: the first process ends it."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _START],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def _serve(
    other: subprocess.Popen[bytes], desk: Desk[Any, Any], work: Work[Any, Any], given: object, jobs: int
) -> None:
    """Answers one of the processes until it ends."""
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        send(other.stdin, sys.path)
        send(other.stdin, (work, given))
        while True:
            function, arguments = pickle.load(other.stdout)
            try:
                answer, wrong = function(desk, *arguments), None
            except (GantoolError, OSError) as error:
                answer, wrong = None, error
            send(other.stdin, (answer, wrong))
            if function is Desk.end:
                return
    except (EOFError, OSError, pickle.UnpicklingError):  # the pipe has ended
        desk.end(_died(other.wait(), jobs))
    except Exception as error:  # any other of a call's, or a message that cannot be read: else all would wait for ever
        desk.end(error)


def send(stream: IO[bytes], message: object) -> None:
    """A message, at once."""
    stream.write(pickle.dumps(message))
    stream.flush()


def _died(code: int, jobs: int) -> GantoolError:
    again = "the same command goes on from there"
    if code == -9:
        return OutOfMemoryError(
            f"one of {jobs} processes was killed, as systems do where the memory runs out: {again}, with fewer"
            f" {argument('jobs')} if need be"
        )
    how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    return GantoolError(f"one of {jobs} processes ended {how}: {again}; {argument('jobs', 1)} does without others")


def _asked(desk: Desk[Any, Any], function: Callable[..., R], arguments: Sequence[Any]) -> R:
    return function(desk.here, *arguments)
