from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from gantool.report.console import Console
from gantool.report.text import duration, figure, rate, to_json


@pytest.mark.parametrize(
    ("verbosity", "heard"),
    [(0, ["a note", "warning: careful", "error: broken"]), (-1, ["error: broken"]), (-2, []), (1, None)],
)
def test_verbosity_decides_what_is_said_and_only_stderr_hears_it(console, verbosity, heard):
    c = console(verbosity=verbosity)
    c.note("a note")
    c.warn("careful")
    c.error("broken")
    assert c.err.getvalue().splitlines() == (
        ["a note", "warning: careful", "error: broken"] if heard is None else heard
    )
    assert c.out.getvalue() == ""


@pytest.mark.parametrize("fields", [{}, {"verbosity": -2}, {"json": True}])
def test_results_reach_stdout_whatever_the_flags(console, fields):
    c = console(**fields)
    c.result("out/cat.png")
    assert (c.out.getvalue(), c.err.getvalue()) == ("out/cat.png\n", "")


def test_events_are_strict_json_lines_and_only_with_json(console):
    c = console(json=True)
    c.event("eval", fid=float("nan"), kid=float("-inf"), n=np.int64(3), psnr=np.float32(1.5), path=Path("a/b"))
    c.event(event="done", names=("é\n", None, True), nested={"x": [float("inf"), 1e-9]})

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    first, second = [json.loads(line, parse_constant=refuse) for line in c.out.getvalue().splitlines()]
    assert first == {"event": "eval", "fid": None, "kid": None, "n": 3, "psnr": 1.5, "path": str(Path("a/b"))}
    assert second == {"event": "done", "names": ["é\n", None, True], "nested": {"x": [None, 1e-9]}}

    silent = console()
    silent.event("done")
    assert silent.out.getvalue() + silent.err.getvalue() == ""


def test_json_refuses_what_has_no_form():
    with pytest.raises(TypeError, match="object"):
        to_json({"x": object()})


def test_a_table_without_a_terminal_is_aligned_plain_text(console):
    c = console()
    c.table("Metrics", ["name", "FID", "note"], [["cat [red]", 12.345, "good"], ["kitten", None, ""]])
    assert c.out.getvalue().splitlines() == [
        "Metrics",
        "name         FID  note",
        "cat [red]  12.35  good",
        "kitten",
    ]
    assert c.err.getvalue() == ""


def test_a_table_says_nothing_with_json_and_needs_no_rows(console):
    c = console(json=True)
    c.table("Metrics", ["name"], [["x"]])
    assert c.out.getvalue() == ""
    empty = console()
    empty.table("", ["name", "size"], [])
    assert empty.out.getvalue() == "name  size\n"


def test_a_table_on_a_terminal_holds_every_cell_as_it_is(terminal):
    Console(out=terminal.stream, err=StringIO()).table("Metrics", ["name"], [["cat [red]"], ["kitten"]])
    text = terminal.text()
    assert all(word in text for word in ("Metrics", "name", "cat [red]", "kitten"))


@pytest.mark.parametrize("how", ["on", "off", "NO_COLOR"])
def test_colour_only_where_it_is_wanted(terminal, monkeypatch, how):
    if how == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    Console(err=terminal.stream, color=how != "off").error("[bold]x[/bold] is no folder")
    text = terminal.text()
    assert "[bold]x[/bold] is no folder" in text
    assert ("\x1b[1;31m" in text or "\x1b[31m" in text) == (how == "on")


def test_no_escape_sequences_without_a_terminal(console):
    c = console()
    c.error("x")
    c.table("t", ["a"], [[1]])
    assert "\x1b" not in c.err.getvalue() + c.out.getvalue()


def test_long_words_for_a_terminal_are_not_broken(terminal):
    command = "gantool train cyclegan " + " ".join(f"folder{i}" for i in range(40))
    Console(err=terminal.stream).note(command)
    assert terminal.text().rstrip("\r\n") == command


def test_importing_the_station_loads_nothing_heavy():
    code = (
        "import sys, gantool.report.console, gantool.report.progress, gantool.report.runlog, gantool.report.gallery\n"
        "print(sorted({'torch', 'numpy', 'PIL', 'rich'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.71449, "0.714"),
        (12.34, "12.3"),
        (0.0, "0"),
        (999.9, "1000"),
        (1234.6, "1235"),
        (3e-5, "3.00e-05"),
        (2e9, "2.00e+09"),
        (-2.0, "-2"),
        (20000, "20000"),
        (float("nan"), "nan"),
    ],
)
def test_figures(value, text):
    assert figure(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.4, "59s"), (59.6, "1m"), (2280, "38m"), (3599, "1h00m"), (7500, "2h05m"), (273600, "3d04h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_rates():
    assert (rate(8.1), rate(0.3125)) == ("8.1 it/s", "3.2 s/it")
