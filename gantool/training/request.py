"""From the words of a person to what will be trained: settings, options, data and folder, each with its source.

Imports torch only with the plugin, touches nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gantool import options as opt
from gantool import registry
from gantool.data.dataset import Domain
from gantool.data.transforms import Preparation
from gantool.errors import CheckpointError, DataError, UsageError, argument, in_python, spelled
from gantool.files import reason, write_atomically
from gantool.model import Data, Epochs, Model
from gantool.options import Setting
from gantool.runs import folders
from gantool.runs.find import find_weights
from gantool.runs.header import read_facts
from gantool.spec import Facts, Spec
from gantool.training import sources
from gantool.training.place import Place, find_place, model_of, settings_of_run
from gantool.training.settings import TrainSettings
from gantool.version import __version__


@dataclass(frozen=True)
class Request:
    """The words of a person, before anything is checked."""

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
        """The content of `run.yaml`: as a configuration file it repeats the run."""
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
    stored = settings_of_run(place)
    here = str(place.folder / folders.SETTINGS)
    files = sources.files_of(entry, request.preset, request.config)
    given = sources.given(request.settings, request.set, kind.Options)

    inherited = (argument("from_", request.start_from or ""), {} if facts is None else facts.options)
    options = sources.options_of(given, files, inherited, name, kind.Options)
    if stored:
        before = sources.options_in(stored, name, here)
        options = sources.continued(options, set(given.options), before, kind.Options, name, place.folder)
    choices = opt.build(kind.Options, options, where=name)
    data = kind.data(choices)

    settings = sources.settings_of(given, files, data.batch)
    if stored:
        before = sources.settings_in(stored)
        settings = sources.continued(settings, given.asked, before, TrainSettings, "train", place.folder)
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
    began = sources.table(stored.get("facts", {}), here)
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
            digest.update(
                f"{domain.name}/{file.relative_to(domain.root).as_posix()}{half}\n".encode(errors="surrogatepass")
            )
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


def _folders(values: Mapping[str, Any], file: Path | None) -> tuple[Path, ...]:
    """The folders that a YAML file names under `data`."""
    found = values.get("data", ())
    if isinstance(found, str) or not (isinstance(found, Sequence) and all(isinstance(path, str) for path in found)):
        raise UsageError(f"{file}: data is a list of folders, such as [trainA, trainB], not {found!r}")
    return tuple(map(Path, found))
