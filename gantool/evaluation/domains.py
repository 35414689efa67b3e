"""A model of many domains measured on every ordered pair of them, as StarGAN v2 is (Choi et al. 2020, section 4.1)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantool import direction
from gantool.errors import CheckpointError, DataError, UsageError
from gantool.evaluation.compare import NOBODY, compare
from gantool.evaluation.folders import Folder
from gantool.evaluation.judges import Judges
from gantool.evaluation.pictures import Progress, silent
from gantool.evaluation.translations import STYLES, translations
from gantool.evaluation.variety import Variety
from gantool.inference.codes import seed_of
from gantool.inference.engine import Engine
from gantool.model import Model
from gantool.pictures.file import as_channels, encode
from gantool.pictures.find import find_pictures
from gantool.runs import checkpoint


@dataclass(frozen=True)
class Task:
    """One direction, measured in one way of choosing styles."""

    guided: str
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
    """What the reader of the figures should know, a sentence each."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "mean": {task.guided or "all": task.metrics for task in self.means},
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
    judges: Judges = NOBODY,
    size: int | None = None,
    seed: int = 0,
    device: torch.device | None = None,
    progress: Progress = silent,
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
    header, network = checkpoint.load_model(weights)
    engine = Engine(network, device or torch.device("cpu"))
    if styles is not None and not engine.styles:
        raise UsageError(f"{header.metadata['model']} has one result for a picture: leave out -n")
    if size is not None and size < 1:
        raise UsageError(f"size is at least 1, not {size}")
    names, directions = network.spec.domains, _directions(weights, header.metadata, network, to)
    folders = {name: _domain(inputs, name) for name in names}
    reals = {name: _domain(real or inputs, name) for name in names}
    count = (styles or STYLES) if engine.styles else 1
    side = network.sizes.exact or size or network.spec.size
    tasks, measured, notes = [], [], dict[str, None]()
    for guided in _ways(engine, names, folders):
        targets = dict.fromkeys(target for _, target in directions) if guided == "reference" else {}
        references = {target: _references(engine, folders[target], target) for target in targets}
        for source, target in directions:
            say = f"{guided or 'translating'}, {source} to {target}"
            with tempfile.TemporaryDirectory(prefix="gantool-eval-") as temporary:
                variety = Variety(judges, size=None if size is None else (size, size), device=engine.device)
                files = find_pictures(folders[source])
                codes = references.get(target)
                for number, file in enumerate(files):
                    progress(say, number, len(files))
                    drawn = _codes(engine, codes, target, seed, file.relative_to(folders[source]).as_posix(), count)
                    made = translations(engine, engine.read(file, source), source, target, drawn, count, seed, side)
                    if count > 1:
                        variety.add([as_channels(one, one.pixels.shape[2]) for one in made])
                    for k, one in enumerate(made):
                        data = encode(one.pixels, "PNG", alpha=one.alpha)
                        (Path(temporary) / f"{number + 1:04d}_{k + 1:02d}.png").write_bytes(data)
                truth, results = Folder(reals[target]), Folder(Path(temporary))
                found = compare(truth, results, judges=judges, size=size, seed=seed, device=engine.device)
                metrics = {name: value for name, value in found.metrics.items() if not name.startswith("swd_")}
                tasks.append(Task(guided, source, target, metrics | (variety.metrics() if count > 1 else {})))
                measured.append(found.protocol | ({"styles": variety.protocol()} if count > 1 else {}))
                notes |= dict.fromkeys(found.notes)
    sets = ("real", "fake")  # each direction has its own
    shared = _shared([{name: table[name] for name in table if name not in sets} for table in measured])
    for task, protocol in zip(tasks, measured, strict=True):
        task.protocol.update(_without(protocol, shared))
    means = [
        Task(guided, "mean", "mean", _mean([task.metrics for task in tasks if task.guided == guided]))
        for guided in dict.fromkeys(task.guided for task in tasks)
    ]
    protocol = {
        "inputs": str(inputs),
        "real": str(real or inputs),
        "results of each picture": count,
        "references": f"drawn from {inputs}" if any(task.guided == "reference" for task in tasks) else "",
        "translated": f"pictures resized to {side}x{side}, results of 8 bits",
        "mean": f"over the {len(directions)} directions" if len(directions) > 1 else "",
        **shared,
        "model": {key: header.metadata[key] for key in ("model", "step", "sha256")},
    }
    return Tasks(tasks, means, {name: value for name, value in protocol.items() if value != ""}, list(notes))


def _directions(weights: Path, facts: dict[str, Any], network: Model, to: str | None) -> list[tuple[str, str]]:
    """What these weights can do, which may be less than what their model can."""
    names, stored = network.spec.domains, facts.get("directions")
    directions = [(source, target) for source, target in (network.directions() if stored is None else stored)]
    if not directions:
        raise CheckpointError(
            f"{weights} names no directions: these weights cannot tell what a picture is, so that no pair of domains"
            " can be measured. Compare folders: gantool translate --to NAME,NAME, then gantool eval REAL FAKE"
        )
    if to is None:
        return directions
    _, target = direction.resolve(names, to, directions, labels=network.spec.labels)
    if target not in names:
        raise UsageError(f"--to {to} is none of the domains that have a folder: {', '.join(names)}")
    return [pair for pair in directions if pair[1] == target]


def _domain(root: Path, name: str) -> Path:
    if not (root / name).is_dir():
        held = ", ".join(sorted(path.name for path in root.iterdir() if path.is_dir())) if root.is_dir() else "nothing"
        raise DataError(f"{root} has no folder {name}, a domain of these weights: it holds {held}")
    return root / name


def _ways(engine: Engine, names: Sequence[str], folders: dict[str, Path]) -> Iterator[str]:
    """The ways to choose styles that this model has."""
    if not engine.styles:
        yield ""
        return
    yield "latent"
    first = find_pictures(folders[names[0]])[0]
    try:
        engine.encode_style(engine.read(first, names[0]), names[0])
    except UsageError:
        return
    yield "reference"


def _references(engine: Engine, folder: Path, domain: str) -> Tensor:
    """The style codes (M, S) of all pictures of a folder."""
    return torch.cat([engine.encode_style(engine.read(file, domain), domain) for file in find_pictures(folder)])


def _codes(
    engine: Engine, references: Tensor | None, target: str, seed: int, relative: str, count: int
) -> Tensor | None:
    if not engine.styles:
        return None
    if references is None:
        return torch.cat([engine.random_style(target, seed_of(seed, relative, k)) for k in range(count)])
    rng = np.random.default_rng(seed_of(seed, relative))
    chosen = rng.choice(len(references), count, replace=len(references) < count)
    return references[torch.from_numpy(chosen)]


def _shared(tables: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What is the same in all of them, within tables of tables, too."""
    first, *others = tables
    found = {}
    for name, value in first.items():
        if isinstance(value, dict):
            value = _shared([table[name] for table in tables])
        elif any(table.get(name) != value for table in others):
            continue
        if value != {}:
            found[name] = value
    return found


def _without(table: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """What `shared` leaves of it."""
    found = {}
    for name, value in table.items():
        if isinstance(value, dict):
            value = _without(value, shared.get(name, {}))
            if not value:
                continue
        elif name in shared:
            continue
        found[name] = value
    return found


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0] if all(name in row for row in rows)}
