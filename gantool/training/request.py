"""From the words of a person to what will be trained: settings, options, data and folder, each with its source.

Imports torch only with the plugin, touches nothing.
"""

from __future__ import annotations

import dataclasses
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
from gantool.errors import CheckpointError, DataError, UsageError, argument, did_you_mean, in_python, spelled
from gantool.files import reason, write_atomically
from gantool.model import Data, Epochs, Model
from gantool.options import Setting
from gantool.runs import folders
from gantool.runs.find import find_weights
from gantool.runs.header import read_facts
from gantool.runs.upgrade import current_options
from gantool.spec import Facts, Spec
from gantool.training.place import Place, find_place, model_of, settings_of
from gantool.training.settings import CHANGEABLE, TrainSettings
from gantool.version import __version__

_NO_SETTINGS = ("model", "data", "facts", "options", "summary")
"""Keys of a YAML file beside the settings."""

Layer = tuple[str, Mapping[str, Any]]
"""A source, and the values it gives."""


@dataclass(frozen=True)
class Request:
    """What a person asked for, before anything is checked."""

    model: str | None
    data: tuple[Path, ...] = ()
    out: Path | None = None
    preset: str | None = None
    config: Path | None = None
    resume: str | None = None
    start_from: str | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Fields of `TrainSettings`: only those that were given."""
    set: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Options of the model."""


@dataclass(frozen=True)
class Plan:
    """A run, decided."""

    name: str
    kind: type[Model[Any]]
    paths: tuple[Path, ...]
    """The folders of the pictures, as they were named."""
    data: Data
    domains: tuple[Domain, ...]
    spec: Spec
    preparation: Preparation
    settings: TrainSettings
    options: Any
    sources: Mapping[str, Setting]
    """Every value with where it came from; options as `options.NAME`."""
    place: Place
    start_from: Path | None
    began: Mapping[str, Any]
    """The facts that a run to be continued was begun with, from its run.yaml."""
    licence: str | None
    """That of the weights that the run begins with, if they have one: it holds for what is made of them."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.place.folder

    def total_steps(self, items: int, world: int) -> int:
        """Steps of the run, for a data set of so many items an epoch and so many processes."""
        if self.settings.steps is not None:
            return self.settings.steps
        length = self.kind.length(self.options)
        if self.settings.epochs is None and not isinstance(length, Epochs):
            return length.count
        epochs = length.count if self.settings.epochs is None else self.settings.epochs
        return max(1, math.ceil(epochs * items / (self.settings.batch * self.settings.accumulate * world)))

    def as_yaml(self, world: int) -> dict[str, Any]:
        """What `run.yaml` holds: as a configuration file it repeats the run."""
        settings = {field.name: getattr(self.settings, field.name) for field in dataclasses.fields(self.settings)}
        return {
            "model": self.name,
            "data": [str(path.resolve()) for path in self.paths],
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
                    key: spelled(setting.source, in_python)
                    for key, setting in self.sources.items()
                    if setting.source != "default"
                },
            },
        }


def plan(request: Request) -> Plan:
    """Raises UsageError, DataError or CheckpointError with what is wrong."""
    config = opt.read_yaml(request.config) if request.config else {}
    name = request.model or config.get("model") or model_of(request.resume)
    if not isinstance(name, str):
        raise UsageError("which model? gantool train MODEL DATA... (installed: " + ", ".join(registry.plugins()) + ")")
    entry = registry.plugin(name)
    kind = entry.load()
    weights, facts = _start(request, name)
    place = find_place(name, request.out, request.resume)
    stored = settings_of(place)
    files: list[Layer] = []
    if request.preset:
        files.append((f"preset {request.preset}", _preset(entry, request.preset)))
    if request.config:
        files.append((f"config {request.config}", config))
    # What is too rare for an argument of its own is set like an option of the model.
    own = {field.name for field in dataclasses.fields(kind.Options)}
    rare = {field.name for field in dataclasses.fields(TrainSettings)} - own
    here = str(place.folder / folders.SETTINGS)

    options = _options(request, name, kind, files, facts, rare)
    if stored:
        before = current_options(name, _mapping(stored.get("options", {}), here), here)
        options = _continued(options, _asked_options(request, rare), before, kind.Options, name, place.folder)
    choices = opt.build(kind.Options, options, where=name)
    data = kind.data(choices)

    settings = _settings(request, files, data.batch, rare)
    if stored:
        before = _settings_in(stored)
        settings = _continued(settings, _asked_settings(request, rare), before, TrainSettings, "train", place.folder)
    chosen = opt.build(TrainSettings, settings, where="train")
    if chosen.batch < data.smallest_batch and not stored:
        raise UsageError(
            f"{name} learns from pictures that are in one batch together: {argument('batch')} is at least"
            f" {data.smallest_batch}, not {chosen.batch}; {argument('accumulate')} does not replace it"
        )
    paths = tuple(request.data) or _folders(stored or config, Path(here) if stored else request.config)
    if not paths:
        raise UsageError(f"which pictures? gantool train {name} A B (two folders)")
    domains = tuple(data.layout.find(paths, aligned=chosen.aligned))
    size, crop = chosen.sides()
    began = _mapping(stored.get("facts", {}), here)
    return Plan(
        name=name,
        kind=kind,
        paths=paths,
        data=data,
        domains=domains,
        spec=data.spec([domain.name for domain in domains], crop),
        preparation=Preparation(chosen.preprocess, size, crop, chosen.flip, chosen.filter),
        settings=chosen,
        options=choices,
        sources={**settings, **{f"options.{key}": value for key, value in options.items()}},
        place=place,
        start_from=weights,
        began=began,
        licence=began.get("licence") if facts is None else facts.licence,
    )


def write_settings(plan: Plan, folder: Path, world: int) -> None:
    """Writes the run.yaml into the run folder, which is made if need be. Raises DataError where that is impossible."""
    text = yaml.safe_dump(plan.as_yaml(world), sort_keys=False, allow_unicode=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / folders.SETTINGS, text.encode())
    except OSError as error:
        raise DataError(f"cannot write to the run folder {folder}: {reason(error, folder)}") from error


def fingerprint(domains: Iterable[Domain]) -> str:
    """A hash of which files belong to which domain, by their names below the domain's folder."""
    digest = hashlib.sha256()
    for domain in domains:
        for file in domain.files:
            half = f" {domain.half}" if domain.half else ""
            digest.update(f"{domain.name}/{file.relative_to(domain.root).as_posix()}{half}\n".encode())
    return digest.hexdigest()[:16]


def _start(request: Request, name: str) -> tuple[Path | None, Facts | None]:
    """The weights to begin with, and their facts."""
    if request.start_from is None:
        return None, None
    if request.resume is not None:
        both = f"{argument('resume')} continues a run, {argument('from_')} begins a new one with its weights"
        raise UsageError(f"{both}: give one of them")
    weights = find_weights(request.start_from, tuple(registry.plugins()))
    facts = read_facts(weights)
    if facts.model != name:
        raise CheckpointError(f"{weights} holds a {facts.model}, not a {name}")
    return weights, facts


def _settings(request: Request, files: Sequence[Layer], batch: int, rare: set[str]) -> dict[str, Setting]:
    found = opt.resolve(
        TrainSettings,
        [
            ("default", {"batch": batch}),
            *((source, _exclusive(_settings_in(values))) for source, values in files),
            *((f"GANTOOL_{key.upper()}", {key: value}) for key, value in _exclusive(_environment()).items()),
            *((argument(key), {key: value}) for key, value in _exclusive(request.settings).items()),
            (argument("set"), {key: value for key, value in request.set.items() if key in rare}),
        ],
        where="train",
    )
    # A value that its counterpart replaced was not chosen.
    return {key: s if s.value is not None else Setting(None, "default") for key, s in found.items()}


def _asked_settings(request: Request, rare: set[str]) -> set[str]:
    """Settings that are asked for now, by themselves."""
    return {*_environment(), *request.settings, *(key for key in request.set if key in rare)}


def _options(
    request: Request,
    name: str,
    kind: type[Model[Any]],
    files: Sequence[Layer],
    facts: Facts | None,
    rare: set[str],
) -> dict[str, Setting]:
    inherited = {} if facts is None else facts.options
    stored = (
        (source, current_options(name, _mapping(values.get("options", {}), source), source)) for source, values in files
    )
    own = {key: value for key, value in request.set.items() if key not in rare}
    layers = [(argument("from_", request.start_from or ""), inherited), *stored, (argument("set"), own)]
    return opt.resolve(kind.Options, layers, where=name)


def _asked_options(request: Request, rare: set[str]) -> set[str]:
    return {key for key in request.set if key not in rare}


def _continued(
    new: dict[str, Setting],
    asked: set[str],
    stored: Mapping[str, Any],
    kind: type[Any],
    where: str,
    folder: Path,
) -> dict[str, Setting]:
    """The stored values, with those changes that leave it the same run: a run remembers its settings."""
    old = opt.resolve(kind, [(str(folder / folders.SETTINGS), stored)], where=where)
    files = {field.name for field in dataclasses.fields(kind) if field.metadata.get("file")}
    changeable = CHANGEABLE if kind is TrainSettings else files  # a file may have moved
    for key, setting in new.items():
        if key not in asked or setting.value == old[key].value:
            continue
        if key not in changeable:
            raise UsageError(
                f"{folder} was trained with {key}={old[key].value}, not {setting.value} ({setting.source})."
                f" {argument('resume')} continues the same run; for another one: {argument('from_', folder)}"
            )
        old[key] = setting
    return old


def _folders(values: Mapping[str, Any], file: Path | None) -> tuple[Path, ...]:
    """What a YAML file says under `data`."""
    found = values.get("data", ())
    if isinstance(found, str) or not (isinstance(found, Sequence) and all(isinstance(path, str) for path in found)):
        raise UsageError(f"{file}: data is a list of folders, such as [trainA, trainB], not {found!r}")
    return tuple(map(Path, found))


def _preset(entry: registry.Plugin, name: str) -> dict[str, Any]:
    known = entry.presets()
    if name not in known:
        hint = did_you_mean(name, known)
        held = ", ".join(known) or "none"
        raise UsageError(" ".join(f'{entry.name} has no preset "{name}". {hint} It has: {held}'.split()))
    return opt.read_yaml(known[name])


def _environment() -> dict[str, str]:
    names = {f"GANTOOL_{field.name.upper()}": field.name for field in dataclasses.fields(TrainSettings)}
    for variable in os.environ:
        if variable.startswith("GANTOOL_") and variable not in names:
            hint = did_you_mean(variable, names, cutoff=0.85)
            if hint:
                raise UsageError(f"the environment variable {variable} means nothing. {hint}")
    return {names[key]: os.environ[key] for key in names if os.environ.get(key)}


def _exclusive(values: Mapping[str, Any]) -> dict[str, Any]:
    """One of a pair replaces what a weaker layer said of the other: steps a preset's epochs, a crop its size."""
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


def _settings_in(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in _NO_SETTINGS}
