"""What Tab offers behind a verb. Imports nothing heavy."""

from __future__ import annotations

import typer

from gantool import examples, registry
from gantool.errors import GantoolError
from gantool.runs import find, folders


def model_names(incomplete: str) -> list[str]:
    """Completion: installed models."""
    return [name for name in registry.plugins() if name.startswith(incomplete)]


def model_or_run(incomplete: str) -> list[str]:
    """Completion of `--model`: installed models, the one that comes along, and the runs below ./runs."""
    found = [str(folder) for folder in folders.RUNS.glob("*/*") if folders.saves(folder)]
    found += [str(folder) for folder in folders.RUNS.glob("*") if folders.saves(folder)]
    return [name for name in [*registry.plugins(), examples.DEMO.stem, *sorted(found)] if name.startswith(incomplete)]


def domains(context: typer.Context, incomplete: str) -> list[str]:
    """Completion of `--to`: the domains of the model that `--model` names, read from its header."""
    from gantool.runs.header import read_facts

    try:
        path = find.find_weights(str(context.params.get("model") or ""), tuple(registry.plugins()))
        names = read_facts(path).spec.domains
    except GantoolError:
        return []
    return [name for name in names if name.startswith(incomplete)]
