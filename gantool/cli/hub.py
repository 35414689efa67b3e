"""`gantool push` and `gantool pull`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantool.cli import common, completion
from gantool.report.text import to_json

Name = Annotated[str, typer.Argument(metavar="USER/NAME", help="The repository on the hub.")]


def push(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run folder (its newest save), RUN/best, a save, or a model's name.",
            autocompletion=completion.model_or_run,
        ),
    ],
    name: Name,
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Licence on the card, such as mit or cc-by-4.0.")
    ] = None,
    with_training_state: Annotated[
        bool, typer.Option("--with-training-state", help="Send what only further training needs, too.")
    ] = False,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Send a run to the hub: its weights, its card and its newest sample grid.

    gantool push runs/horses me/horses-to-zebras --licence cc-by-4.0

    gantool push runs/horses/best me/horses-to-zebras --private
    """
    console = common.console(quiet, verbose, json)
    from gantool.hub.pushing import Request, plan, start

    request = Request(run=run, name=name, private=private, licence=licence, with_training_state=with_training_state)
    sent = start(plan(request), console)
    console.result(to_json(vars(sent)) if json else sent.url)


def pull(
    name: Name,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Run folder to make (default: the hub's cache alone).")
    ] = None,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Fetch a run from the hub and check its hashes. Nothing but safetensors, its card and sample grids is read.

    gantool pull me/horses-to-zebras runs/horses

    gantool pull me/horses-to-zebras@v1
    """
    console = common.console(quiet, verbose, json)
    from gantool.hub.pulling import Request, plan, start

    found = start(plan(Request(name=name, folder=folder)), console)
    console.result(to_json(vars(found)) if json else str(found.folder or found.name))
