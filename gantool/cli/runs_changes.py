"""`gantool runs note` and `gantool runs rm`."""

from __future__ import annotations

from typing import Annotated

import typer

from gantool.byte_sizes import bytes_in_words
from gantool.cli import common
from gantool.cli import runs as listing
from gantool.cli.runs import Run, Runs, steps
from gantool.errors import UsageError


def note(
    run: Run,
    text: Annotated[str, typer.Argument(metavar="TEXT", help='What to note, in place of what was; "" removes it.')],
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
    json: common.Json = False,
) -> None:
    """Note something of a run. The list shows it.

    gantool runs note runs/h2z "the baseline"
    """
    console = common.console(quiet, verbose, json)
    from gantool.history.changes import set_note
    from gantool.history.find import named_run

    set_note(named_run(run), text)
    console.event("noted", run=str(run), note=text.strip())


def rm(
    runs: Runs,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Remove runs, after asking. What gantool did not write stays.

    gantool runs rm runs/cyclegan/001
    """
    console = common.console(quiet, verbose, json)
    from gantool.history.changes import check_removable, remove
    from gantool.history.find import named_run
    from gantool.history.record import record

    for run in runs:
        check_removable(named_run(run))
    if not yes and not common.is_terminal("stdin"):
        raise UsageError("there is nobody to ask: --yes removes without asking")
    for run in runs:
        one = record(run)
        if not yes and not typer.confirm(f"remove {run} ({steps(one)} steps, {bytes_in_words(one.bytes)})?", err=True):
            console.note(f"{run} stays")
            continue
        left = remove(run)
        console.event("removed", run=str(run), bytes=one.bytes, left=left)
        stays = f"; {run} stays, with what is not gantool's: {', '.join(left[:5])}" if left else ""
        console.note(f"removed {run}, {bytes_in_words(one.bytes)}{stays}")


def add_verbs(app: typer.Typer) -> None:
    """Gives the command line `runs` and its verbs of two words."""
    app.command("runs")(listing.runs)
    for verb in (listing.show, listing.plot, listing.diff, note, rm):
        app.command(f"runs {verb.__name__}")(verb)
