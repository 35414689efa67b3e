"""Where a run lies, and what of it is there to continue. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gantool.errors import CheckpointError, UsageError, argument
from gantool.options import read_yaml
from gantool.runs import folders
from gantool.runs.find import newest_run

_ANOTHER = argument("out", "ANOTHER_FOLDER")


@dataclass(frozen=True)
class Place:
    """A run folder, decided."""

    folder: Path
    saves: tuple[Path, ...] = ()
    """Saves to continue from, the newest first; empty for a new run."""
    automatic: bool = False
    """The folder is the next free one: it is made when the run begins, and may then have another number."""


def find_place(name: str, out: Path | None, resume: str | None) -> Place:
    """The place of a run of the model `name`. Raises UsageError and CheckpointError; touches nothing."""
    if resume is None:
        return _new(name, out)
    if resume == "auto":
        folder = out or newest_run(name)
        return Place(folder, _newest_first(folder)) if folder else _new(name, None)
    path = Path(resume)
    if path.is_file():
        path = path.parent
    if (path / folders.WEIGHTS).is_file() and path.parent.name == folders.CHECKPOINTS:
        run = path.parents[1]
        folder = out or run
        newest = next((int(save.name) for save in _newest_first(folder)), 0)
        if newest > int(path.name) or (folder != run and newest):
            raise UsageError(f"{folder} has a save at step {newest}: to go on from {path}, choose {_ANOTHER}")
        return Place(folder, (path,))
    if not folders.saves(path):
        raise CheckpointError(f"{path} has no save to continue from")
    return Place(path, _newest_first(path))


def settings_of_run(place: Place) -> dict[str, object]:
    """The run.yaml of a run to be continued; empty for a new run. Raises CheckpointError without one."""
    if not place.saves:
        return {}
    file = place.saves[0].parents[1] / folders.SETTINGS
    if not file.is_file():
        begin = f"{argument('from_', place.folder)} {_ANOTHER}"
        raise CheckpointError(f"{place.folder} was imported, not trained: begin with its weights, {begin}")
    return read_yaml(file)


def model_of(resume: str | None) -> object:
    """The model of a run that is to be continued, by its run.yaml, if its folder or one of its saves is named."""
    if resume is None or resume == "auto":
        return None
    path = Path(resume)
    files = [folder / folders.SETTINGS for folder in (path, *path.parents) if (folder / folders.SETTINGS).is_file()]
    return read_yaml(files[0]).get("model") if files else None


def _new(name: str, out: Path | None) -> Place:
    if out is None:
        return Place(folders.next_run(name), automatic=True)
    if saves := _newest_first(out):
        raise UsageError(
            f"{out} has a save at step {int(saves[0].name)}. Continue it: {argument('resume')}. Start anew: {_ANOTHER}"
        )
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: {argument('out')} wants a folder")
    return Place(out)


def _newest_first(folder: Path) -> tuple[Path, ...]:
    return tuple(reversed(folders.saves(folder)))
