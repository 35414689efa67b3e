"""`--model`, and the weights that it means, fetched from a hub where it names one there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gantool import examples, registry
from gantool.cli import completion
from gantool.report.console import Console
from gantool.runs import find, folders, remote

ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="M",
        help="A run folder, a weights file, a model's name (its newest run below ./runs), hf://USER/NAME, or demo.",
        autocompletion=completion.model_or_run,
    ),
]
"""`--model M`, required by the verbs that take it."""


def weights(model: str, console: Console) -> Path:
    """The weights file that `--model` means, and a word on which run it is where only a model was named."""
    fetch([model], console)
    names = tuple(registry.plugins())
    path = find.find_weights(model, names)
    if model in names and not Path(model).exists():
        newer = find.newest_run(model, stopped_early=True)
        early = f" ({newer} is newer, but {folders.STOPPED_EARLY})" if newer and newer not in path.parents else ""
        console.note(f"{model}: {path.parent}{early}")
    elif path == examples.DEMO:
        console.note(f"{model}: a small CycleGAN that comes with gantool, for emoji and other small drawings")
    return path


def fetch(words: Sequence[str], console: Console, *, state: bool = False) -> None:
    """Fetches the runs among these words that a person has typed as hf://USER/NAME, unless the hub's cache has them.

    With `state` what further training needs comes along.
    """
    for word in filter(remote.is_remote, words):
        if remote.cached(word) is None:
            from gantool.hub.pulling import Request, plan, start

            only = (folders.WEIGHTS, folders.STATE) if state else (folders.WEIGHTS,)
            start(plan(Request(name=word, only=only)), console)
