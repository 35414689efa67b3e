"""The content of a run folder, and its saves. Imports no torch.

runs/cyclegan/001/
    run.yaml  log.jsonl  gallery.html  samples/00001000.png
    checkpoints/00001000/{weights,state}.safetensors
    best -> checkpoints/00001000
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from gantool.errors import DataError
from gantool.files import TEMPORARY, missing, reason, remove_abandoned, write_atomically

RUNS = Path("runs")
CHECKPOINTS = "checkpoints"
WEIGHTS = "weights.safetensors"
STATE = "state.safetensors"
SETTINGS = "run.yaml"
LOG = "log.jsonl"
BEST = "best"
"""A link to the best save; where the system refuses links a file that holds what the link would."""
WRITTEN = (SETTINGS, LOG, BEST, "gallery.html", "demo.html", "samples", "translations")
"""What a training and a demo write beside the saves."""
NOTE = "note.txt"
"""What a person noted of the run."""
ASIDE = ".aside"
"""A file that says why a run is not meant by its model's name alone: `DEMO` or `STOPPED_EARLY`."""
DEMO, STOPPED_EARLY = "demo", "stopped before its first save was due"


def make_run(model: str, root: Path = RUNS) -> Path:
    """Makes the next free `runs/MODEL/NNN` and returns it: two trainings that start together get two folders."""
    number = _largest(model, root)
    while True:
        number += 1
        folder = run_folder(model, number, root)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise DataError(f"cannot make the run folder {folder}: {reason(error, folder)}") from error
        return folder


def next_run(model: str, root: Path = RUNS) -> Path:
    """The folder that `make_run` would make at this moment: for a plan that touches nothing."""
    return run_folder(model, _largest(model, root) + 1, root)


def run_folder(model: str, number: int, root: Path = RUNS) -> Path:
    """`runs/MODEL/NNN`."""
    return root / model / f"{number:03d}"


def _largest(model: str, root: Path) -> int:
    taken = [int(folder.name) for folder in (root / model).glob("*") if folder.name.isdigit()]
    return max(taken, default=0)


def saves(run: Path) -> list[Path]:
    """The saves of a run, oldest first. A save appears under its name only when it is whole.

    Raises DataError for saves that may not be listed: they are there, and a run without any would begin anew.
    """
    folder = run / CHECKPOINTS
    try:
        named = [folder / name for name in os.listdir(folder) if name.isdigit()]
        found = [path for path in named if (path / WEIGHTS).is_file()]
    except (FileNotFoundError, NotADirectoryError):
        if folder.is_symlink():  # to a disk that is not mounted
            raise missing(folder) from None
        return []
    except OSError as error:
        raise DataError(f"cannot list {error.filename or folder}: {error.strerror or error}") from error
    return sorted(found, key=lambda path: int(path.name))


def readable_saves(run: Path) -> list[Path]:
    """As `saves`; none where they may not be listed: of a run among many."""
    try:
        return saves(run)
    except DataError:
        return []


def save_folder(run: Path, step: int) -> Path:
    """Where the save of a step lies."""
    return run / CHECKPOINTS / f"{step:08d}"


def save_before(weights: Path) -> Path | None:
    """The save of the same run before the one that holds this file; None where there is none."""
    save = weights.parent if len(weights.parents) > 2 else weights.absolute().parent
    if save.parent.name != CHECKPOINTS or not save.name.isdigit():
        return None
    return next((s for s in reversed(saves(save.parents[1])) if int(s.name) < int(save.name)), None)


def run_of(weights: Path) -> Path | None:
    """The run folder that a weights file belongs to; None for one that lies elsewhere."""
    return weights.parents[2] if len(weights.parents) > 2 and weights.parents[1].name == CHECKPOINTS else None


def remove_save(save: Path) -> None:
    """Removes a save. It stops counting at once, so that half of one is never found."""
    going = save.with_name(f".{save.name}.old")
    save.rename(going)
    shutil.rmtree(going, ignore_errors=True)


def best(run: Path) -> Path | None:
    """The save that the run's validations found best; None where there is none."""
    link = run / BEST
    try:
        target = os.readlink(link) if link.is_symlink() else link.read_bytes()[:100].decode("ascii")
    except (OSError, ValueError):
        return None
    found = re.fullmatch(rf"{CHECKPOINTS}[/\\](\d+)\s*", target)
    save = run / CHECKPOINTS / found[1] if found else None
    return save if save is not None and (save / WEIGHTS).is_file() else None


def set_best(run: Path, save: Path) -> None:
    """Says which save of the run is best. Atomic. Raises DataError where it cannot be written."""
    if best(run) == save:
        return
    target, link, temporary = f"{CHECKPOINTS}/{save.name}", run / BEST, run / f".{BEST}"
    try:
        temporary.unlink(missing_ok=True)  # of a killed process: one trains in a folder at a time
        temporary.symlink_to(target, target_is_directory=True)
    except OSError:  # Windows lets few people make links
        write_atomically(link, target.encode())
        return
    try:
        temporary.replace(link)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DataError(f"cannot write {link}: {reason(error, run)}") from error


def sweep(run: Path) -> None:
    """Removes what killed processes left half written in a run folder. What a living one writes stays."""
    half = [path for path in (run / CHECKPOINTS).glob(".*") if re.fullmatch(r"\.\d+\.(\d+|old)", path.name)]
    remove_abandoned([*half, *run.glob(TEMPORARY), *run.glob(f"*/{TEMPORARY}")])


def aside(run: Path) -> str | None:
    """Why this run is not meant by its model's name alone; None for most."""
    try:
        return (run / ASIDE).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def set_aside(run: Path, why: str | None) -> None:
    """Says why this run is not meant by its model's name alone, or that it is. A demo stays one."""
    if aside(run) == DEMO:
        return
    if why is None:
        (run / ASIDE).unlink(missing_ok=True)
    else:
        (run / ASIDE).write_text(f"{why}\n", encoding="utf-8")


def is_run(path: Path) -> bool:
    """True for a folder that holds a training run, with or without a save yet."""
    return (path / SETTINGS).is_file() or (path / CHECKPOINTS).is_dir()
