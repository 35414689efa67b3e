from __future__ import annotations

import json
import re
from io import StringIO
from itertools import pairwise

import pytest

from gantool.report.console import Console
from gantool.report.progress import files_progress, progress, stages


def steps_of(lines: list[str]) -> list[int]:
    return [int(re.match(r"step (\d+)/", line)[1]) for line in lines]


def test_lines_hold_share_rate_rest_and_the_last_losses(console, clock):
    c = console()
    with progress(c, 20000, 1000, "step", every=100, clock=clock) as bar:
        for step in range(1001, 1201):
            clock.now += 0.125
            bar.advance(step, {"gan_ab": 0.7149, "cycle_a": 1.9} if step == 1190 else None)
    lines = c.err.getvalue().splitlines()
    assert lines == [
        "step 1001/20000 5%",
        "step 1100/20000 5% 8.0 it/s eta 39m",
        "step 1200/20000 6% 8.0 it/s eta 39m gan_ab=0.715 cycle_a=1.9",
    ]
    assert c.out.getvalue() == ""


@pytest.mark.parametrize("seconds", [0.5, 7, 8, 29, 31, 59])
def test_a_line_at_least_once_a_minute(console, clock, seconds):
    c = console()
    heard = []
    with progress(c, 10**6, 0, "step", every=10**6, clock=clock) as bar:
        for step in range(1, 400):
            clock.now += seconds
            before = len(c.err.getvalue())
            bar.advance(step)
            if len(c.err.getvalue()) > before:
                heard.append(clock.now)
    assert heard[0] == 1000 + seconds
    assert all(later - earlier <= 60 for earlier, later in pairwise(heard))
    assert len(heard) <= 400 * seconds / 60 * 2 + 2, "not more than needed"


def test_slow_steps_are_counted_in_seconds_each(console, clock):
    c = console()
    with progress(c, 10, 0, "step", every=2, clock=clock) as bar:
        for step in (1, 2):
            clock.now += 3.2
            bar.advance(step)
    assert c.err.getvalue() == "step 1/10 10%\nstep 2/10 20% 3.2 s/it eta 26s\n"


def test_what_comes_before_the_first_step_is_done_is_no_part_of_the_rate(console, clock):
    c = console(json=True)
    with progress(c, 1000, 200, "step", every=10, clock=clock) as bar:
        bar.advance(200)  # as stages begin
        clock.now += 29  # the first batch, a compiler
        for step in range(201, 211):
            bar.advance(step)
            clock.now += 0.5
    events = [json.loads(line) for line in c.out.getvalue().splitlines()]
    assert [(event["step"], event["rate"], event["eta"]) for event in events] == [
        (200, None, None),
        (210, 2.0, 395.0),
    ]


def test_what_is_no_step_is_part_of_the_time_left_and_not_of_the_rate(console, clock):
    c = console(json=True)
    with progress(c, 100, 0, "step", every=10, clock=clock) as bar:
        clock.now += 60
        bar.aside("samples", 60, 120)
        for step in range(1, 21):
            clock.now += 1
            bar.advance(step)
            if step == 15:
                clock.now += 70
                bar.aside("samples", 70, 70)
                bar.aside("validations", 0, 5)
    events = [json.loads(line) for line in c.out.getvalue().splitlines()]
    assert [(event["step"], event["rate"], event["eta"]) for event in events if event["step"] in (10, 20)] == [
        (10, 1.0, 90.0 + 120),
        (20, 1.0, 80.0 + 75),
    ]


def test_the_rate_follows_a_change_of_pace(console, clock):
    c = console()
    with progress(c, 10**5, 0, "step", every=1000, clock=clock) as bar:
        for step in range(1, 2001):
            clock.now += 30 if step < 5 else 0.25
            bar.advance(step)
    assert " 4.0 it/s " in c.err.getvalue().splitlines()[-1]


def test_the_last_step_is_told_even_when_the_job_stops_early(console, clock):
    c = console()

    def train() -> None:
        with progress(c, 1000, 0, "step", clock=clock) as bar:
            for step in range(1, 8):
                clock.now += 1
                bar.advance(step)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()
    assert steps_of(c.err.getvalue().splitlines()) == [1, 7]


def test_nothing_is_told_twice_and_a_clock_that_stands_still_is_no_error(console, clock):
    c = console()
    with progress(c, 2, 0, "step", every=1, clock=clock) as bar:
        bar.advance(1)
        bar.advance(2)
    assert c.err.getvalue().splitlines() == ["step 1/2 50%", "step 2/2 100%"]


@pytest.mark.parametrize("fields", [{"verbosity": -1}, {"progress": "none"}])
def test_silent_when_asked(console, clock, fields):
    c = console(**fields)
    with progress(c, 2, 0, "step", clock=clock) as bar:
        bar.advance(1)
    assert c.err.getvalue() + c.out.getvalue() == ""


def test_events_with_json(console, clock):
    c = console(json=True)
    with progress(c, 300, 0, "step", every=100, clock=clock) as bar:
        for step in range(1, 301):
            clock.now += 0.5
            bar.advance(step, {"gan_ab": float("nan"), "cycle_a": 1.5})
    events = [json.loads(line) for line in c.out.getvalue().splitlines()]
    assert [event["step"] for event in events] == [1, 100, 200, 300]
    assert events[1] == {
        "event": "step",
        "step": 100,
        "total": 300,
        "rate": 2.0,
        "eta": 100.0,
        "losses": {"gan_ab": None, "cycle_a": 1.5},
    }
    assert c.err.getvalue() == ""


def test_a_bar_on_a_terminal_shows_all_and_leaves_stdout_alone(terminal, clock, capsys):
    c = Console(out=StringIO(), err=terminal.stream)
    with progress(c, 200, 0, "step", clock=clock) as bar:
        bar.advance(1)
        clock.now += 0.125
        bar.advance(2, {"gan_ab": 0.71, "cycle_a": 1.9})
        c.note("saved at step 2")
        c.result("a result")
        print("a careless print")
    text = terminal.text()
    for word in ("2/200", "8.0 it/s", "eta 25s", "gan_ab=0.71", "cycle_a=1.9", "saved at step 2"):
        assert word in text
    assert "━" in text
    assert c.out.getvalue() == "a result\n"
    assert capsys.readouterr().out == "a careless print\n"
    assert "a careless print" not in text


@pytest.mark.parametrize("fields", [{"progress": "plain"}, {}])
def test_lines_instead_of_a_bar(terminal, clock, monkeypatch, fields):
    if not fields:
        monkeypatch.setenv("TERM", "dumb")
    with progress(Console(err=terminal.stream, **fields), 4, 0, "step", clock=clock) as bar:
        bar.advance(4)
    assert terminal.text() == "step 4/4 100%\r\n"


def test_files_and_failures(console, clock):
    c = console()
    with files_progress(c, 3, every=2, clock=clock) as files:
        for failed in (False, True, False):
            clock.now += 1
            files.advance(failed=failed)
    assert (files.done, files.failed) == (3, 1)
    assert c.err.getvalue().splitlines() == [
        "files 1/3 33% failed=0",
        "files 2/3 66% 1.0 it/s eta 1s failed=1",
        "files 3/3 100% 1.0 it/s eta 0s failed=1",
    ]


def test_files_of_unknown_number(console, clock):
    c = console(json=True)
    with files_progress(c, None, clock=clock) as files:
        clock.now += 2
        files.advance(failed=True)
    event = {"event": "files", "files": 1, "total": None, "rate": None, "eta": None, "failed": 1}
    assert json.loads(c.out.getvalue()) == event


def test_each_stage_ends_once_whether_or_not_its_end_was_told(console):
    c = console()
    with stages(c) as tell:
        for done in (0, 1, 2):
            tell("reading", done, 2)
        tell("measuring", 0, 1)
    said = [line.split("%")[0] for line in c.err.getvalue().splitlines()]
    assert said.count("reading 2/2 100") == 1
    assert said.count("measuring 1/1 100") == 1


def test_the_part_of_a_stage_stands_behind_its_one_counter(console):
    c = console()
    with stages(c) as tell:
        for done in range(1, 301):
            tell("translating", done, 300, f"way {(done - 1) // 3}")
    lines = c.err.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["1/300", "100/300", "200/300", "300/300"]
    assert lines[1].endswith(" way 33")
