"""A whole import: from the authors' checkpoint files to a run. The plugin says what they are; this file sees that
nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from gantool import registry
from gantool.errors import CheckpointError, UsageError, argument, in_python, spelled
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.reading import leaves, read_official
from gantool.importing.request import Request as Request
from gantool.importing.request import check
from gantool.importing.unwrapping import Reading, origins, readings
from gantool.model import Model
from gantool.report import card
from gantool.runs import checkpoint, folders
from gantool.spec import Direction, Spec, check_domains

_AS_PYTHON = partial(spelled, spell=in_python)


@dataclass(frozen=True)
class Report:
    """The run that was made, and what became of every tensor."""

    model: str
    weights: Path
    """The new weights file; `state.safetensors` lies beside it if `training` is true."""
    training: bool
    """Whether networks came that only training needs: training can begin with them."""
    options: Any
    """The model's options as the files tell them."""
    spec: Spec
    directions: tuple[Direction, ...]
    """The translations that the files bring."""
    used: Mapping[tuple[str, str], str]
    """(file, official key) -> our key."""
    dropped: Mapping[tuple[str, str], str]
    """(file, official key) -> why it was not needed."""


def start(request: Request, spell: card.Spell = _AS_PYTHON) -> Report:
    """Writes the networks of official checkpoint files as the first save of a new run folder, and its card, whose
    commands `spell` writes.

    The header of the weights says, besides what every header says, `source` (file names), `licence`, `directions`, and
    `missing`: networks that the files did not bring, and that the weights file therefore lacks. Raises UsageError for
    an existing run folder or names that do not fit, DataError where nothing can be written, and CheckpointError for
    files that cannot be read, are no model's, or do not fit.
    """
    check(request)
    contents = {str(path): read_official(path) for path in request.files}
    found = _found(contents, request.model)
    name, imported = found.model, found.imported
    spec, directions = _renamed(imported, request.domains)
    network = checkpoint.build_model(found.kind, imported.options, spec)
    missing = _check(network, imported, contents)
    used, dropped = _in_their_words(found, contents)
    notes = {
        "source": tuple(path.name for path in request.files),
        "licence": request.licence or imported.licence or None,
        "directions": directions,
    }
    facts = checkpoint.facts_of_model(network, name, 0, notes, missing)
    weights, state = checkpoint.parted(network, imported.tensors)
    folder = folders.save_folder(request.out, 0)
    checkpoint.save(folder, facts, weights=weights, state=state)
    card.write(request.out, folder / folders.WEIGHTS, spell)
    return Report(
        model=name,
        weights=folder / folders.WEIGHTS,
        training=bool(state),
        options=imported.options,
        spec=spec,
        directions=directions,
        used=used,
        dropped=dropped,
    )


@dataclass(frozen=True)
class _Found:
    """The model that files hold, and the way to read them that showed it."""

    model: str
    kind: type[Model[Any]]
    imported: Imported
    reading: Reading


def _found(contents: Mapping[str, OfficialTensors], model: str | None) -> _Found:
    """The model in these files, with as few wrappers taken off as need be."""
    problems: list[tuple[int, CheckpointError]] = []
    for number, reading in enumerate(readings(contents)):
        try:
            name, kind, imported = _recognised(reading.files, model)
            _check_keys(imported, reading.files)
        except CheckpointError as error:
            # The files as they are have a wrapper's faults, too.
            problems.append((10 * reading.peeled + (number or 9), error))
            continue
        return _Found(name, kind, imported, reading)
    problems.sort(key=lambda problem: problem[0])
    told = [error for number, error in problems if number < 10 and not isinstance(error, _UnknownError)]
    raise (told or [error for _, error in problems])[0]


class _UnknownError(CheckpointError):
    """No model has such files."""


def _in_their_words(
    found: _Found, contents: Mapping[str, OfficialTensors]
) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
    """What became of every tensor, by the files and keys as they are on disk."""
    origin = origins(contents)
    theirs = {
        (file, key): origin[id(value)]
        for file, content in found.reading.files.items()
        for key, value in leaves(content)
    }
    used = {theirs[place]: ours for place, ours in found.imported.used.items()}
    dropped = {theirs[place]: why for place, why in found.imported.dropped.items()}
    return used, {**dropped, **found.reading.dropped}


def _recognised(contents: Mapping[str, OfficialTensors], model: str | None) -> tuple[str, type[Model[Any]], Imported]:
    """The one plugin whose files these are."""
    plugins = [registry.plugin(model)] if model else list(registry.plugins().values())
    found: list[tuple[str, type[Model[Any]], Imported]] = []
    misfits: list[CheckpointError] = []
    broken: list[str] = []
    for plugin in plugins:
        try:
            kind = plugin.load()
        except CheckpointError as error:
            broken.append(error.text)
            continue
        try:
            importer = plugin.importer()
            imported = importer(contents) if importer else None
        except CheckpointError as error:
            misfits.append(error)
        except Exception as error:  # of a plugin that met what its author did not think of
            broken.append(f"the plugin {plugin.name} failed on these files: {type(error).__name__}: {error}")
        else:
            if imported is not None:
                found.append((plugin.name, kind, imported))
    if len(found) > 1:
        names = " or ".join(name for name, _, _ in found)
        raise CheckpointError(f"{', '.join(contents)} could be of {names}: say which with {argument('model')}")
    if found:
        return found[0]
    if misfits:
        raise misfits[0]
    if model and broken:
        raise CheckpointError(broken[0])
    keys = [key for tensors in contents.values() for key, _ in leaves(tensors)][:2]
    whose = f"no files of {model}" if model else f"files of no installed model ({', '.join(registry.plugins())})"
    raise _UnknownError(
        "; ".join([f"{', '.join(contents)}: {whose}", f"the first keys are {', '.join(keys)}", *broken])
    )


def _renamed(imported: Imported, domains: tuple[str, ...] | None) -> tuple[Spec, tuple[Direction, ...]]:
    """Spec and directions with the domain names that a person chose."""
    own = imported.spec.domains
    names = own if domains is None else domains
    if len(names) != len(own) or len(set(names)) != len(names) or not all(names):
        raise UsageError(
            f"these files have {len(own)} domains: give {len(own)} different names, not {', '.join(names)}"
        )
    check_domains(names)
    chosen = dict(zip(own, names, strict=True))
    return replace(imported.spec, domains=names), tuple(Direction(chosen[a], chosen[b]) for a, b in imported.directions)


def _check_keys(imported: Imported, files: Mapping[str, OfficialTensors]) -> None:
    """Sees that every key of the files is accounted for."""
    keys = {(file, key) for file, tensors in files.items() for key, _ in leaves(tensors)}
    strays = sorted(keys ^ (imported.used.keys() | imported.dropped.keys()))
    if strays:
        raise CheckpointError(f"{strays[0][0]}: nothing is known about {strays[0][1]} ({len(strays)} such keys)")


def _check(model: Model[Any], imported: Imported, contents: Mapping[str, OfficialTensors]) -> list[str]:
    """Sees that every sub-module is whole or absent. Returns the absent ones.

    What only training needs may be absent without a word.
    """
    expected = model.state_dict()
    parts = {checkpoint.part(key) for key in imported.tensors}
    absent = sorted(key for key in expected.keys() - imported.tensors.keys() if checkpoint.part(key) in parts)
    unknown = sorted(
        key for key, value in imported.tensors.items() if key not in expected or expected[key].shape != value.shape
    )
    if absent or unknown:
        problem = f"{unknown[0]} does not fit" if unknown else f"{absent[0]} is missing"
        raise CheckpointError(
            f"{', '.join(contents)}: {problem} ({len(absent)} missing, {len(unknown)} that do not fit)"
        )
    networks = {checkpoint.part(key) for key in expected}
    return sorted(networks - parts - {*model.roles.training_only, *model.roles.frozen})
