"""Run folders on disk: which there are, and which save is the newest. Imports no torch.

runs/cyclegan/001/
    run.yaml  log.jsonl  gallery.html  samples/00001000.png
    checkpoints/00001000/{weights,state}.safetensors
"""

from __future__ import annotations

import difflib
import re
import shutil
from pathlib import Path

from gantool.errors import CheckpointError

RUNS = Path("runs")
CHECKPOINTS = "checkpoints"
WEIGHTS = "weights.safetensors"
STATE = "state.safetensors"
SETTINGS = "run.yaml"


def next_run(model: str, root: Path = RUNS) -> Path:
    """The next free `runs/MODEL/NNN`."""
    taken = [int(folder.name) for folder in (root / model).glob("*") if folder.name.isdigit()]
    return root / model / f"{max(taken, default=0) + 1:03d}"


def saves(run: Path) -> list[Path]:
    """The saves of a run, oldest first. A save appears under its name only when it is whole."""
    folders = [path for path in (run / CHECKPOINTS).glob("*") if path.name.isdigit() and (path / WEIGHTS).is_file()]
    return sorted(folders, key=lambda path: int(path.name))


def save_folder(run: Path, step: int) -> Path:
    """Where the save of a step lies."""
    return run / CHECKPOINTS / f"{step:08d}"


def save_before(weights: Path) -> Path | None:
    """The save of the same run before the one that holds this file; None where there is none."""
    save = weights.parent if len(weights.parents) > 2 else weights.absolute().parent
    if save.parent.name != CHECKPOINTS or not save.name.isdigit():
        return None
    return next((s for s in reversed(saves(save.parents[1])) if int(s.name) < int(save.name)), None)


def remove_save(save: Path) -> None:
    """Removes a save. It stops counting at once, so that nobody meets half of one."""
    going = save.with_name(f".{save.name}.old")
    save.rename(going)
    shutil.rmtree(going, ignore_errors=True)


def remove_half_saves(checkpoints: Path) -> None:
    """Removes what a kill left of saves that were being written or removed."""
    for path in checkpoints.glob(".*"):
        if re.fullmatch(r"\.\d+\.(\d+|old)", path.name):
            shutil.rmtree(path, ignore_errors=True)


def newest_run(model: str, root: Path = RUNS) -> Path | None:
    """The run of this model with the newest save, below `root` at `root/MODEL/*` or anywhere directly in `root`."""
    from gantool.runs.header import read_header

    found: list[tuple[float, Path]] = []
    for folder in [*(root / model).glob("*"), *root.glob("*")]:
        for save in saves(folder)[-1:]:
            try:
                belongs = folder.parent.name == model or read_header(save / WEIGHTS).metadata.get("model") == model
            except CheckpointError:
                continue
            if belongs:
                found.append(((save / WEIGHTS).stat().st_mtime, folder))
    return max(found)[1] if found else None


def is_run(path: Path) -> bool:
    """True for a folder that holds a training run, with or without a save yet."""
    return (path / SETTINGS).is_file() or (path / CHECKPOINTS).is_dir()


def is_resumable(name: str) -> bool:
    """True for the path of a run or of one of its saves."""
    path = Path(name)
    return is_run(path) or (path / WEIGHTS).is_file() or path.suffix == ".safetensors"


def find_weights(name: str, models: tuple[str, ...] = (), root: Path = RUNS) -> Path:
    """The weights file that `--model NAME` means: a weights file, a run folder, a save, or a model's newest run.

    Raises CheckpointError that says what was looked for.
    """
    path = Path(name)
    if path.is_file():
        return path
    if (path / WEIGHTS).is_file():
        return path / WEIGHTS
    if is_run(path):
        found = saves(path)
        if not found:
            raise CheckpointError(f"{path} has no save yet: train longer, or with a smaller --save-every")
        return found[-1] / WEIGHTS
    if name in models:
        run = newest_run(name, root)
        if run is None:
            raise CheckpointError(
                f"there is no run of {name} below {root}/. Train one (gantool train {name} A B) or give its folder"
            )
        return saves(run)[-1] / WEIGHTS
    near = difflib.get_close_matches(name, models, n=2, cutoff=0.6)
    if is_run(root / name):
        near = [str(root / name)]
    hint = f". Did you mean {' or '.join(near)}?" if near else ""
    known = f" and no model ({', '.join(models)})" if models else ""
    raise CheckpointError(f"{name} is no run folder, no weights file{known}{hint}")
