"""Work for several processes that needs no torch."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gantool.errors import DataError
from gantool.inference.processes import Place


@dataclass(frozen=True)
class Given:
    first: int
    """The number of the first process."""
    meeting: Path
    """A named pipe, at which two wait for each other, each with an item that it has taken."""


def squares(given: Given, place: Place[int, tuple[int, int]]) -> Iterator[tuple[int, tuple[int, int] | None]]:
    """Squares with the process that computed them; those of multiples of 3 come last."""
    for number, item in _met(given, place):
        found = place.ask(noted, item * item), os.getpid()
        if item % 3 == 0:
            yield number, None
        yield number, found


def noted(numbers: list[int], number: int) -> int:
    """In the first process."""
    numbers.append(number)
    return number


def killed(given: Given, place: Place[int, int]) -> Iterator[tuple[int, int]]:
    yield from _ended(given, place, lambda: os.kill(os.getpid(), signal.SIGKILL))


def exits(given: Given, place: Place[int, int]) -> Iterator[tuple[int, int]]:
    yield from _ended(given, place, lambda: os._exit(7))


def fails(given: Given, place: Place[int, int]) -> Iterator[tuple[int, int]]:
    def end() -> None:
        raise DataError("the disk is full")

    yield from _ended(given, place, end)


def is_wrong(given: Given, place: Place[int, int]) -> Iterator[tuple[int, int]]:
    yield from _ended(given, place, lambda: {}["missing"])


def finds_no_memory(given: Given, place: Place[int, int]) -> Iterator[tuple[int, int]]:
    yield from _ended(given, place, lambda: place.ask(no_memory))


def no_memory(_: object) -> None:
    """In the first process."""
    raise MemoryError


def _ended(given: Given, place: Place[int, int], end) -> Iterator[tuple[int, int]]:
    """A process that is not the first ends, while it has all of the room that the first waits for."""
    for number, item in _met(given, place, room=100):
        if os.getpid() != given.first:
            end()
        with place.room(60):
            yield number, item


def _met(given: Given, place: Place[int, object], room: int = 0) -> Iterator[tuple[int, int]]:
    items = place.items()
    taken = next(items)
    if os.getpid() == given.first:
        given.meeting.open().close()
        yield taken
    else:
        with place.room(room):
            given.meeting.open("w").close()
            yield taken
    yield from items
