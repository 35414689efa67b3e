"""The other end of `processes`: what a process does that shares the work of another."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from threading import Lock
from typing import Any

from gantool import registry
from gantool.errors import CheckpointError, GantoolError, OutOfMemoryError, ran_out
from gantool.inference.processes import Desk, Place, send
from gantool.schema import first_line
from gantool.signals import STOPPING


def main() -> None:
    """Does its part of the work that stdin brings, and ends with it. Ends, too, when the first process has gone."""
    for number in STOPPING:  # a batch system sends them to all processes: the first one ends the others
        signal.signal(number, signal.SIG_IGN)
    warnings.filterwarnings("ignore", module="PIL")
    calls = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # stdout is for messages alone, whatever a plugin prints
    lock = Lock()

    def call(function: Callable[..., Any], *arguments: Any) -> Any:
        with lock:
            send(calls, (function, arguments))
            answer, error = pickle.load(sys.stdin.buffer)
        if error is not None:
            raise error
        return answer

    try:
        work, given = pickle.load(sys.stdin.buffer)
        try:
            for number, result in work(given, Place(call)):
                call(Desk.tell, number, result)
            call(Desk.end, None)
        except (EOFError, BrokenPipeError):
            raise
        except Exception as error:
            call(Desk.end, _told(error))
    except (EOFError, BrokenPipeError):
        pass
    sys.stderr.flush()
    os._exit(0)  # threads of a pool may still wait for an answer


def _told(error: Exception) -> Exception:
    """The error as the first process can raise it: the calls of this one do not go through a pipe."""
    if isinstance(error, (GantoolError, OSError)):
        return error
    if ran_out(error):
        return OutOfMemoryError(f"the memory does not suffice ({first_line(error)[:80]})")
    if (mistake := registry.mistake(error)) is not None:
        return CheckpointError(mistake)
    return RuntimeError("".join(traceback.format_exception(error)))
