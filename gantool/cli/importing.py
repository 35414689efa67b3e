"""`gantool import`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gantool.cli import common, completion
from gantool.report.text import to_json


def import_(
    files: Annotated[list[Path], typer.Argument(help="Official checkpoint files of one training.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="RUN", help="Run folder to make.")],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="The model, if recognition fails.",
            autocompletion=completion.model_names,
        ),
    ] = None,
    domains: Annotated[
        str | None, typer.Option("--domains", metavar="A,B", help="Names of the domains (default: A,B).")
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Licence of the weights: kept in the file, shown by info.")
    ] = None,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Turn official checkpoints into a run. Nothing in them is executed.

    gantool import latest_net_G_A.pth latest_net_G_B.pth -o runs/horses
    """
    console = common.console(quiet, verbose, json)
    from gantool.importing.request import Request, check

    names = None if domains is None else tuple(name.strip() for name in domains.split(","))
    request = Request(files=tuple(files), out=out, model=model, domains=names, licence=licence)
    check(request)
    from gantool.importing.session import start

    report = start(request, console.words)
    ways = [f"{source} to {target}" for source, target in report.directions]
    if json:
        console.result(
            to_json(
                {
                    "model": report.model,
                    "weights": str(report.weights),
                    "options": asdict(report.options),
                    "domains": report.spec.domains,
                    "directions": report.directions,
                    "training": report.training,
                    "used": [{"file": file, "key": key, "as": ours} for (file, key), ours in report.used.items()],
                    "dropped": [{"file": file, "key": key, "why": why} for (file, key), why in report.dropped.items()],
                }
            )
        )
        return
    for table, joint in ((report.used, "->"), (report.dropped, "dropped:")):
        for (file, key), words in table.items():
            if verbose or table is report.dropped:
                console.note(f"{file}: {key} {joint} {words}")
    console.note(f"{report.model}, {', '.join(ways)}: {len(report.used)} tensors used, {len(report.dropped)} dropped")
    if report.training:
        console.note(f"the discriminators came, too: train on with gantool train {report.model} A B --from {out}")
    console.result(str(out))
