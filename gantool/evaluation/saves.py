"""All saves of a run measured alike: which is best by each metric, for a person, the run's log and its gallery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gantool.errors import DataError, GantoolError
from gantool.evaluation.any_model import compare_model
from gantool.evaluation.figures import measured
from gantool.evaluation.how import How
from gantool.evaluation.pictures import silent
from gantool.evaluation.request import Request
from gantool.report.gallery import renew_metrics
from gantool.report.measures import Measured, best_step
from gantool.report.runlog import RunLog
from gantool.runs import folders


@dataclass(frozen=True)
class Save:
    """A save, and what was measured of it."""

    step: int
    folder: Path
    figures: Measured
    protocol: dict[str, Any]


def measure_saves(run: Path, request: Request, how: How, failed: Callable[[GantoolError], None]) -> list[Save]:
    """Measures every save of a run on the folders of a request, and writes the figures into the run's log and gallery.

    `failed` is told of each save that cannot be measured (the others are), and of a run that cannot be written to.
    Raises the error of the last save where none could be measured.
    """
    saves, log = folders.saves(run), RunLog(run / folders.LOG)
    on = " and ".join(map(str, request.folders)) + (f", to {request.to}" if request.to else "")
    pictures = [str(folder.resolve()) for folder in request.folders]
    found: list[Save] = []
    for number, save in enumerate(saves):
        how.progress("saves", number, len(saves))
        try:
            evaluation = compare_model(replace(request, weights=save / folders.WEIGHTS), replace(how, progress=silent))
        except GantoolError as error:
            if save is saves[-1] and not found:
                raise
            failed(error)
            continue
        found.append(Save(int(save.name), save, measured(evaluation, on, pictures), evaluation.protocol))
    how.progress("saves", len(saves), len(saves))
    try:
        for one in found:
            log.append(one.step, {}, measured=one.figures.as_record())
        renew_metrics(run)
    except (OSError, GantoolError) as error:
        failed(DataError(f"the figures are not kept in {run}: {error}"))
    return found


def best_of(saves: Sequence[Save]) -> dict[str, int]:
    """The step of the best save by each metric that tells good ones from bad ones."""
    found = {}
    for name, better in saves[0].figures.better.items():
        step = best_step({save.step: save.figures.metrics.get(name) for save in saves}, better)
        if step is not None:
            found[name] = step
    return found
