"""What several verbs share: their common flags, and completion. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantool import registry
from gantool.errors import GantoolError
from gantool.report.console import Console
from gantool.runs import folders

Quiet = Annotated[int, typer.Option("-q", "--quiet", count=True, help="Say only errors (-q) or nothing (-qq).")]
Verbose = Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more; errors with their traceback.")]
Json = Annotated[bool, typer.Option("--json", help="Results as JSON on stdout.")]


def console(quiet: int = 0, verbose: int = 0, json: bool = False) -> Console:
    """The console that a verb's common flags ask for."""
    return Console(verbosity=verbose - quiet, json=json)


def model_names(incomplete: str) -> list[str]:
    """Completion: installed models."""
    return [name for name in registry.plugins() if name.startswith(incomplete)]


def model_or_run(incomplete: str) -> list[str]:
    """Completion of `--model`: installed models and the runs below ./runs."""
    found = [str(folder) for folder in folders.RUNS.glob("*/*") if folders.saves(folder)]
    found += [str(folder) for folder in folders.RUNS.glob("*") if folders.saves(folder)]
    return [name for name in [*registry.plugins(), *sorted(found)] if name.startswith(incomplete)]


def domains(context: typer.Context, incomplete: str) -> list[str]:
    """Completion of `--to`: the domains of the model that `--model` names, read from its header."""
    from gantool.runs.header import read_weights_header

    try:
        path = folders.find_weights(str(context.params.get("model") or ""), tuple(registry.plugins()))
        names = read_weights_header(path).metadata["spec"]["domains"]
    except GantoolError:
        return []
    return [name for name in names if name.startswith(incomplete)]


def weights(model: str, console: Console) -> Path:
    """The weights file that `--model` means, and a word on which run it is where only a model was named."""
    names = tuple(registry.plugins())
    path = folders.find_weights(model, names)
    if model in names and not Path(model).exists():
        console.note(f"{model}: {path.parent}")
    return path


ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="M",
        help="A run folder, a weights file, or a model's name (its newest run below ./runs).",
        autocompletion=model_or_run,
    ),
]
"""`--model M`, required by the verbs that take it."""
