"""`gantool info`."""

from __future__ import annotations

from math import prod
from typing import Annotated

import typer

from gantool.cli import common
from gantool.report.text import to_json, words


def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="M", help="A run folder, a weights file, or a model's name.", autocompletion=common.model_or_run
        ),
    ],
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Show everything that a weights file says of itself. Reads its header only.

    gantool info runs/h2z
    """
    from gantool.training.header import read_header

    console = common.console(quiet, verbose, json)
    header = read_header(common.weights(name, console))
    networks: dict[str, int] = {}
    for key, (_, shape) in header.tensors.items():
        network = key.partition(".")[0]
        networks[network] = networks.get(network, 0) + prod(shape)
    facts = {"file": str(header.path), "bytes": header.path.stat().st_size, **header.metadata, "parameters": networks}
    if json:
        console.result(to_json(facts))
        return
    console.table("", ["", ""], [[key, words(value)] for key, value in facts.items() if key != "options"])
    console.table("options", ["key", "value"], [[key, str(value)] for key, value in facts.get("options", {}).items()])
