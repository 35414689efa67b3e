"""Where a run lies, and what of it is there to continue. Imports no torch."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from gantool.errors import CheckpointError, UsageError, argument, did_you_mean
from gantool.options import read_yaml
from gantool.pictures.find import is_picture_name
from gantool.runs import folders
from gantool.runs.find import meant, newest_run
from gantool.runs.header import read_facts
from gantool.schema import shown
from gantool.training.settings import OF_THE_CALL

_ANOTHER = argument("out", "ANOTHER_FOLDER")


@dataclass(frozen=True)
class Place:
    """A run folder, decided."""

    folder: Path
    saves: tuple[Path, ...] = ()
    """Saves to continue from, the newest first; empty for a new run."""
    automatic: bool = False
    """The folder is the next free one: it is made when the run begins, and may then have another number."""
    remembers: bool = False
    """The settings of the run.yaml in it hold: the run is continued, or began and has no save yet."""
    anew: str | None = None
    """A message, where a run was to be continued that cannot be: it begins anew."""


def find_place(name: str, out: Path | None, resume: str | None) -> Place:
    """The place of a run of the model `name`. Raises UsageError and CheckpointError; touches nothing."""
    if resume is None:
        return _new(name, out)
    if resume == "auto":
        folder = out or newest_run(name, stopped_early=True)
        if folder is None:
            return replace(_new(name, None), anew=f"there is no run of {name} below {folders.RUNS}: a new one begins")
        return _continued(name, folder)
    path = meant(Path(resume))
    if path.is_file():
        path = path.parent
    if (path / folders.WEIGHTS).is_file() and path.parent.name == folders.CHECKPOINTS:
        run = path.parents[1]
        folder = out or run
        newest = next((int(save.name) for save in _newest_first(folder)), 0)
        if newest > int(path.name) or (folder != run and newest):
            raise UsageError(f"{folder} has a save at step {newest}: to go on from {path}, choose {_ANOTHER}")
        return Place(folder, (path,), remembers=True)
    if not folders.saves(path):
        raise CheckpointError(f"{path} has no save to continue from")
    return Place(path, _newest_first(path), remembers=True)


def settings_of_run(place: Place) -> dict[str, object]:
    """The run.yaml of a run that remembers its settings, without those of one call; empty for another.

    Raises CheckpointError where there is no run.yaml, UsageError where it is not that of the run.
    """
    if not place.remembers:
        return {}
    folder = place.saves[0].parents[1] if place.saves else place.folder
    file = folder / folders.SETTINGS
    if not file.is_file():
        _check_written(folder)
        begin = f"{argument('from_', place.folder)} {_ANOTHER}"
        raise CheckpointError(f"{place.folder} was imported, not trained: begin with its weights, {begin}")
    # Earlier versions of gantool wrote these down, too.
    return {key: value for key, value in _remembered(file).items() if key not in OF_THE_CALL}


def model_of(out: Path | None, resume: str | None) -> str | None:
    """The model of a run that is to be continued, by its run.yaml, if its folder or one of its saves is named.

    Raises UsageError for a run.yaml that names none, and CheckpointError where a run that was trained has no run.yaml.
    """
    if resume is None or (resume == "auto" and out is None):
        return None
    path = out if resume == "auto" and out is not None else Path(resume)
    files = [folder / folders.SETTINGS for folder in (path, *path.parents) if (folder / folders.SETTINGS).is_file()]
    if not files:
        for folder in (path, *path.parents):
            _check_written(folder)
        return None
    model = _remembered(files[0]).get("model")
    if not isinstance(model, str):
        raise UsageError(f"{files[0]} names no model: a line of it is such as model: cyclegan")
    return model


def _remembered(file: Path) -> dict[str, object]:
    """What a run.yaml holds. Raises UsageError for an empty one, and for one of another model than the run's saves are.

    A save that cannot be read is met when it is loaded.
    """
    found = read_yaml(file)
    if not found:
        raise UsageError(f"{file} is empty, {_put_back(file.parent)}")
    trained = found.get("model")
    if saves := _newest_first(file.parent):
        with contextlib.suppress(CheckpointError):
            trained = read_facts(saves[0] / folders.WEIGHTS).model
    if found.get("model", trained) != trained:
        said = shown(found["model"])
        raise UsageError(f"{file} names the model {said}, and {saves[0]} is one of {trained}: put that back")
    return found


def _check_written(run: Path) -> None:
    """Raises CheckpointError for a run without a run.yaml that was trained: it has a state to continue from."""
    if any((save / folders.STATE).is_file() for save in folders.saves(run)):
        raise CheckpointError(f"{run / folders.SETTINGS} is missing, {_put_back(run)}")


def _put_back(run: Path) -> str:
    begin = f"{argument('from_', run)} {_ANOTHER}"
    return f"and without it no run is continued: put it back, or begin with the weights of the run, {begin}"


def _continued(name: str, folder: Path) -> Place:
    """The run in this folder, if there is one."""
    if saves := _newest_first(folder):
        return Place(folder, saves, remembers=True)
    new = _new(name, folder)
    if (folder / folders.SETTINGS).is_file():
        anew = f"{folder} has no save yet: it begins anew, with the settings of its run.yaml"
        return replace(new, remembers=True, anew=anew)
    beside = [str(path) for path in folder.parent.glob("*") if folders.readable_saves(path)]
    anew = f"there is no run {folder}: it begins anew. {did_you_mean(str(folder), beside)}"
    return replace(new, anew=anew.rstrip(" ."))


def _new(name: str, out: Path | None) -> Place:
    if out is None:
        return Place(folders.next_run(name), automatic=True)
    if saves := _newest_first(out):
        raise UsageError(
            f"{out} has a save at step {int(saves[0].name)}. Continue it: {argument('resume')}. Start anew: {_ANOTHER}"
        )
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: {argument('out')} wants a folder")
    if out.is_dir() and not _began_here(out):
        if (stranger := next((out / name for name in folders.WRITTEN if (out / name).exists()), None)) is not None:
            raise UsageError(f"{stranger} exists, and gantool did not write it: choose {_ANOTHER}")
        # The samples of a run would be pictures among them from then on.
        if any(is_picture_name(entry.name) for entry in os.scandir(out)):
            raise UsageError(f"{out} is a folder of pictures, and a run has a folder of its own: choose {_ANOTHER}")
    return Place(out)


def _began_here(folder: Path) -> bool:
    """Whether a training of gantool began in this folder."""
    settings = folder / folders.SETTINGS
    facts = read_yaml(settings).get("facts") if settings.is_file() else None
    return isinstance(facts, dict) and "gantool" in facts


def _newest_first(folder: Path) -> tuple[Path, ...]:
    return tuple(reversed(folders.saves(folder)))
