"""`gantool plugins` and `gantool plugins check`."""

from __future__ import annotations

import json as jsonlib
import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gantool import registry
from gantool.cli import common, completion
from gantool.errors import UsageError
from gantool.files import missing
from gantool.report.text import to_json

app = typer.Typer(rich_markup_mode=None)

_TRY_ALL = """
import json, os, sys
from gantool import registry
from gantool.errors import GantoolError
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)  # what a plugin prints is no answer
installed = registry.plugins()
for name in sys.argv[1:]:
    try:
        installed[name].load()
        error = None
    except GantoolError as told:
        error = str(told)
    print(json.dumps([name, error]), file=answers, flush=True)
"""


@app.callback(invoke_without_command=True)
def plugins(
    context: typer.Context,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """List the installed plugins and what is wrong with those that cannot be used; check one.

    gantool plugins

    gantool plugins check NAME
    """
    if context.invoked_subcommand is not None:
        if json or quiet or verbose:
            raise UsageError(f"flags stand behind the name: gantool plugins {context.invoked_subcommand} NAME --json")
        return
    console = common.console(quiet, verbose, json)
    errors = try_all()
    rows = [
        {
            "name": p.name,
            "distribution": p.distribution,
            "version": p.version,
            "object": f"{p.module}:{p.attribute}",
            "ok": errors.get(p.name) is None,
            "error": errors.get(p.name),
        }
        for p in registry.plugins().values()
    ]
    if json:
        console.result(to_json(rows))
    columns = ["name", "distribution", "version", "object"]
    console.table("", [*columns, "state"], [[*(row[c] for c in columns), row["error"] or "ok"] for row in rows])


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="The plugin's name.", autocompletion=completion.model_names)],
    data: Annotated[
        list[Path] | None,
        typer.Argument(help="Training pictures, as for `gantool train NAME --preset smoke` (default: made-up ones)."),
    ] = None,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Check that a plugin keeps what gantool promises of every model, by a short run with its preset smoke.

    Ends with exit code 1 if a check fails.

    gantool plugins check cyclegan
    """
    console = common.console(quiet, verbose, json)
    entry = registry.plugin(name)
    for path in data or ():
        if not path.exists():
            raise missing(path)
    common.load_torch(console)
    import torch

    from gantool.checking import session
    from gantool.report.progress import progress

    torch.set_num_threads(1)  # layers this small lose more to waiting for each other than a second core brings
    outcomes = []
    with progress(replace(console, json=False), len(session.CHECKS), what="check") as told:
        for outcome in session.start(entry, data or ()):
            outcomes.append(outcome)
            told.advance(len(outcomes))
            if verbose and outcome.error is not None:
                traceback.print_exception(outcome.error)
    if json:
        console.result(to_json([{"check": o.check, "ok": o.ok, "found": console.words(o.found)} for o in outcomes]))
    states = {True: "ok", False: "FAILED", None: "-"}
    console.table("", ["check", "", "found"], [[o.check, states[o.ok], o.found] for o in outcomes])
    if any(outcome.ok is False for outcome in outcomes):
        sys.exit(1)


def try_all() -> dict[str, str | None]:
    """Imports every plugin in a process of its own: what is wrong with each, or None.

    Where one ends the process, the rest have another.
    """
    found: dict[str, str | None] = {}
    waiting = list(registry.plugins())
    while waiting:
        tried = subprocess.run(
            [sys.executable, "-c", _TRY_ALL, *waiting],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        found |= dict(jsonlib.loads(line) for line in tried.stdout.splitlines())
        waiting = [name for name in waiting if name not in found]
        if waiting:
            last = (tried.stderr.strip().splitlines() or ["no message"])[-1]
            found[waiting.pop(0)] = f"importing it ended Python with exit code {tried.returncode}: {last}"
    return found
