"""`gantool info`."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Annotated

import typer

from gantool.cli import common, completion, model_flag
from gantool.counting import count_in_words
from gantool.report.text import to_json, words
from gantool.spec import Kind, LabelMaps, Spec

_TABLES = ("own", "options")
"""Tables of their own, below the others."""


def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="M",
            help="A run folder, a weights file, a model's name, or hf://USER/NAME.",
            autocompletion=completion.model_or_run,
        ),
    ],
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Show everything that a weights file says of itself. Reads its header only.

    gantool info runs/h2z
    """
    from gantool.history.best import best_of
    from gantool.runs.header import facts_of, is_state, naming_the_save_before, read_header

    console = common.console(quiet, verbose, json)
    path = model_flag.weights(name, console)
    with naming_the_save_before(path):
        header = read_header(path)
        if not is_state(header):
            facts_of(header)
    networks: dict[str, int] = {}
    for key, (_, shape) in header.tensors.items():
        network = key.partition(".")[0]
        networks[network] = networks.get(network, 0) + prod(shape)
    best = best_of(Path(name))
    facts = {"file": str(path), "bytes": path.stat().st_size, **header.metadata, "parameters": networks}
    if best is not None:
        facts["best"] = best.as_dict()
    if json:
        console.result(to_json(facts))
        return
    told: dict[str, str] = {}
    if not is_state(header):
        told["spec"] = _domains(facts_of(header).spec)
    if best is not None:
        told["best"] = f"{best.words}: {best.save}"
    rows = [[key, told.get(key) or _in_words(key, value)] for key, value in facts.items() if key not in _TABLES]
    console.table("", ["", ""], [row for row in rows if row[1]])
    for title in _TABLES:
        if table := facts.get(title):
            console.table(title, ["key", "value"], [[key, words(value)] for key, value in table.items()])


def _domains(spec: Spec) -> str:
    """The domains and what they hold: "domains horses, zebras; pictures of 3 channels; crops of 256 pixels"."""
    held = " and ".join(dict.fromkeys(map(_content, spec.kinds)))
    vectors = f", vectors of {spec.vectors} numbers" if spec.vectors else ""
    name = "attributes" if spec.attributes else "domain" if len(spec.domains) == 1 else "domains"
    return f"{name} {', '.join(spec.domains)}; {held}{vectors}; crops of {spec.size} pixels"


def _content(kind: Kind) -> str:
    if isinstance(kind, LabelMaps):
        return f"label maps of {kind.classes} classes{' and instances' if kind.instances else ''}"
    return f"pictures of {count_in_words(kind.channels, 'channel')}"


def _in_words(key: str, value: object) -> str:
    if key == "directions" and isinstance(value, list):
        return ", ".join(" -> ".join(pair) for pair in value)
    none = value is None or (key.endswith("_size") and not value)
    return "" if none else words(value)
