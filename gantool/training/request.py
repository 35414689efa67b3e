"""From what a person said to what will be done: a run's settings, options, data and folder, each with its source."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gantool import options as opt
from gantool import registry
from gantool.data.dataset import Domain
from gantool.data.transforms import Preparation
from gantool.errors import CheckpointError, DataError, UsageError
from gantool.files import reason, write_atomically
from gantool.model import ImageSpec, Model
from gantool.options import Setting
from gantool.runs import folders
from gantool.runs.header import read_weights_header
from gantool.training.settings import CHANGEABLE, TrainSettings
from gantool.version import __version__

_FACTS = ("model", "data", "facts", "options", "summary")


@dataclass(frozen=True)
class Request:
    """What a person asked for, before anything is checked. `flags` holds only what was given."""

    model: str | None
    data: tuple[Path, ...] = ()
    out: Path | None = None
    preset: str | None = None
    config: Path | None = None
    resume: str | None = None
    start_from: str | None = None
    flags: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    set: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A run, decided."""

    name: str
    kind: type[Model]
    data: tuple[Path, ...]
    domains: tuple[Domain, ...]
    spec: ImageSpec
    preparation: Preparation
    settings: TrainSettings
    options: Any
    sources: Mapping[str, Setting]
    """Every value with where it came from; options as `options.NAME`."""
    folder: Path
    saves: tuple[Path, ...]
    """Saves to continue from, the newest first; empty for a new run."""
    start_from: Path | None
    began: Mapping[str, Any]
    """The facts that a run to be continued was begun with, from its run.yaml."""
    licence: str | None
    """That of the weights that the run begins with, if they have one: it holds for what is made of them."""

    def total_steps(self, items: int, world: int) -> int:
        """Steps of the run, for a data set of so many items an epoch and so many processes."""
        if self.settings.steps is not None:
            return self.settings.steps
        epochs = self.settings.epochs if self.settings.epochs is not None else self.kind.default_epochs(self.options)
        if epochs is None:
            return self.kind.default_steps(self.options)
        return max(1, math.ceil(epochs * items / (self.settings.batch * self.settings.accumulate * world)))

    def as_yaml(self, world: int) -> dict[str, Any]:
        """What `run.yaml` holds: `gantool train --config run.yaml` repeats the run."""

        settings = {field.name: getattr(self.settings, field.name) for field in dataclasses.fields(self.settings)}
        return {
            "model": self.name,
            "data": [str(path.resolve()) for path in self.data],
            **{key: value for key, value in settings.items() if value is not None},
            "options": {
                key: list(v) if isinstance(v, tuple) else v for key, v in dataclasses.asdict(self.options).items()
            },
            "facts": {
                "gantool": __version__,
                "processes": world,
                "domains": {domain.name: len(domain.files) for domain in self.domains},
                "pictures": fingerprint(self.domains),
                **({"licence": self.licence} if self.licence else {}),
                "sources": {
                    key: setting.source for key, setting in self.sources.items() if setting.source != "default"
                },
            },
        }


def plan(request: Request) -> Plan:
    """Raises UsageError, DataError or CheckpointError with what is wrong; touches nothing on disk."""
    config = opt.read_yaml(request.config) if request.config else {}
    name = request.model or config.get("model") or _model_of(request.resume)
    if not isinstance(name, str):
        raise UsageError("which model? gantool train MODEL DATA... (installed: " + ", ".join(registry.plugins()) + ")")
    entry = registry.plugin(name)
    kind = entry.load()
    preset = _preset(entry, request.preset) if request.preset else {}
    weights = (
        None if request.start_from is None else folders.find_weights(request.start_from, tuple(registry.plugins()))
    )
    if weights is not None and request.resume is not None:
        raise UsageError("--resume continues a run, --from begins a new one with its weights: give one of them")

    folder, saves = _where(request, name)
    if saves and not (saves[0].parents[1] / folders.SETTINGS).is_file():
        raise CheckpointError(f"{folder} was imported, not trained: begin with its weights, --from {folder} -o ANOTHER")
    stored = opt.read_yaml(saves[0].parents[1] / folders.SETTINGS) if saves else {}
    layers = [(f"preset {request.preset}", preset), (f"--config {request.config}", config)]
    # What is too rare for a flag of its own is set like an option of the model.
    own = {field.name for field in dataclasses.fields(kind.Options)}
    rare = {field.name for field in dataclasses.fields(TrainSettings)} - own
    settings = opt.resolve(
        TrainSettings,
        [
            ("default", {"batch": kind.default_batch}),
            *((source, _exclusive(_without(values, _FACTS))) for source, values in layers),
            *((f"GANTOOL_{key.upper()}", {key: value}) for key, value in _exclusive(_environment()).items()),
            *(("--" + key.replace("_", "-"), {key: value}) for key, value in _exclusive(request.flags).items()),
            ("--set", {key: value for key, value in request.set.items() if key in rare}),
        ],
        where="train",
    )
    # What one of a pair took from its counterpart is nobody's choice.
    settings = {key: s if s.value is not None else Setting(None, "default") for key, s in settings.items()}
    inherited = {} if weights is None else _options_of(weights, name)
    options = opt.resolve(
        kind.Options,
        [
            (f"--from {request.start_from}", inherited),
            *((source, _mapping(values.get("options", {}), source)) for source, values in layers),
            ("--set", {key: value for key, value in request.set.items() if key not in rare}),
        ],
        where=name,
    )
    if stored:
        settings = _continued(settings, _without(stored, _FACTS), TrainSettings, "train", folder)
        options = _continued(options, stored.get("options", {}), kind.Options, name, folder)

    chosen = opt.build(TrainSettings, settings, where="train")
    if chosen.batch < kind.smallest_batch and not stored:
        raise UsageError(
            f"{name} learns from pictures that are in one batch together: --batch is at least {kind.smallest_batch},"
            f" not {chosen.batch} ({settings['batch'].source}); --accumulate does not replace it"
        )
    choices = opt.build(kind.Options, options, where=name)
    data = tuple(request.data) or _folders(stored or config, folder / folders.SETTINGS if stored else request.config)
    if not data:
        raise UsageError(f"which pictures? gantool train {name} A B (two folders)")
    domains = tuple(kind.layout_for(choices).find(data, aligned=chosen.aligned))
    size, crop = chosen.sides()
    began = _mapping(stored.get("facts", {}), str(folder / folders.SETTINGS))
    return Plan(
        name=name,
        kind=kind,
        data=data,
        domains=domains,
        spec=kind.spec_for(choices, tuple(domain.name for domain in domains), crop),
        preparation=Preparation(chosen.preprocess, size, crop, chosen.flip, chosen.filter),
        settings=chosen,
        options=choices,
        sources={**settings, **{f"options.{key}": value for key, value in options.items()}},
        folder=folder,
        saves=saves,
        start_from=weights,
        began=began,
        licence=began.get("licence") if weights is None else read_weights_header(weights).metadata.get("licence"),
    )


def _folders(values: Mapping[str, Any], file: Path | None) -> tuple[Path, ...]:
    """What a YAML file says under `data`."""
    found = values.get("data", ())
    if isinstance(found, str) or not (isinstance(found, Sequence) and all(isinstance(path, str) for path in found)):
        raise UsageError(f"{file}: data is a list of folders, such as [trainA, trainB], not {found!r}")
    return tuple(map(Path, found))


def write_settings(plan: Plan, world: int) -> None:
    """Makes the run folder and its run.yaml. Raises DataError where that is not possible."""
    path = plan.folder / folders.SETTINGS
    text = yaml.safe_dump(plan.as_yaml(world), sort_keys=False, allow_unicode=True)
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise DataError(f"cannot write to the run folder {plan.folder}: {reason(error, plan.folder)}") from error


def fingerprint(domains: Iterable[Domain]) -> str:
    """A hash of which files belong to which domain, by their names below the domain's folder."""
    digest = hashlib.sha256()
    for domain in domains:
        for file in domain.files:
            half = f" {domain.half}" if domain.half else ""
            digest.update(f"{domain.name}/{file.relative_to(domain.root).as_posix()}{half}\n".encode())
    return digest.hexdigest()[:16]


def _model_of(run: str | None) -> Any:
    """The model of a run that is to be continued, by its run.yaml, if its folder or one of its saves is named."""
    if run is None or run == "auto":
        return None
    path = Path(run)
    files = [folder / folders.SETTINGS for folder in (path, *path.parents) if (folder / folders.SETTINGS).is_file()]
    return opt.read_yaml(files[0]).get("model") if files else None


def _where(request: Request, name: str) -> tuple[Path, tuple[Path, ...]]:
    """The run folder, and the saves to continue from (newest first)."""
    if request.resume is None:
        folder = request.out or folders.next_run(name)
        if folders.saves(folder):
            step = int(folders.saves(folder)[-1].name)
            raise UsageError(
                f"{folder} has a save at step {step}. Continue it: --resume. Start anew: -o ANOTHER_FOLDER"
            )
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file: -o wants a folder")
        return folder, ()
    if request.resume == "auto":
        folder = request.out or folders.newest_run(name) or folders.next_run(name)
        return folder, tuple(reversed(folders.saves(folder)))
    path = Path(request.resume)
    if path.is_file():
        path = path.parent
    if (path / folders.WEIGHTS).is_file() and path.parent.name == folders.CHECKPOINTS:
        run = path.parents[1]
        folder = request.out or run
        newest = int(folders.saves(folder)[-1].name) if folders.saves(folder) else 0
        if newest > int(path.name) or (folder != run and newest):
            raise UsageError(f"{folder} has a save at step {newest}: to go on from {path}, name another folder with -o")
        return folder, (path,)
    if not folders.saves(path):
        raise CheckpointError(f"{path} has no save to continue from")
    return path, tuple(reversed(folders.saves(path)))


def _continued(
    new: dict[str, Setting], stored: Mapping[str, Any], kind: type[Any], where: str, folder: Path
) -> dict[str, Setting]:
    """The stored values, with those changes that leave it the same run."""
    old = opt.resolve(kind, [(str(folder / folders.SETTINGS), stored)], where=where)
    files = {field.name for field in dataclasses.fields(kind) if field.metadata.get("file")}
    changeable = CHANGEABLE if kind is TrainSettings else files  # a file may have moved
    for key, setting in new.items():
        # A run remembers its settings: only what is asked for now, by itself, can change one of them.
        asked = setting.source.startswith(("--", "GANTOOL_")) and not setting.source.startswith("--config")
        if not asked or setting.value == old[key].value:
            continue
        if key not in changeable:
            raise UsageError(
                f"{folder} was trained with {key}={old[key].value}, not {setting.value} ({setting.source})."
                f" --resume continues the same run; for another one: --from {folder}"
            )
        old[key] = setting
    return old


def _preset(entry: registry.Plugin, name: str) -> dict[str, Any]:
    known = entry.presets()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f'{entry.name} has no preset "{name}".{hint} It has: {", ".join(known) or "none"}')
    return opt.read_yaml(known[name])


def _options_of(weights: Path, name: str) -> dict[str, Any]:
    metadata = read_weights_header(weights).metadata
    if metadata.get("model") != name:
        raise CheckpointError(f"{weights} holds a {metadata.get('model')}, not a {name}")
    found: dict[str, Any] = metadata["options"]
    return found


def _environment() -> dict[str, str]:
    names = {f"GANTOOL_{field.name.upper()}": field.name for field in dataclasses.fields(TrainSettings)}
    for variable in os.environ:
        near = difflib.get_close_matches(variable, names, n=1, cutoff=0.85)
        if variable.startswith("GANTOOL_") and variable not in names and near:
            raise UsageError(f"the environment variable {variable} means nothing. Did you mean {near[0]}?")
    return {names[key]: os.environ[key] for key in names if os.environ.get(key)}


def _exclusive(values: Mapping[str, Any]) -> dict[str, Any]:
    """One of a pair replaces what a weaker layer said of the other: --steps a preset's epochs, --crop its size."""
    values = dict(values)
    for one, other in (("steps", "epochs"), ("size", "crop")):
        if one in values and other not in values:
            values[other] = None
        elif other in values and one not in values:
            values[one] = None
    return values


def _mapping(found: Any, source: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise UsageError(f"{source}: options must be keys and values")
    return found


def _without(values: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}
