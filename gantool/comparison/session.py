"""Measures all candidates on the same pictures, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gantool.comparison.columns import main_columns
from gantool.comparison.found import Comparison, Measured, rows
from gantool.comparison.lines import Line, lines
from gantool.comparison.request import Candidate, Plan, about
from gantool.comparison.shelf import Place, Shelf, Shown
from gantool.evaluation.domains import compare_domains
from gantool.evaluation.folders import Folder, compare_sets
from gantool.evaluation.how import How
from gantool.evaluation.judges import load_judges
from gantool.evaluation.measure import measure
from gantool.evaluation.pictures import Progress, silent
from gantool.evaluation.report import Evaluation, shared, without
from gantool.evaluation.request import results_of_each
from gantool.evaluation.resampling import few, replicates
from gantool.evaluation.samples import compare_samples
from gantool.evaluation.subsets import subsets_of
from gantool.evaluation.translations import compare_translations
from gantool.inference.devices import choose
from gantool.pictures.find import Listings


@dataclass(frozen=True)
class Result:
    """A comparison, and the pictures for its page."""

    found: Comparison
    lines: Sequence[Line]


def start(plan: Plan, progress: Progress = silent) -> Result:
    """Raises the errors of `gantool.errors`; those that are about one model begin with its name."""
    request = plan.request
    how = How(
        judges=load_judges(
            inception=request.inception,
            lpips=request.lpips,
            classifier=request.classifier,
            judge=request.judge,
            expect=request.expect,
            labels=request.labels,
        ),
        kid=subsets_of(request.kid) if request.kid else None,
        kid_source=request.kid_source,
        consistency=request.consistency,
        size=request.size,
        seed=request.seed,
        device=choose(request.device),
        recounted=request.resamples > 0,
        find=Listings().pictures,
    )
    # One folder for all, so that its pictures are found once. Pictures of noise are measured against real ones that are
    # prepared as their model learned them, and folders against those of the first model: models come first.
    reals = Folder(request.pictures[1], how.find(request.pictures[1])) if plan.way == "two" else None
    taken: dict[str, list[tuple[Measured, Mapping[Place, Shown]]]] = {}
    for one in sorted(plan.candidates, key=lambda candidate: candidate.weights is None):

        def told(
            stage: str, done: int, total: int, part: str = "", name: str = one.name, number: int = 1 + len(taken)
        ) -> None:
            progress(f"{number} of {len(plan.candidates)}: {name}: {stage}", done, total, part)

        together = results_of_each(one.facts, one.n) if plan.way == "many" and one.facts else 1
        shelf = Shelf(request.shown if request.out else 0, together)
        with about(one.name):
            taken[one.name] = list(_measured(plan, one, reals, replace(how, progress=told, look=shelf.look), shelf))
        if reals is None and isinstance(shelf.reals, Folder):
            reals = shelf.reals
    ordered = [each for one in plan.candidates for each in taken[one.name]]
    shown = {measured.name: pictures for measured, pictures in ordered}
    return Result(
        _comparison(plan, [measured for measured, _ in ordered]),
        lines(plan, shown, reals) if request.out else (),
    )


def _measured(
    plan: Plan, one: Candidate, reals: Folder | None, how: How, shelf: Shelf
) -> Iterator[tuple[Measured, Mapping[Place, Shown]]]:
    """A candidate's rows of the table, each with its pictures: one, or one for each way of choosing styles."""
    times, source = plan.request.resamples, str(one.weights or one.word)
    if plan.way != "many":
        found = _once(plan, one, reals, how)
        drawn = _drawn(found, times, how)
        notes = [*found.notes, *(few(found) if times else [])]
        yield Measured(one.name, source, found.metrics, drawn, found.protocol, notes), shelf.pictures([("", "")])
        return
    assert one.weights is not None
    inputs, real = plan.request.pictures[0], plan.request.pictures[-1]
    tasks = compare_domains(one.weights, inputs, real, to=plan.request.to, styles=one.n, how=how)
    for mean in tasks.means:
        places = [place for place, task in enumerate(tasks.tasks) if task.styles == mean.styles]
        ways = [(tasks.tasks[place].source, tasks.tasks[place].target) for place in places]
        drawn = _mean([_drawn(tasks.evaluations[place], times, how) for place in places])
        fewest = min((tasks.evaluations[place] for place in places), key=lambda found: min(found.counts))
        notes = [*tasks.notes, *(few(fewest) if times else [])]
        name = one.name if len(tasks.means) == 1 else f"{one.name}, {mean.styles}"
        yield (
            Measured(name, source, mean.metrics, drawn, tasks.protocol, notes),
            shelf.pictures(ways, places[0]),
        )


def _once(plan: Plan, one: Candidate, reals: Folder | None, how: How) -> Evaluation:
    """A candidate that has one direction, or none."""
    request = plan.request
    if one.weights is None:
        assert reals is not None
        fakes = Folder(Path(one.word), one.files or None)
        if plan.way == "two":
            kept = how.consistency or how.kid_source
            inputs = Folder(request.pictures[0], plan.inputs) if kept else None
            return compare_sets(reals, fakes, inputs=inputs, how=how)
        found = measure(reals, fakes, how=how)
        found.protocol["fake"] |= {"path": one.word, **fakes.described()}
        return found
    if plan.way == "noise":
        return compare_samples(
            one.weights, request.pictures, n=one.n, to=request.to, truncation=request.truncation, how=how
        )
    return compare_translations(
        one.weights, request.pictures[0], reals or request.pictures[1], to=request.to, styles=one.n, how=how
    )


def _drawn(found: Evaluation, times: int, how: How) -> dict[str, NDArray[np.float64]]:
    return replicates(found, times=times, seed=how.seed, progress=how.progress) if times else {}


def _mean(each: Sequence[Mapping[str, NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
    """The replicates of a mean over directions, of the metrics that all of them have."""
    return {name: np.mean([one[name] for one in each], axis=0) for name in each[0] if all(name in one for one in each)}


def _comparison(plan: Plan, measured: Sequence[Measured]) -> Comparison:
    common = shared([one.protocol for one in measured])
    columns = plan.request.metrics or main_columns(name for one in measured for name in one.metrics)
    of_all = [note for note in measured[0].notes if all(note in one.notes for one in measured)]
    own = [f"{one.name}: {note}" for one in measured for note in one.notes if note not in of_all]
    own += [f"{name} was not measured" for name in columns if not any(name in one.metrics for one in measured)]
    return Comparison(
        plan.data,
        tuple(columns),
        rows(measured, [without(one.protocol, common) for one in measured]),
        plan.request.resamples,
        common,
        (*of_all, *own),
    )
