"""An evaluation as a run's log keeps it: its figures, and a hash of what they must have in common to be compared."""

from __future__ import annotations

import json
import math
from hashlib import blake2b
from typing import Any

from gantool.evaluation.domains import Tasks
from gantool.evaluation.report import Evaluation, better
from gantool.report.measures import Measured

_OF_ONE = ("model", "versions", "device", "path", "inputs", "real", "references")
"""What a protocol says of one save, of the machine, or of where pictures lie. Hashes say what they are."""


def measured(found: Evaluation | Tasks, on: str, pictures: object, by: str = "") -> Measured:
    """The figures of a save. Those of several directions, or ways to choose styles, are their mean.

    `on` names the pictures for a person, and `pictures` tells them from others as far as the protocol does not: any
    value of JSON. `by` is the metric that decides, of a validation.
    """
    metrics = {name: value for name, value in figures(found).items() if not name.startswith("swd_")}
    told = {name: way for name in metrics if (way := better(name)) is not None}
    tables = [found.protocol, *([task.protocol for task in found.tasks] if isinstance(found, Tasks) else [])]
    common = json.dumps([pictures, *map(_common, tables)], sort_keys=True)
    finite = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
    return Measured(
        finite, told, on, blake2b(common.encode("utf-8", "replace"), digest_size=8).hexdigest(), by, found.notes
    )


def figures(found: Evaluation | Tasks) -> dict[str, float]:
    """The metrics; of several means their mean."""
    if isinstance(found, Evaluation):
        return found.metrics
    first, *others = (task.metrics for task in found.means)
    shared = [name for name in first if all(name in other for other in others)]
    return {name: math.fsum(task.metrics[name] for task in found.means) / len(found.means) for name in shared}


def _common(table: dict[str, Any]) -> dict[str, Any]:
    """A protocol without what is of one save."""
    found = {}
    for name, value in table.items():
        if name == "fake" and isinstance(value, dict):
            value = {key: inner for key, inner in value.items() if key != "blake2b"}
        if isinstance(value, dict) and name != "model":
            found[name] = _common(value)
        elif name not in _OF_ONE:
            found[name] = value
    return found
