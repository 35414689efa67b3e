"""What `gantool eval` says of what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantool.report.console import Console

if TYPE_CHECKING:
    from gantool.evaluation.domains import Tasks
    from gantool.evaluation.report import Evaluation


def show(found: Evaluation, console: Console) -> None:
    """The metrics, those of each class, and how they were measured."""
    if found.intervals:
        rows = [[*row[:2], cell, row[2]] for row, cell in zip(found.rows(), found.interval_cells(), strict=True)]
        console.table("", ["metric", "value", "95 %", "how to read it"], rows)
    else:
        console.table("", ["metric", "value", "how to read it"], found.rows())
    if found.classes:
        console.table("by class", *found.class_rows())
    console.table("how it was measured", ["what", "value"], found.protocol_rows())
    for note in found.notes:
        console.note(f"note: {note}")


def show_directions(tasks: Tasks, console: Console) -> None:
    """A row for each direction of a model of many domains, and how they were measured."""
    from gantool.evaluation.report import flat

    measured = list(tasks.means[0].metrics)
    counts = [list(found.counts) for found in tasks.evaluations] + [["", ""] for _ in tasks.means]
    rows = [
        [task.styles, task.source, task.target, *pictures, *(task.metrics[name] for name in measured)]
        for task, pictures in zip((*tasks.tasks, *tasks.means), counts, strict=True)
    ]
    console.table("", ["styles", "source", "target", "real", "fake", *measured], rows)
    console.table("how it was measured", ["what", "value"], flat("", tasks.protocol))
    for note in tasks.notes:
        console.note(f"note: {note}")
