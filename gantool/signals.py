"""Signals that ask to stop: a way to end work in order.

Besides Ctrl-C and SIGTERM these are what batch systems and lost connections send: SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU.
Python allows handlers in the main thread alone; in another thread nothing changes.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)
"""Those that end the work at once when they come again. The others repeat themselves without anyone's wish."""
STOPPING = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
    if hasattr(signal, name)  # Windows has the first two
)
_ECHO_SECONDS = 1.0
"""Later than this a signal is a second one: terminals, shells, launchers and batch systems all pass on the first."""
_GRACE_SECONDS = 2.0
"""The main thread has so long to end by itself, after a second signal."""
_SOON_SECONDS = 0.001
"""A signal that comes where a lock is taken comes again after so long."""
_LATER_SECONDS = 0.05
"""One that comes within an import, after so long: that of torch takes a second."""
_LOCKING = frozenset(
    getattr(threading.Condition, name).__code__
    for name in ("__enter__", "__exit__", "_release_save", "_acquire_restore", "_is_owned")
)
"""Where an error from outside would leave a lock taken for ever: pools of threads have many."""


class _Patience:
    """Tells a second wish to stop from an echo of the first, and from the first that comes again."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._first: float | None = None
        self._again: threading.Timer | None = None
        self._sent_by_us = False

    def ends(self, number: int) -> bool:
        """Whether the work has to end at once."""
        is_ours, self._sent_by_us = self._sent_by_us, False
        if is_ours or number not in ENDING:
            return False
        now = self._clock()
        if self._first is None:
            self._first = now
        return now - self._first >= _ECHO_SECONDS

    def lets_raise(self, number: int, frame: FrameType | None) -> bool:
        """Whether an error may be raised now, with the main thread at this frame.

        Where none may be raised the signal comes again. A second wish ends the process.
        """
        if self.ends(number):
            _show_cursor()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif (seconds := _unfit(frame)) is not None:
            self._send_again(seconds, number)
        else:
            return True
        return False

    def _send_again(self, seconds: float, number: int) -> None:
        """The signal comes again after so long, which is no second wish: a long call may keep it back for seconds."""

        def send() -> None:
            self._sent_by_us = True
            _send_to_main(number)

        if self._again is not None:
            self._again.cancel()
        self._again = threading.Timer(seconds, send)
        self._again.daemon = True
        self._again.start()

    def close(self) -> None:
        """Nothing comes again."""
        if self._again is not None:
            self._again.cancel()
            self._again.join()


@contextmanager
def handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Inside, `handler(number, frame)` is called for each signal that asks to stop, with where the main thread is;
    afterwards the old handlers are back.

    A signal that is ignored stays so: nohup starts a process that outlives its terminal, and the shell of a script one
    in the background, which the Ctrl-C for the script does not mean.
    """
    if not _in_main_thread():
        yield
        return
    ours = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in ours}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def noted(answer: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> Iterator[list[int]]:
    """Inside, the list holds the signal that came first. Work looks at it where it can stop.

    `answer` is called at once, by another thread: the main one may be inside a call that takes a minute. A second
    SIGINT or SIGTERM ends the process, whatever it does.
    """
    received: list[int] = []
    patience = _Patience(clock)

    def note(number: int, _: FrameType | None) -> None:
        if patience.ends(number):
            raise SystemExit(128 + number)
        if not received:
            received.append(number)

    with handled(note), _heard_at_once(answer, clock):
        yield received


@contextmanager
def raised(error: Callable[[int], Exception]) -> Iterator[None]:
    """Inside, the first signal raises `error(number)` in the main thread; a second one ends the process at once.

    Other threads may finish what they had begun: the error that leaves is a new one, made when all inside has ended.
    """
    patience = _Patience(time.monotonic)
    came: list[tuple[int, Exception]] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if patience.lets_raise(number, frame) and not came:
            came.append((number, error(number)))
            raise came[0][1]

    try:
        with handled(stop), closing(patience):
            yield
    except Exception as end:
        if not came or end is not came[0][1]:
            raise
        raise error(came[0][0]) from None


@contextmanager
def interruptible(clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Inside, Ctrl-C raises KeyboardInterrupt as Python has it, and leaves as nothing else.

    It waits for the end of an import: a library may take the error for its own, or for none, or abort the process.
    A second one, a second later or more, ends the process at once.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or not _in_main_thread():
        yield
        return
    patience = _Patience(clock)
    came = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal came
        leaving = came and isinstance(sys.exc_info()[1], KeyboardInterrupt)  # what it was to leave is put in order
        if patience.lets_raise(number, frame) and not leaving:
            came = True
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    except BaseException:
        if came:
            raise KeyboardInterrupt from None
        raise
    finally:
        patience.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _heard_at_once(answer: Callable[[], None], clock: Callable[[], float]) -> Iterator[None]:
    """Python's handlers wait for the end of a call into torch. Numbers in a pipe do not, and a thread reads them."""
    if not _in_main_thread():
        yield
        return
    left = threading.Event()

    def listen(numbers: socket.socket) -> None:
        patience = _Patience(clock)
        answered = False
        while received := numbers.recv(64):
            for number in received:
                if number not in STOPPING:
                    continue
                if patience.ends(number):
                    if not left.wait(_GRACE_SECONDS):
                        _end_now(number)
                elif not answered:
                    answered = True
                    answer()

    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    thread = threading.Thread(target=listen, args=(ours,), name="gantool-signals", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        left.set()
        theirs.close()
        thread.join()
        ours.close()


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _unfit(frame: FrameType | None) -> float | None:
    """Where no error may be raised in a thread at this frame, the seconds after which to look again.

    That is where it takes or gives back the lock of a Condition, and where it imports a module.
    """
    while frame is not None:
        if frame.f_code in _LOCKING:
            return _SOON_SECONDS
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return _LATER_SECONDS
        frame = frame.f_back
    return None


def _send_to_main(number: int) -> None:
    if hasattr(signal, "pthread_kill"):  # interrupts what the main thread waits for
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


def _end_now(number: int) -> None:
    _show_cursor()
    os._exit(128 + number)


def _show_cursor() -> None:
    """Before the process ends without further ado: a progress bar hides the cursor of a terminal."""
    if sys.stderr is not None and sys.stderr.isatty():
        with contextlib.suppress(OSError):  # the terminal is gone
            os.write(2, b"\x1b[?25h\n")
