"""Weights & Biases: a run of the project `gantool`, or of the one that WANDB_PROJECT names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantool.runs import outcome
from gantool.trackers.tracker import PROJECT, About


class Wandb:
    """A run of wandb's. Steps have an axis of their own: wandb's own one cannot go back, as a continued run may."""

    def __init__(self, run: Any) -> None:
        self.key = str(run.id)
        self._run = run
        run.define_metric("*", step_metric="step")

    def figures(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({**values, "step": step})

    def picture(self, step: int, file: Path) -> None:
        import wandb

        self._run.log({"samples": wandb.Image(str(file)), "step": step})

    def end(self, state: str) -> None:
        self._run.finish(exit_code=1 if state == outcome.FAILED else 0)


def begin(about: About) -> Wandb:
    """Begins a run, or continues the one of this key."""
    import wandb

    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        dir=str(about.folder),
        id=about.key or None,
        resume="allow" if about.key else None,
        name=about.name,
        config=dict(about.options),
        allow_val_change=True,
        settings=wandb.Settings(console="off", silent=True),
    )
    return Wandb(run)
