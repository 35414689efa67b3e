"""What `gantool eval` shows: tables for a person, JSON for a program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gantool.report.text import to_json

if TYPE_CHECKING:
    from gantool.evaluation.domains import Tasks
    from gantool.evaluation.how import How
    from gantool.evaluation.report import Evaluation
    from gantool.evaluation.request import Request
    from gantool.report.console import Console


def show(found: Evaluation, console: Console) -> None:
    """One set of pictures against another."""
    if console.json:
        console.result(to_json(replace(found, notes=[console.words(note) for note in found.notes]).as_dict()))
        return
    if found.intervals:
        rows = [[*row[:2], cell, row[2]] for row, cell in zip(found.rows(), found.interval_cells(), strict=True)]
        console.table(_sets(found), ["metric", "value", "95 %", "how to read it"], rows)
    else:
        console.table(_sets(found), ["metric", "value", "how to read it"], found.rows())
    if found.classes:
        console.table("by class", *found.class_rows())
    console.table("how it was measured", ["what", "value"], found.protocol_rows())
    for note in found.notes:
        console.note(f"note: {note}")


def _sets(found: Evaluation) -> str:
    """Which pictures are the real ones: to name the folders in the wrong order is an easy mistake."""
    told = []
    for name in ("real", "fake"):
        described = found.protocol[name]
        told.append(f"{name}: {described.get('path', 'pictures of noise')} ({described['pictures']})")
    return ", ".join(told)


def show_tasks(found: Tasks, console: Console) -> None:
    """All directions of a model of many domains, and their means."""
    from gantool.evaluation.report import flat

    if console.json:
        console.result(to_json(replace(found, notes=[console.words(note) for note in found.notes]).as_dict()))
        return
    names = list(found.means[0].metrics)
    counts = [list(one.counts) for one in found.evaluations] + [["", ""] for _ in found.means]
    rows = [
        [task.styles, task.source, task.target, *pictures, *(task.metrics[name] for name in names)]
        for task, pictures in zip((*found.tasks, *found.means), counts, strict=True)
    ]
    console.table("", ["styles", "source", "target", "real", "fake", *names], rows)
    console.table("how it was measured", ["what", "value"], flat("", found.protocol))
    for note in found.notes:
        console.note(f"note: {note}")


def show_saves(run: Path, request: Request, how: How, console: Console) -> None:
    """Measures all saves of a run and shows them, a row a save. Raises Exit with code 1 where some failed."""
    from gantool.errors import GantoolError
    from gantool.evaluation.report import flat, shown
    from gantool.evaluation.saves import best_of, measure_saves
    from gantool.report.progress import stages

    failed: list[GantoolError] = []
    with stages(replace(console, json=False)) as progress:
        saves = measure_saves(run, request, replace(how, progress=progress), failed.append)
    for error in failed:
        console.warn(error.text, grave=True)
    best = best_of(saves)
    if console.json:
        listed = [
            {
                "step": save.step,
                "save": save.folder,
                "best": [name for name, step in best.items() if step == save.step],
                "metrics": save.figures.metrics,
                "protocol": save.protocol,
                "notes": [console.words(note) for note in save.figures.notes],
            }
            for save in saves
        ]
        console.result(to_json(listed))
    names = list(saves[0].figures.metrics)
    rows = []
    for save in saves:
        values = {name: save.figures.metrics.get(name) for name in names}
        cells = [
            "" if value is None else shown(name, value) + (" *" if best.get(name) == save.step else "")
            for name, value in values.items()
        ]
        rows.append([save.step, *cells])
    console.table("", ["step", *names], rows)
    common = {name: value for name, value in saves[0].protocol.items() if name != "model"}
    console.table("how it was measured", ["what", "value"], flat("", common))
    console.note("* the best of its column")
    for note in dict.fromkeys(note for save in saves for note in save.figures.notes):
        console.note(f"note: {note}")
    if failed:
        raise typer.Exit(1)
