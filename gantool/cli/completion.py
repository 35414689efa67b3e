"""What Tab offers behind a verb. Imports nothing heavy."""

from __future__ import annotations

import typer

from gantool import examples, registry
from gantool.errors import GantoolError
from gantool.runs import find, folders


def model_names(incomplete: str) -> list[str]:
    """Completion: installed models."""
    return [name for name in registry.plugins() if name.startswith(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Completion: the runs below ./runs."""
    found = sorted(str(folder) for folder in folders.RUNS.glob("*/*") if folders.readable_saves(folder))
    found += sorted(str(folder) for folder in folders.RUNS.glob("*") if folders.readable_saves(folder))
    return [name for name in found if name.startswith(incomplete)]


def model_or_run(incomplete: str) -> list[str]:
    """Completion of `--model`: installed models, the one that comes along, and the runs below ./runs."""
    names = [*registry.plugins(), examples.DEMO.stem]
    return [*(name for name in names if name.startswith(incomplete)), *runs(incomplete)]


def domains(context: typer.Context, incomplete: str) -> list[str]:
    """Completion of `--to`: the domains of the model that `--model` names, read from its header."""
    from gantool.runs.header import read_facts

    try:
        path = find.find_weights(str(context.params.get("model") or ""), tuple(registry.plugins()))
        names = read_facts(path).spec.domains
    except GantoolError:
        return []
    return [name for name in names if name.startswith(incomplete)]
