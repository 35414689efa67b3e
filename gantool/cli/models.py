"""`gantool models` and `gantool plugins`."""

from __future__ import annotations

import json as jsonlib
import subprocess
import sys
from typing import Annotated, Any

import typer

from gantool import registry
from gantool.cli import common
from gantool.report.text import to_json

_TRY_ALL = """
import json, sys, traceback
from gantool import registry
from gantool.errors import GantoolError
found = {}
for name, plugin in registry.plugins().items():
    try:
        plugin.load()
        found[name] = None
    except GantoolError as error:
        found[name] = str(error)
sys.stdout.write("\\n" + json.dumps(found))
"""


def models(
    name: Annotated[
        str | None, typer.Argument(help="One model: its presets and options.", autocompletion=common.model_names)
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
    presets = [(f"--preset {preset}", summary) for preset, summary in facts["presets"].items()]
    shown = [(key, facts[key]) for key in ("paper", "needs", "makes", "layout") if facts[key]]
    console.table(name, ["", ""], [*shown, *presets])
    table = [[str(o["name"]), str(o["default"]), o["range"] or o["type"], o["help"]] for o in facts["options"]]
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

    from gantool.options import describe, read_yaml

    kind = entry.load()
    return {
        **_listed(entry),
        "distribution": f"{entry.distribution} {entry.version}",
        "paper": kind.paper,
        "layout": kind.data(kind.Options()).layout.name,
        "presets": {preset: read_yaml(path).get("summary", "") for preset, path in entry.presets().items()},
        "options": [asdict(option) for option in describe(kind.Options)],
    }


def plugins(
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """List the installed plugins and what is wrong with those that cannot be used.

    gantool plugins
    """
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


def try_all() -> dict[str, str | None]:
    """Imports every plugin in a process of its own: one that breaks the interpreter breaks no other."""
    tried = subprocess.run([sys.executable, "-c", _TRY_ALL], capture_output=True, text=True, check=False)
    try:
        found: dict[str, str | None] = jsonlib.loads(tried.stdout.rpartition("\n")[2])
        return found
    except ValueError:
        last = (tried.stderr.strip().splitlines() or ["no message"])[-1]
        return dict.fromkeys(
            registry.plugins(), f"importing the plugins ended with exit code {tried.returncode}: {last}"
        )
