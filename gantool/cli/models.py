"""`gantool models`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gantool import registry
from gantool.cli import common, completion
from gantool.report.text import to_json


def models(
    name: Annotated[
        str | None, typer.Argument(help="One model: its presets and options.", autocompletion=completion.model_names)
    ] = None,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """List the installed models, or all options of one.

    gantool models

    gantool models cyclegan
    """
    console = common.console(quiet, verbose, json)
    if name is None:
        installed = registry.plugins().values()
        if json:
            console.result(to_json([_listed(p) for p in installed]))
        rows = [(p.name, about.get("needs"), about.get("makes")) for p in installed for about in [p.about()]]
        console.table("", ["model", "needs", "makes"], rows)
        return
    facts = _facts(registry.plugin(name))
    if json:
        console.result(to_json(facts))
        return
    from gantool.options import typed

    presets = [(f"--preset {preset}", summary) for preset, summary in facts["presets"].items()]
    shown = [(key, facts[key]) for key in ("paper", "needs", "makes", "layout") if facts[key]]
    console.table(name, ["", ""], [*shown, *presets])
    table = [[str(o["name"]), typed(o["default"]), o["range"] or o["type"], o["help"]] for o in facts["options"]]
    console.table("--set KEY=VALUE", ["key", "default", "values", "meaning"], table)


def _listed(entry: registry.Plugin) -> dict[str, Any]:
    about = entry.about()
    return {
        "name": entry.name,
        "distribution": entry.distribution,
        "needs": about.get("needs"),
        "makes": about.get("makes"),
        "presets": list(entry.presets()),
    }


def _facts(entry: registry.Plugin) -> dict[str, Any]:
    from dataclasses import asdict

    from gantool.contract import data_of
    from gantool.options import describe, read_yaml

    kind = entry.load()
    return {
        **_listed(entry),
        "distribution": entry.package,
        "paper": kind.paper,
        "layout": data_of(kind, kind.Options()).layout.name,
        "presets": {preset: read_yaml(path).get("summary", "") for preset, path in entry.presets().items()},
        "options": [asdict(option) for option in describe(kind.Options)],
    }
