"""The words of a person, checked as far as that needs no torch: a misspelt one is answered within half a second.

`gantool.training.request.plan` goes on from here.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantool import options as opt
from gantool import registry
from gantool.errors import CheckpointError, DataError, UsageError, argument, did_you_mean
from gantool.files import missing
from gantool.runs import folders
from gantool.runs.find import find_weights
from gantool.runs.header import read_facts
from gantool.spec import Facts
from gantool.trackers.kinds import check_installed
from gantool.training import sources
from gantool.training.option_names import option_names
from gantool.training.place import Place, find_place, model_of, settings_of_run
from gantool.training.settings import TrainSettings


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
class Words:
    """A request whose words mean something."""

    request: Request
    entry: registry.Plugin
    place: Place
    stored: Mapping[str, Any]
    """The run.yaml of a run to be continued; empty for a new run."""
    files: Sequence[sources.Layer]
    """Presets and configuration files, the strongest last."""
    paths: tuple[Path, ...]
    """The folders of the pictures, as they were named."""
    weights: Path | None
    """The weights to begin with."""
    facts: Facts | None
    """Those of the weights."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.entry.name

    @property
    def run_yaml(self) -> str:
        """The run.yaml of the run folder: the source of what a run remembers."""
        return str(self.place.folder / folders.SETTINGS)


def understood(request: Request) -> Words:
    """Raises UsageError, DataError or CheckpointError for the first word that is wrong. Imports no torch."""
    config = opt.read_yaml(request.config) if request.config else {}
    if request.resume not in (None, "auto") and not os.path.exists(str(request.resume)):
        path = Path(str(request.resume))
        raise CheckpointError(f"there is no run {path}. {_near(path)}".rstrip(" ."))
    name = request.model or config.get("model") or model_of(request.out, request.resume)
    if not isinstance(name, str):
        raise UsageError("which model? gantool train MODEL DATA... (installed: " + ", ".join(registry.plugins()) + ")")
    entry = registry.plugin(name)
    weights, facts = _start(request, name)
    place = find_place(name, request.out, request.resume)
    remembered = settings_of_run(place)
    if remembered.get("model", name) != name:
        raise UsageError(f"{place.folder} is a run of {remembered['model']}, not of {name}")
    here = str(place.folder / folders.SETTINGS)
    files = sources.files_of(entry, request.preset, request.config)
    if remembered and not place.saves:  # it broke before its first save: it begins anew, as it was begun
        files = [(here, remembered), *files]
    stored = remembered if place.saves else {}
    _check_names(request, entry, files, stored, place.folder)
    _check_folders(request.data)
    paths = request.data or _folders(remembered or config, Path(here) if remembered else request.config)
    if not paths:
        needs = entry.about().get("needs", "folders of pictures")
        raise UsageError(f"which pictures? gantool train {name} DATA... ({name} needs {needs})")
    return Words(request, entry, place, stored, files, paths, weights, facts)


def _check_names(
    request: Request, entry: registry.Plugin, files: Sequence[sources.Layer], stored: Mapping[str, Any], folder: Path
) -> None:
    """Options of the model by name, and settings altogether, with those that a run to be continued has `stored`.

    Some sources do not tell their options: later, then.
    """
    names = option_names(entry)
    rare = {field.name for field in dataclasses.fields(TrainSettings)} - (names or set())
    chosen = {key: value for key, value in request.set.items() if key in rare} if names is not None else {}
    given = sources.Given(request.settings, chosen, {})
    settings = sources.settings_of(given, files, {})
    if stored:
        sources.check_settings_unedited(stored, str(folder / folders.SETTINGS), folder)
        before = sources.settings_in(stored)
        settings = sources.continued(settings, given.asked, before, TrainSettings, "train", folder)
    chosen_now = opt.build(TrainSettings, sources.settled(settings, str(folder / folders.SETTINGS)), where="train")
    check_installed(chosen_now.track or ())
    for key in request.set:
        if names is not None and key not in names and key not in rare:
            raise UsageError(opt.unknown(key, names, entry.name))


def _check_folders(paths: Sequence[Path]) -> None:
    for path in paths:
        if not os.path.exists(path):
            near = "" if path.is_symlink() else _near(path)
            raise DataError(f"{missing(path).text}. {near}".rstrip(" ."))


def _near(path: Path) -> str:
    """ "Did you mean trainA?", for a path that does not exist."""
    try:
        beside = [str(path.parent / name) for name in os.listdir(path.parent) if not name.startswith(".")]
    except OSError:
        return ""
    return did_you_mean(str(path), beside)


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
