"""The best save of a run, as its validations found it. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantool.report import runlog
from gantool.report.measures import standing
from gantool.report.text import figure
from gantool.runs import folders


@dataclass(frozen=True)
class Best:
    """A best save."""

    save: Path
    """`RUN/best`."""
    step: int
    metric: str = ""
    """The metric that decided; empty where the log does not say."""
    value: float | None = None
    better: str = ""
    """"higher" or "lower"."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: `save`, `step`, and by the metric's name its value, with `better`."""
        found: dict[str, Any] = {"save": str(self.save), "step": self.step}
        return {**found, self.metric: self.value, "better": self.better} if self.metric else found

    @property
    def words(self) -> str:
        """For a person: "step 400 by swd 0.021, lower is better"."""
        if self.value is None:
            return f"step {self.step}"
        return f"step {self.step} by {self.metric} {figure(self.value, digits=4)}, {self.better} is better"


def best_of(run: Path) -> Best | None:
    """The best save of a run folder; None where no validation found one."""
    save = folders.best(run)
    if save is None:
        return None
    there = int(save.name)
    now = standing(runlog.read(run / folders.LOG, having="measured"), there={there})
    if now is None:
        return Best(run / folders.BEST, there)
    return Best(run / folders.BEST, there, now.metric, now.value, now.better)
