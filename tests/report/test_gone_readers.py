"""Words that nobody can read any more are lost, and work goes on."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from io import StringIO

import pytest

from gantool.report.console import Console
from gantool.report.progress import progress


@contextmanager
def broken_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", buffering=1)
    yield stream
    with suppress(BrokenPipeError):
        stream.close()


def test_notes_and_warnings_into_a_broken_pipe_are_lost(console):
    with broken_pipe() as stream:
        c = console(err=stream)
        for _ in range(3):
            c.note("one")
            c.warn("two")
            c.error("three")


def test_results_into_a_broken_pipe_end_a_verb_but_not_a_training(console):
    with broken_pipe() as stream, pytest.raises(BrokenPipeError):
        console(out=stream).result("one")
    with broken_pipe() as stream:
        c = console(out=stream, json=True).steadfast()
        c.event("step", step=1)
        c.result("two")


def test_a_process_may_have_no_stderr():
    c = Console(out=StringIO(), err=None)
    c.note("one")
    with progress(c, 3) as steps:
        steps.advance(1)


def test_a_bar_on_a_terminal_that_is_gone(console, terminal):
    master = terminal._master
    c = console(err=terminal.stream)
    with progress(c, 3) as steps:
        steps.advance(1)
        os.close(os.dup(master))
        terminal.stream.close()
        steps.advance(2)
        c.note("one")


def test_grave_warnings_are_said_where_errors_alone_are(console):
    for verbosity, said in ((0, True), (-1, True), (-2, False)):
        c = console(verbosity=verbosity)
        c.warn("it begins anew", grave=True)
        assert bool(c.err.getvalue()) == said


def test_a_step_that_takes_long_is_spoken_of_once_a_minute(console, clock):
    c = console()
    with progress(c, 100, clock=clock) as steps:
        for _ in range(130):
            clock.now += 1
            steps.remind()
        steps.advance(1)
        clock.now += 59
        steps.remind()
    assert c.err.getvalue().splitlines()[:3] == [
        "step 0/100: the next has taken 1m so far",
        "step 0/100: the next has taken 2m so far",
        "step 1/100 1%",
    ]
    assert len(c.err.getvalue().splitlines()) == 3


def test_behind_the_last_step_no_next_one_is_waited_for(console, clock):
    c = console()
    with progress(c, 2, start=1, clock=clock) as steps:
        steps.advance(2)
        clock.now += 100
        steps.remind()
        steps.between("validation, FID 1/3")
        steps.remind()
    assert c.err.getvalue().splitlines()[1:] == ["step 2/2: validation, FID 1/3"]
