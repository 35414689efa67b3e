from __future__ import annotations

import os
import threading
from collections.abc import Callable
from io import StringIO
from typing import TextIO

import pytest

from gantool.report.console import Console


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


class Terminal:
    """A real pseudo-terminal and what appeared on it."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        self.stream: TextIO = os.fdopen(slave, "w")
        self._seen = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 4096)
            except OSError:  # the other end is closed
                return
            if not data:
                return
            self._seen += data

    def text(self) -> str:
        """Closes the terminal and returns everything that appeared on it."""
        if not self.stream.closed:
            self.stream.close()
        self._reader.join()
        return self._seen.decode()

    def close(self) -> None:
        self.text()
        os.close(self._master)


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def console() -> Callable[..., Console]:
    """Makes a Console that writes into two StringIO, neither of which is a terminal."""
    return lambda **fields: Console(**{"out": StringIO(), "err": StringIO(), **fields})


class Clock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()
