"""The columns of a table: which metrics there are, what they need, how heads are written. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from gantool.errors import UsageError, argument, did_you_mean
from gantool.evaluation.files import NEEDS
from gantool.evaluation.report import is_main, known, metric

ARROWS = {"higher": "↑", "lower": "↓", None: ""}


def check_columns(metrics: Sequence[str], files: Collection[str]) -> None:
    """Raises UsageError for an unknown metric, one that is named twice, and one for which a file is missing."""
    for place, name in enumerate(metrics):
        if name not in known():
            hint = did_you_mean(name, known()) or f"They are {', '.join(known())}"
            raise UsageError(f"{argument('metrics', name)}: there is no such metric. {hint}")
        if name in metrics[:place]:
            raise UsageError(f"{argument('metrics')} names {name} twice")
        needs = NEEDS.get(name, ())
        if needs and not any(file in files for file in needs):
            raise UsageError(f"{name} needs {' or '.join(argument(file, 'FILE') for file in needs)}")


def main_columns(measured: Iterable[str]) -> tuple[str, ...]:
    """Those of a table for which none were chosen: the metrics that stand for themselves, in the order of eval."""
    there = set(measured)
    return tuple(name for name in known() if name in there and is_main(name))


def heading(name: str) -> str:
    """The head of a metric's column, with its unit."""
    how = metric(name)
    label = name if how.label.startswith(" ") else how.label  # a row below another one has no name of its own
    return f"{label} ({how.unit})" if how.unit else label
