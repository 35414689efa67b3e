"""SIGINT and SIGTERM: a way to end work in order.

Python allows handlers in the main thread alone; in another thread nothing changes.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def handled(handler: Callable[[int], None]) -> Iterator[None]:
    """Inside, `handler(number)` is called for each signal that asks to stop; afterwards the old handlers are back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda number, _: handler(number)) for number in STOPPING}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def noted() -> Iterator[list[int]]:
    """Inside, the list holds the signal that came. The first waits for the end of a step, the second ends at once."""
    received: list[int] = []

    def note(number: int) -> None:
        if received:
            raise SystemExit(128 + number)
        received.append(number)

    with handled(note):
        yield received


@contextmanager
def raised(error: Callable[[int], Exception]) -> Iterator[None]:
    """Inside, the first signal raises `error(number)` in the main thread; a second one ends the process at once."""

    def stop(number: int) -> None:
        for each in STOPPING:
            signal.signal(each, signal.SIG_DFL)
        raise error(number)

    with handled(stop):
        yield
