"""Which run or weights file a person means. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path

from gantool import examples
from gantool.errors import CheckpointError, argument, did_you_mean
from gantool.runs import remote
from gantool.runs.folders import BEST, DEMO, RUNS, STOPPED_EARLY, WEIGHTS, aside, best, is_run, readable_saves, saves
from gantool.runs.header import read_header


def newest_run(model: str, *, stopped_early: bool = False) -> Path | None:
    """The run of this model with the newest save: of `runs/MODEL/*` and, whatever its name, of `runs/*`.

    A demo is never meant. One that stopped before its first save was due is meant where there is no other, or where
    `stopped_early` says so.
    """
    found: list[tuple[bool, float, Path]] = []
    for folder in [*(RUNS / model).glob("*"), *RUNS.glob("*")]:
        why = aside(folder)
        for save in readable_saves(folder)[-1:] if why != DEMO else ():
            try:
                belongs = folder.parent.name == model or read_header(save / WEIGHTS).metadata.get("model") == model
            except CheckpointError:
                continue
            if belongs:
                whole = stopped_early or why != STOPPED_EARLY
                found.append((whole, (save / WEIGHTS).stat().st_mtime, folder))
    return max(found)[2] if found else None


def meant(path: Path) -> Path:
    """The save that `RUN/best` means, and every other path as it is. Raises CheckpointError where no save is best."""
    if path.name != BEST or not is_run(path.parent):
        return path
    if (save := best(path.parent)) is None:
        if os.path.lexists(path):
            raise CheckpointError(f"{path} leads to no save: {path.parent} alone means the newest")
        raise CheckpointError(
            f"{path.parent} has no best save: {argument('validate', 'DIR')} measures the saves of a training"
        )
    return save


def is_resumable(name: str) -> bool:
    """True for the path of a run or of one of its saves."""
    path = Path(name)
    is_best = path.name == BEST and is_run(path.parent)
    return is_run(path) or is_best or (path / WEIGHTS).is_file() or path.suffix == ".safetensors"


def find_weights(name: str, models: tuple[str, ...] = ()) -> Path:
    """The weights file that a person names: a weights file, a run folder (its newest save), a save, a run's best save
    (RUN/best), a model's newest run, hf://USER/NAME in the hub's cache, or "demo": the one that comes with gantool.

    Raises CheckpointError that says what was looked for, and UsageError for a name that the hub cannot have.
    """
    if remote.is_remote(name):
        return remote.weights(name)
    path = meant(Path(name))
    if path.is_file():
        return path
    if (path / WEIGHTS).is_file():
        return path / WEIGHTS
    if is_run(path):
        found = saves(path)
        if not found:
            raise CheckpointError(f"{path} has no save yet: train longer, or with a smaller {argument('save_every')}")
        return found[-1] / WEIGHTS
    if name in models:
        run = newest_run(name)
        if run is None:
            raise CheckpointError(
                f"there is no run of {name} below {RUNS}/. Train one (gantool train {name} A B) or give its folder"
            )
        return saves(run)[-1] / WEIGHTS
    if name == examples.DEMO.stem:
        return examples.DEMO
    runs = [str(beside) for beside in path.parent.glob("*") if is_run(beside)]
    hint = f"Did you mean {RUNS / name}?" if is_run(RUNS / name) else did_you_mean(name, [*models, *runs], most=2)
    known = f" and no model ({', '.join(models)})" if models and path.name == name else ""
    raise CheckpointError(f"{name} is no run folder, no weights file{known}. {hint}".rstrip(" ."))
