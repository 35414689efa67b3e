"""`gantool runs`: what runs there are, how two differ, notes, removal."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gantool.byte_sizes import bytes_in_words
from gantool.cli import common, completion
from gantool.cli.verbs import second_words
from gantool.errors import UsageError
from gantool.report.text import duration, figure, to_json, words
from gantool.runs import folders

if TYPE_CHECKING:
    from gantool.history.record import Record
    from gantool.report.console import Console

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", autocompletion=completion.runs)]
Runs = Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.", autocompletion=completion.runs)]


def runs(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Runs below this folder (default: runs).",
            show_default=False,
            autocompletion=second_words,
        ),
    ] = folders.RUNS,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """List runs: model, data, steps, state, best save, size, age.

    Also: gantool runs show, runs plot, runs diff, runs note, runs rm.

    gantool runs

    gantool runs runs/sweep --json
    """
    console = common.console(quiet, verbose, json)
    from gantool.history.find import runs_below
    from gantool.history.record import record

    found = [record(run) for run in runs_below(folder)]
    if json:
        console.result(to_json([one.as_dict() for one in found]))
        return
    if not found:
        console.note(f"there is no run below {folder}/")
        return
    table(found, console)


def table(found: Sequence[Record], console: Console) -> None:
    """Runs as a table, with a column for notes where there are any."""
    noted = any(one.note for one in found)
    heads = ["run", "model", "data", "steps", "state", "best", "size", "age", *(["note"] if noted else [])]
    now = time.time()
    rows = [
        [
            str(one.folder),
            one.model,
            " ".join(Path(path).name for path in one.data),
            steps(one),
            one.outcome.state,
            _best(one),
            bytes_in_words(one.bytes),
            duration(max(0.0, now - one.changed)) if one.changed else "",
            *([one.note.splitlines()[0] if one.note else ""] if noted else []),
        ]
        for one in found
    ]
    console.table("", heads, rows)


def steps(one: Record) -> str:
    """The steps of a run, and of how many where that is more."""
    total = one.outcome.total
    return str(one.steps) if total in (None, one.steps) else f"{one.steps}/{total}"


def _best(one: Record) -> str:
    if one.best is None:
        return ""
    value = "" if one.best.value is None else f"{one.best.metric} {figure(one.best.value)} "
    return f"{value}at {one.best.step}"


def show(run: Run, json: common.Json = False, quiet: common.Quiet = 0, verbose: common.Verbose = 0) -> None:
    """Show what is known of one run: how it stands, and all its settings.

    gantool runs show runs/h2z
    """
    console = common.console(quiet, verbose, json)
    from gantool.history.find import named_run
    from gantool.history.record import record, settings

    one = record(named_run(run))
    stored: dict[str, Any] = {}
    with contextlib.suppress(UsageError):  # a run.yaml that is damaged: the state says why
        stored = settings(run)
    if json:
        console.result(to_json({**one.as_dict(), "settings": stored}))
        return
    rows = {
        "run": str(one.folder),
        "model": one.model,
        "data": ", ".join(one.data),
        "steps": steps(one),
        "state": one.outcome.state + (f": {one.outcome.why}" if one.outcome.why else ""),
        "best": "" if one.best is None else f"{one.best.words}: {one.best.save}",
        "size": bytes_in_words(one.bytes),
        "changed": time.strftime("%Y-%m-%d %H:%M", time.localtime(one.changed)),
        "note": one.note,
    }
    console.table("", ["", ""], [[key, value] for key, value in rows.items() if value])
    facts = {key: value for key, value in stored.get("facts", {}).items() if key != "settings"}  # they come below
    for title, values in (("options", stored.get("options")), ("facts", facts)):
        if values:
            console.table(title, ["key", "value"], [[key, words(value)] for key, value in values.items()])
    others = {key: value for key, value in stored.items() if key not in ("model", "data", "options", "facts")}
    if others:
        console.table("settings", ["key", "value"], [[key, words(value)] for key, value in others.items()])


def plot(
    runs: Runs,
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE", help="A page (.html), or a picture (.svg, .png).")
    ] = Path("curves.html"),
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Draw the curves of several runs together: losses, and metrics of saves.

    gantool runs plot runs/cyclegan/001 runs/cyclegan/002 -o curves.png
    """
    console = common.console(quiet, verbose, json)
    from gantool.files import check_writable
    from gantool.history.find import named_run
    from gantool.pictures.results import note_file, refuse_strangers
    from gantool.report import plot as drawing
    from gantool.report import runlog

    drawing.check(out, len(runs))
    check_writable(out)
    refuse_strangers(out)
    logs = {str(run): runlog.read(named_run(run) / folders.LOG) for run in runs}
    drawing.write(out, logs)
    note_file(out)
    console.event("plot", file=str(out), runs=list(logs))
    if not json:
        console.result(str(out))


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A run folder.", autocompletion=completion.runs)],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one.", autocompletion=completion.runs)],
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Show how two runs differ: options, settings, data.

    gantool runs diff runs/cyclegan/001 runs/cyclegan/002
    """
    console = common.console(quiet, verbose, json)
    from gantool.history.differences import differences
    from gantool.history.find import named_run

    found = differences(named_run(a), named_run(b))
    if json:
        console.result(to_json(found))
        return
    for part, values in found.items():
        rows = [[key, *map(words, pair)] for key, pair in values.items()]
        if rows:
            console.table(part, ["", str(a), str(b)], rows)
    if not any(found.values()):
        console.note(f"{a} and {b} have the same options, settings and data")
