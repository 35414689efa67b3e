"""A model of many domains measured on every ordered pair of them, as StarGAN v2 is (Choi et al. 2020, section 4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gantool import direction
from gantool.errors import CheckpointError, DataError, UsageError, argument
from gantool.evaluation.accuracy import accuracy
from gantool.evaluation.consistency import consistency
from gantool.evaluation.folders import Folder, inputs_in
from gantool.evaluation.how import How
from gantool.evaluation.judge import expected
from gantool.evaluation.kept import Kept, References, translations
from gantool.evaluation.measure import PLAIN, measure
from gantool.evaluation.pictures import Progress, silent
from gantool.evaluation.report import Evaluation, shared, without
from gantool.evaluation.request import results_of_each
from gantool.evaluation.to_inputs import check_counts
from gantool.evaluation.variety import Variety
from gantool.inference.engine import Engine
from gantool.pictures.find import subfolders
from gantool.runs.checkpoint import load_model
from gantool.spec import Direction, Facts
from gantool.translation.inputs import Source


@dataclass(frozen=True)
class Task:
    """One direction, measured in one way of choosing styles."""

    styles: str
    """latent (styles drawn), reference (styles of pictures of the target domain), or "" for a model without styles."""
    source: str
    target: str
    metrics: dict[str, float]
    """By the names of `gantool.evaluation.report.Evaluation`; means over all tasks stand under "mean"."""
    protocol: dict[str, Any] = field(default_factory=dict)
    """Where the direction was measured otherwise than all: counts, hashes."""


@dataclass(frozen=True)
class Tasks:
    """All directions of a model, and how they were measured."""

    tasks: list[Task]
    means: list[Task]
    """One for each way of choosing styles: source and target are "mean"."""
    protocol: dict[str, Any]
    notes: list[str]
    """Warnings for the reader of the figures, a sentence each."""
    evaluations: list[Evaluation]
    """Those of the tasks, with all that intervals need."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "mean": {task.styles or "all": task.metrics for task in self.means},
            "tasks": [vars(task) for task in self.tasks],
            "protocol": self.protocol,
            "notes": self.notes,
        }


def compare_domains(
    weights: Path,
    inputs: Path,
    real: Path | None = None,
    *,
    to: str | None = None,
    styles: int | None = None,
    how: How = PLAIN,
) -> Tasks:
    """Every picture of every domain of `inputs` into every other one (with `to` only into that domain), against the
    pictures of that domain in `real`.

    Both folders hold a folder for each domain of the model, by its name; `real` None means `inputs` (the reference
    takes validation pictures as inputs and training pictures as real ones). A model with styles gets `styles` results
    for each picture (None: 10), once in drawn styles and, where it can, once in those of pictures of the target domain
    in `inputs`: all of them are measured. As in the reference pictures are squeezed to squares before they are
    translated: of side `size`, or that of training. Raises DataError for a domain without a folder, CheckpointError for
    the weights, also for those that know no direction, and UsageError for `to` or for styles of a model that has none.
    """
    facts, network = load_model(weights)
    engine = Engine(network, how.device, how.precision, can=facts.can)
    count = results_of_each(facts, styles)
    directions = _directions(weights, facts, to)
    given = _held(inputs, facts, how)
    reals = given if real is None or real == inputs else _held(real, facts, how)
    for way in directions:
        many = len(given[way.source].files)
        check_counts(how, len(reals[way.target].files), many, many * count, f"{way.source} to {way.target}")
    side = facts.sizes.exact or how.size or facts.spec.size
    classes = {} if how.judges.judge is None else expected(how.judges.judge, [way.target for way in directions])
    setting = _Setting(facts, engine, count, side, classes, replace(how, progress=silent))
    found: list[tuple[str, Direction, Evaluation]] = []
    ways_of_styles = _ways(engine)
    translated, total = 0, len(ways_of_styles) * sum(len(given[way.source].files) for way in directions)
    for chosen in ways_of_styles:
        references = {
            target: _references(engine, given[target].files, target, how.seed, count)
            for target in dict.fromkeys(way.target for way in directions if chosen == "reference")
        }
        for way in directions:
            part = f"{chosen}, {way.source} to {way.target}".removeprefix(", ")
            said = partial(_told, how.progress, translated, total, part)
            sources, truth = given[way.source], reals[way.target]
            found.append((chosen, way, _measured(setting, way, sources, truth, references.get(way.target), said)))
            translated += len(sources.files)
    protocol = {
        "inputs": str(inputs),
        "real": str(real or inputs),
        "results of each picture": count,
        "references": f"drawn from {inputs}" if "reference" in ways_of_styles else "",
        "translated": f"pictures resized to {side}x{side}, results of 8 bits",
        "mean": f"over the {len(directions)} directions" if len(directions) > 1 else "",
    }
    return _tasks(found, {name: value for name, value in protocol.items() if value != ""}, facts)


@dataclass(frozen=True)
class _Held:
    """The pictures of a domain, and their folder."""

    root: Path
    files: Sequence[Path]


@dataclass(frozen=True)
class _Setting:
    """What the measurements of all directions share."""

    facts: Facts
    engine: Engine
    count: int
    """Results of each picture."""
    side: int
    """Of the squares that are translated."""
    classes: Mapping[str, int]
    """Of the judge, for each domain that is a target; empty without a judge."""
    how: How


def _measured(
    setting: _Setting,
    way: Direction,
    given: _Held,
    real: _Held,
    references: References | None,
    progress: Progress,
) -> Evaluation:
    """One direction: translates the given pictures, and measures all results against the real ones of the target."""
    engine, count, size, how = setting.engine, setting.count, (setting.side, setting.side), setting.how
    sources = [Source(file, file.relative_to(given.root).as_posix()) for file in given.files]
    variety = Variety(how) if count > 1 else None
    with Kept() as fakes:
        translations(
            engine,
            sources,
            way,
            count=count,
            kept=fakes,
            every=True,
            variety=variety,
            references=references,
            size=size,
            seed=how.seed,
            progress=progress,
        )
        truth = Folder(real.root, real.files)
        made_of = inputs_in(given.root, given.files) if how.kid_source else None
        found = replace(measure(truth, fakes, inputs=made_of, how=how), together=count)
        if how.judges.judge is not None:
            asked = [way.target] * len(truth), [way.target] * len(fakes)
            found.add(accuracy(how.judges.judge, truth, fakes, asked, {way.target: setting.classes[way.target]}, how))
        if how.consistency:
            back = Direction(way.target, way.source) in setting.facts.directions
            found.add(consistency(engine, way, back, sources, truth.files, fakes, size, how))
    if variety is not None:
        found.add(variety.part())
    return found


def _tasks(found: Sequence[tuple[str, Direction, Evaluation]], protocol: Mapping[str, Any], facts: Facts) -> Tasks:
    """The directions side by side, and their means: `found` holds how styles were chosen, direction and measurement."""
    evaluations = [one for _, _, one in found]
    sets = ("real", "fake")  # each direction has its own
    common = shared([{name: one.protocol[name] for name in one.protocol if name not in sets} for one in evaluations])
    tasks = []
    for chosen, way, one in found:
        metrics = {name: value for name, value in one.metrics.items() if not name.startswith("swd_")}
        tasks.append(Task(chosen, way.source, way.target, metrics, without(one.protocol, common)))
    means = [
        Task(chosen, "mean", "mean", _mean([task.metrics for task in tasks if task.styles == chosen]))
        for chosen in dict.fromkeys(task.styles for task in tasks)
    ]
    of = {"model": facts.model, "step": facts.step, "sha256": facts.sha256}
    notes = dict.fromkeys(note for one in evaluations for note in one.notes)
    said = {name: value for name, value in common.items() if value != ""}
    return Tasks(tasks, means, {**protocol, **said, "model": of}, list(notes), evaluations)


def _told(progress: Progress, before: int, total: int, part: str, stage: str, done: int, *_: object) -> None:
    """Tells of one direction's pictures as of a part of all."""
    progress(stage, before + done, total, part)


def _directions(weights: Path, facts: Facts, to: str | None) -> tuple[Direction, ...]:
    """Those of the weights, which may be less than what their model can."""
    if not facts.directions:
        translate = f"gantool translate {argument('to', 'NAME,NAME')}, then gantool eval REAL FAKE"
        raise CheckpointError(
            f"{weights} names no directions: these weights cannot tell what a picture is, so that no pair of domains"
            f" can be measured. Compare folders: {translate}"
        )
    if to is None:
        return facts.directions
    target = direction.resolve(facts, to).target
    if target not in facts.spec.domains:
        known = ", ".join(facts.spec.domains)
        raise UsageError(f"{argument('to', to)} is none of the domains that have a folder: {known}")
    return tuple(way for way in facts.directions if way.target == target)


def _held(root: Path, facts: Facts, how: How) -> dict[str, _Held]:
    """The pictures of every domain of the model."""
    folders = {name: _domain(root, name) for name in facts.spec.domains}
    return {name: _Held(folder, how.find(folder)) for name, folder in folders.items()}


def _domain(root: Path, name: str) -> Path:
    if not (root / name).is_dir():
        held = ", ".join(path.name for path in subfolders(root)) if root.is_dir() else "nothing"
        raise DataError(f"{root} has no folder {name}, a domain of these weights: it holds {held}")
    return root / name


def _ways(engine: Engine) -> tuple[str, ...]:
    """The ways to choose styles that this model has."""
    if "code" not in engine.can:
        return ("",)
    return ("latent", "reference") if "encode" in engine.can else ("latent",)


def _references(engine: Engine, files: Sequence[Path], domain: str, seed: int, count: int) -> References:
    """The styles of all these pictures of a domain."""
    codes = [engine.encode(engine.read(file, domain, for_style=True), domain) for file in files]
    return References(torch.cat(codes), seed, count)


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0] if all(name in row for row in rows)}
