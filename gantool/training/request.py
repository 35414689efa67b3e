"""From the words of a person to what will be trained: settings, options, data and folder, each with its source.

Imports torch only with the plugin, touches nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gantool import options as opt
from gantool.contract import data_of, length_of
from gantool.data.dataset import Domain
from gantool.data.transforms import Preparation
from gantool.errors import DataError, UsageError, argument, command, in_python, spelled
from gantool.files import reason, write_atomically
from gantool.model import Data, Epochs, Model, Steps
from gantool.options import Setting
from gantool.runs import folders
from gantool.spec import Spec
from gantool.training import sources
from gantool.training.place import Place
from gantool.training.settings import CHANGEABLE, OF_THE_CALL, TrainSettings
from gantool.training.words import Request as Request
from gantool.training.words import Words, understood
from gantool.version import __version__


@dataclass(frozen=True)
class Plan:
    """A run, decided."""

    name: str
    kind: type[Model[Any]]
    paths: tuple[Path, ...]
    """The folders of the pictures, as they were named."""
    data: Data
    length: Epochs | Steps
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
        if self.settings.epochs is None and not isinstance(self.length, Epochs):
            return self.length.count
        epochs = self.length.count if self.settings.epochs is None else self.settings.epochs
        return max(1, math.ceil(epochs * items / (self.settings.batch * self.settings.accumulate * world)))

    def as_yaml(self, world: int) -> dict[str, Any]:
        """The content of `run.yaml`: as a configuration file it repeats the run."""
        names = [field.name for field in dataclasses.fields(self.settings) if field.name not in OF_THE_CALL]
        settings = {name: getattr(self.settings, name) for name in names}
        return {
            "model": self.name,
            "data": [str(path.resolve()) for path in self.paths],
            **_plain({key: value for key, value in settings.items() if value is not None}),
            "options": _plain(dataclasses.asdict(self.options)),
            "facts": {
                "gantool": __version__,
                "processes": world,
                "domains": {domain.name: len(domain.files) for domain in self.domains},
                "pictures": fingerprint(self.domains),
                **({"licence": self.licence} if self.licence else {}),
                "settings": {key: value for key, value in settings.items() if key not in CHANGEABLE},
                "sources": {
                    key: spelled(setting.source, in_python)
                    for key, setting in self.sources.items()
                    if setting.source != "default" and key not in OF_THE_CALL
                },
            },
        }


def plan(request: Request | Words) -> Plan:
    """Raises UsageError, DataError or CheckpointError with what is wrong."""
    words = request if isinstance(request, Words) else understood(request)
    request, name, place, stored = words.request, words.name, words.place, words.stored
    kind = words.entry.load()
    given = sources.given(request.settings, request.set, kind.Options)
    began = sources.table(stored.get("facts", {}), words.run_yaml)
    origins = sources.Origins.of(words.run_yaml, stored or dict(words.files).get(words.run_yaml, {}))

    facts = words.facts
    begun_with = {} if facts is None or words.weights is None else sources.inherited(facts, words.weights, kind.Options)
    inherited = (argument("from_", request.start_from or ""), begun_with)
    options = sources.options_of(given, words.files, inherited, name, kind.Options)
    if stored:
        before = sources.options_in(stored, name, words.run_yaml)
        sources.check_unedited(before, place.saves[0], kind.Options, name, words.run_yaml)
        options = sources.continued(options, set(given.options), before, kind.Options, name, place.folder)
    options = origins.traced(options, "options.")
    choices = opt.build(kind.Options, options, where=name)
    data = data_of(kind, choices)

    settings = sources.settings_of(given, words.files, {"batch": data.batch, **data.settings})
    if stored:
        before = sources.settings_in(stored)
        settings = sources.continued(settings, given.asked, before, TrainSettings, "train", place.folder)
    settings = origins.traced(sources.settled(settings, words.run_yaml))
    chosen = opt.build(TrainSettings, settings, where="train")
    if chosen.batch < data.smallest_batch and not stored:
        raise UsageError(
            f"{name} learns from pictures that are in one batch together: {argument('batch')} is at least"
            f" {data.smallest_batch}, not {chosen.batch}; {argument('accumulate')} does not replace it"
        )
    domains = _as_begun(_domains(words, data, chosen.aligned), began, words)
    size, crop = chosen.sides()
    return Plan(
        name=name,
        kind=kind,
        paths=words.paths,
        data=data,
        length=length_of(kind, choices),
        domains=domains,
        spec=dataclasses.replace(data.spec([domain.name for domain in domains], crop), vectors=domains[0].vectors),
        preparation=Preparation(chosen.preprocess, size, crop, chosen.flip, chosen.filter),
        settings=chosen,
        options=choices,
        sources={**settings, **{f"options.{key}": value for key, value in options.items()}},
        place=place,
        start_from=words.weights,
        began=began,
        licence=began.get("licence") if facts is None else facts.licence,
    )


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as YAML has them."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def _domains(words: Words, data: Data, aligned: str | None) -> tuple[Domain, ...]:
    try:
        return tuple(data.layout.find(words.paths, aligned=aligned))
    except DataError as error:
        if words.request.data or not words.place.remembers:
            raise
        new = [f"NEW_{path.name or path}" for path in words.paths]
        go_on = command("train", {"model": words.name, "data": new}, out=words.place.folder, resume="")
        raise DataError(f"{error.text}. If the pictures have moved: {go_on}") from error


def _as_begun(domains: tuple[Domain, ...], began: Mapping[str, Any], words: Words) -> tuple[Domain, ...]:
    """The domains as the run was begun with them. Raises UsageError for those of other names or in another order."""
    before = list(sources.table(began.get("domains", {}), words.run_yaml))
    now = [domain.name for domain in domains]
    if before and now != before:
        if [domain.root.name for domain in domains] == before:  # "Train A" was a name before it was read as A
            return tuple(dataclasses.replace(domain, name=domain.root.name) for domain in domains)
        raise UsageError(
            f"{words.place.folder} was begun with the domains {', '.join(before)}, not {', '.join(now)}: name its"
            " folders as before (a link will do where one has another name)."
            f" For another run that begins with its weights: {argument('from_', words.place.folder)}"
        )
    return domains


def write_settings(plan: Plan, folder: Path, world: int) -> None:
    """Writes the run.yaml into the run folder, which is made if need be. Raises DataError where that is impossible."""
    text = yaml.safe_dump(plan.as_yaml(world), sort_keys=False, allow_unicode=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / folders.SETTINGS, text.encode())
    except OSError as error:
        raise DataError(f"cannot write to the run folder {folder}: {reason(error, folder)}") from error


def fingerprint(domains: Iterable[Domain]) -> str:
    """A hash of which files belong to which domain, by their names below the domain's folder, and of their captions."""
    digest = hashlib.sha256()
    for domain in domains:
        for file in domain.files:
            half = f" {domain.half}" if domain.half else ""
            digest.update(
                f"{domain.name}/{file.relative_to(domain.root).as_posix()}{half}\n".encode(errors="surrogatepass")
            )
        for captions in domain.captions:
            digest.update("\n".join((*captions, "")).encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]
