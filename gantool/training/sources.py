"""Where each setting and option of a training comes from: layers of values, the strongest last. Imports no torch."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantool import options as opt
from gantool import registry
from gantool.errors import CheckpointError, UsageError, argument, did_you_mean
from gantool.options import Setting
from gantool.runs import folders
from gantool.runs.header import read_facts
from gantool.runs.upgrade import current_options
from gantool.spec import Facts
from gantool.training.settings import CHANGEABLE, OF_THE_CALL, TrainSettings

_NO_SETTINGS = ("model", "data", "facts", "options", "summary")
"""Keys of a YAML file beside the settings."""

Layer = tuple[str, Mapping[str, Any]]
"""A source, and the values it gives."""


@dataclass(frozen=True)
class Given:
    """The values that a person gives one by one."""

    settings: Mapping[str, Any]
    """Those of `TrainSettings` that have an argument of their own."""
    rare: Mapping[str, Any]
    """Those of `TrainSettings` that are set like options of the model."""
    options: Mapping[str, Any]
    """Options of the model."""

    @property
    def asked(self) -> set[str]:
        """Settings that are asked for now, the environment's included, and those that a run does not remember."""
        return {*OF_THE_CALL, *_environment(), *self.settings, *self.rare}


@dataclass(frozen=True)
class Origins:
    """Where the values of a run.yaml came from when the run was begun."""

    file: str
    by_name: Mapping[str, str]

    @staticmethod
    def of(file: str, stored: Mapping[str, Any]) -> Origins:
        """Those that a run.yaml of this content states. Raises UsageError."""
        facts = table(stored.get("facts", {}), file)
        return Origins(file, {key: str(value) for key, value in table(facts.get("sources", {}), file).items()})

    def traced(self, settings: Mapping[str, Setting], prefix: str = "") -> dict[str, Setting]:
        """Settings whose source is the run.yaml, with the source that it states; all others as they are."""
        return {
            key: Setting(setting.value, self.by_name.get(prefix + key, "default"))
            if setting.source == self.file
            else setting
            for key, setting in settings.items()
        }


def given(settings: Mapping[str, Any], set_: Mapping[str, Any], options: type[Any]) -> Given:
    """Sorts what is set (`set_`) into settings and options of the model. A model's option comes first."""
    own = {field.name for field in dataclasses.fields(options)}
    rare = {field.name for field in dataclasses.fields(TrainSettings)} - own
    return Given(
        settings,
        {key: value for key, value in set_.items() if key in rare},
        {key: value for key, value in set_.items() if key not in rare},
    )


def files_of(entry: registry.Plugin, preset: str | None, config: Path | None) -> list[Layer]:
    """The layers of a preset and of a configuration file. Raises UsageError."""
    layers: list[Layer] = []
    if preset:
        layers.append((f"preset {preset}", _preset(entry, preset)))
    if config:
        layers.append((f"config {config}", opt.read_yaml(config)))
    return layers


def settings_of(given: Given, files: Sequence[Layer], own: Mapping[str, Any]) -> dict[str, Setting]:
    """The settings. `own` are the model's, where no person says otherwise."""
    layers: list[Layer] = [
        ("default", own),
        *((source, _exclusive(settings_in(values))) for source, values in files),
        *((f"GANTOOL_{key.upper()}", {key: value}) for key, value in _exclusive(_environment()).items()),
        *((argument(key), {key: value}) for key, value in _exclusive(given.settings).items()),
        (argument("set"), given.rare),
    ]
    found = opt.resolve(TrainSettings, layers, where="train")
    # A value that its counterpart replaced was not chosen.
    return {key: s if s.value is not None else Setting(None, "default") for key, s in found.items()}


def options_of(
    given: Given, files: Sequence[Layer], inherited: Layer, name: str, kind: type[Any]
) -> dict[str, Setting]:
    """The options of the model `name`; `inherited` are those of the weights that the run begins with."""
    stored = [(source, options_in(values, name, source)) for source, values in files]
    return opt.resolve(kind, [inherited, *stored, (argument("set"), given.options)], where=name)


def inherited(facts: Facts, weights: Path, kind: type[Any]) -> dict[str, Any]:
    """The options of weights that a run begins with. Where files lie says the run.yaml of their run, if there is one: a
    header has their names alone, which then mean files of the current folder. Raises UsageError.
    """
    run = folders.run_of(weights)
    settings = None if run is None else run / folders.SETTINGS
    if settings is None or not settings.is_file():
        return dict(facts.options)
    stored = options_in(opt.read_yaml(settings), facts.model, str(settings))
    return {**facts.options, **{name: stored[name] for name in opt.files_of(kind) & stored.keys()}}


def settings_in(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a YAML file holds."""
    found = {key: value for key, value in values.items() if key not in _NO_SETTINGS}
    if isinstance(found.get("time"), int):  # YAML reads 90 as a number: seconds
        found["time"] = str(found["time"])
    return found


def options_in(values: Mapping[str, Any], name: str, source: str) -> dict[str, Any]:
    """The options of the model that a YAML file holds. Raises UsageError."""
    return current_options(name, table(values.get("options", {}), source), source)


def continued(
    new: dict[str, Setting],
    asked: set[str],
    stored: Mapping[str, Any],
    kind: type[Any],
    where: str,
    folder: Path,
) -> dict[str, Setting]:
    """The stored values, with those changes that leave it the same run: a run remembers its settings."""
    old = opt.resolve(kind, [(str(folder / folders.SETTINGS), stored)], where=where)
    changeable = CHANGEABLE if kind is TrainSettings else opt.files_of(kind)  # a file may have moved
    for key, setting in new.items():
        if key not in asked or setting.value == old[key].value:
            continue
        if key not in changeable:
            raise UsageError(
                f"{folder} was trained with {key}={opt.typed(old[key].value)}, not {opt.typed(setting.value)}"
                f" ({setting.source}). {argument('resume')} continues the same run;"
                f" for another one: {argument('from_', folder)}"
            )
        old[key] = setting
    return old


def check_unedited(stored: Mapping[str, Any], save: Path, kind: type[Any], where: str, run_yaml: str) -> None:
    """Raises UsageError where the options in a run.yaml are not those that the run's newest save was trained with.

    A save that cannot be read, or is another model's, is met when it is loaded.
    """
    try:
        facts = read_facts(save / folders.WEIGHTS)
    except CheckpointError:
        return
    if facts.model != where:
        return
    both = (stored.keys() & facts.options.keys()) - opt.files_of(kind)  # a file may have moved
    said = opt.resolve(kind, [(run_yaml, {key: stored[key] for key in both})], where=where)
    trained = opt.resolve(kind, [(str(save), {key: facts.options[key] for key in both})], where=where)
    for key in sorted(both):
        if said[key].value != trained[key].value:
            raise UsageError(
                f"{run_yaml} says {key}={opt.typed(said[key].value)}, and {save} was trained with"
                f" {opt.typed(trained[key].value)}: put that back."
                f" Another value makes another run: {argument('from_', save)}"
            )


def check_settings_unedited(stored: Mapping[str, Any], run_yaml: str, folder: Path) -> None:
    """Raises UsageError where a run.yaml names other settings than its facts say the run was begun with, of those that
    make another run. Runs of earlier versions do not say it.
    """
    begun = table(table(stored.get("facts", {}), run_yaml).get("settings", {}), run_yaml)
    fixed = {field.name for field in dataclasses.fields(TrainSettings)} - CHANGEABLE - OF_THE_CALL
    before = opt.resolve(TrainSettings, [(run_yaml, {key: begun[key] for key in fixed & begun.keys()})], where="train")
    now = opt.resolve(TrainSettings, [(run_yaml, settings_in(stored))], where="train")
    for key in sorted(fixed & begun.keys()):
        if now[key].value != before[key].value:
            raise UsageError(
                f"{run_yaml} says {key}={opt.typed(now[key].value)}, and the run was begun with"
                f" {opt.typed(before[key].value)}: put that back."
                f" Another value makes another run: {argument('from_', folder)}"
            )


def settled(settings: Mapping[str, Setting], file: str) -> dict[str, Setting]:
    """The settings without what a run's run.yaml, `file`, remembers in vain, since what is asked for now replaces it.

    Another length replaces steps or epochs; without validations nothing is to be judged.
    """
    vain: set[str] = set()
    if settings["validate"].value is None:
        vain |= {"metric", "patience"}
    steps, epochs = settings["steps"], settings["epochs"]
    if steps.value is not None and epochs.value is not None and steps.source != epochs.source:
        vain |= {"steps", "epochs"}
    default = opt.resolve(TrainSettings, [], where="train")
    return {key: default[key] if key in vain and s.source == file else s for key, s in settings.items()}


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


def table(found: Any, source: str) -> Mapping[str, Any]:
    """A mapping of a YAML file. Raises UsageError for anything else."""
    if not isinstance(found, Mapping):
        raise UsageError(f"{source}: options must be keys and values")
    return found
