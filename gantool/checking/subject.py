"""What the checks look at: a plugin, the plan of a small run of it, that run, and what it left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

from gantool import api, direction
from gantool.checking.practice import Practice, practise
from gantool.contract import data_of
from gantool.errors import UsageError
from gantool.model import Data, Model
from gantool.options import read_yaml, restore
from gantool.registry import Plugin
from gantool.runs import folders
from gantool.spec import Direction, Facts
from gantool.training import request
from gantool.training.request import Plan

SMOKE = "smoke"
"""The preset that every check uses."""
STEPS = 4
"""Of the run; there is a save in the middle of it, too."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A plugin, and what checks need of it, made when it is first asked for. No check changes anything of it."""

    entry: Plugin
    pictures: Callable[[Data], Sequence[Path]]
    """Training pictures for a model with such data."""
    folder: Path
    """Its own: checks write there, each under a name of its own."""
    made: Path | None = None
    """A run as `short_run` makes it, if there is one already."""
    printed: StringIO = field(default_factory=StringIO)
    """What the plugin wrote to the standard output during earlier checks."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.entry.name

    @cached_property
    def kind(self) -> type[Model[Any]]:
        """The model. Raises CheckpointError for a plugin that cannot be used."""
        return self.entry.load()

    def plan(self, preset: str) -> Plan:
        """The plan of a run with this preset. Raises UsageError for one that is wrong."""
        presets = self.entry.presets()
        if preset not in presets:
            raise UsageError(f"there is no preset {preset}: {self.entry.module} needs presets/{preset}.yaml")
        values = read_yaml(presets[preset]).get("options", {})
        data = data_of(self.kind, restore(self.kind.Options, values, where=self.name))
        words = request.Request(
            model=self.name, data=tuple(self.pictures(data)), out=self.folder / "planned", preset=preset
        )
        return request.plan(words)

    @cached_property
    def smoke(self) -> Plan:
        """The plan of a run with the preset `smoke`."""
        return self.plan(SMOKE)

    @cached_property
    def practice(self) -> Practice:
        """Some training steps, looked at closely."""
        return practise(self.smoke)

    @cached_property
    def run(self) -> Path:
        """A run of four steps with the preset `smoke`, and a save after two of them."""
        return self.made or short_run(self.name, self.smoke.paths, self.folder / "run")

    @property
    def weights(self) -> Path:
        """The run's last weights file."""
        return folders.saves(self.run)[-1] / folders.WEIGHTS

    @cached_property
    def translator(self) -> api.Trained:
        """The run's model, ready to translate."""
        return api.load(self.run, device="cpu")


def short_run(name: str, data: Sequence[Path], out: Path) -> Path:
    """Trains for four steps with the preset `smoke` on the CPU, where resuming is exact. Returns `out`."""
    half = STEPS // 2
    return api.train(
        name,
        data,
        out=out,
        preset=SMOKE,
        steps=STEPS,
        save_every=half,
        sample_every=half,
        keep=0,
        workers=0,
        device="cpu",
    )


def ways(facts: Facts) -> list[Direction]:
    """A direction to every target. Weights with attributes that cannot tell what a picture has get an example."""
    targets = list(dict.fromkeys(way.target for way in facts.directions)) or [",".join(facts.spec.domains[:2])]
    return [direction.resolve(facts, target) for target in targets]
