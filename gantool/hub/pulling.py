"""From the hub to the disk: `gantool pull`, and weights that a person names by hf://.

Only safetensors, the card and sample grids are fetched, and weights are used once their hashes are right.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantool.byte_sizes import bytes_in_words
from gantool.errors import CheckpointError, DataError, UsageError
from gantool.files import check_folder, reason
from gantool.hub.connection import Listing, connect, honest, listing
from gantool.report.console import Console
from gantool.report.progress import Stages, stages
from gantool.runs import folders, remote
from gantool.runs.folders import STATE, WEIGHTS
from gantool.runs.header import DamagedError, facts_of, read_header
from gantool.runs.remote import Repository

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True, kw_only=True)
class Request:
    """The words of a person."""

    name: str
    """USER/NAME or USER/NAME@REVISION, with hf:// or without."""
    folder: Path | None = None
    """The run folder to make; None leaves the files in the hub's cache."""
    only: tuple[str, ...] = ()
    """Files that are enough; empty for all that are gantool's."""


@dataclass(frozen=True)
class Plan:
    """A pull that may begin."""

    request: Request
    place: Repository


@dataclass(frozen=True)
class Pulled:
    """What came."""

    name: str
    """hf://USER/NAME."""
    commit: str
    weights: Path
    folder: Path | None
    fetched: int
    """Bytes that were not there before."""


def plan(request: Request) -> Plan:
    """Raises UsageError for a wrong name or a folder that exists, DataError where nothing can be written."""
    place = remote.repository(request.name)
    remote.need_hub()
    if request.folder is not None:
        if request.folder.exists():
            raise UsageError(f"{request.folder} exists already: name another folder")
        check_folder(request.folder)
    return Plan(request, place)


def start(plan: Plan, console: Console) -> Pulled:
    """Fetches what is not in the hub's cache yet, checks it, and puts it into the folder.

    Raises CheckpointError for what the hub has not, for a damaged file (which is not kept) and without a network.
    """
    place, api = plan.place, connect()
    with honest(api, place):
        there = listing(api, place)
        if WEIGHTS not in there.sizes:
            raise CheckpointError(f"{place} holds no {WEIGHTS}: it is no run of gantool's")
        files = [file for file in there.ours if not plan.request.only or file in plan.request.only]
        new = [file for file in files if remote.cached(f"{place.name}@{there.commit}", file) is None]
        bytes_ = sum(there.sizes[file] for file in new)
        told = (
            f"fetching {bytes_in_words(bytes_)} of {place} from {api.endpoint}"
            if new
            else f"{place} is in the cache already"
        )
        console.note(told)
        with stages(console) as progress:
            found = _fetched(api, place, there, files, new, progress)
    _check(place, found)
    folder = plan.request.folder
    weights = found[WEIGHTS] if folder is None else _settled(folder, found)
    return Pulled(str(place), there.commit, weights, folder, bytes_)


def _fetched(
    api: HfApi, place: Repository, there: Listing, files: list[str], new: list[str], progress: Stages
) -> dict[str, Path]:
    """The files in the hub's cache, by their paths in the repository."""
    done, total = 0, sum(there.sizes[file] for file in new)

    def more(count: float | None) -> None:
        nonlocal done
        done = min(total, done + int(count or 0))
        if done < total:  # the end is said at the end
            progress("fetch kB", done // 1000, max(1, total // 1000))

    found = {}
    for file in files:
        # The weights come by the name of the revision, so that the cache knows which commit it means.
        revision = place.revision if file == WEIGHTS else there.commit
        path = api.hf_hub_download(place.name, file, revision=revision, tqdm_class=_telling(more))
        found[file] = Path(path)
        if there.commit not in Path(path).parts:
            raise CheckpointError(f"{place} changed while it was fetched: the same command again takes the new one")
    return found


def _telling(more: Callable[[float | None], None]) -> type[Any]:
    """A bar for the hub's package that draws nothing, and tells of every part that comes."""
    from tqdm import tqdm

    class Telling(tqdm):  # type: ignore[misc]
        def __init__(self, *words: Any, **more: Any) -> None:
            super().__init__(*words, **{key: value for key, value in more.items() if key != "name"} | {"disable": True})

        def update(self, n: float | None = 1) -> None:
            more(n)

    return Telling


def _check(place: Repository, found: dict[str, Path]) -> None:
    """Compares files with their hashes. Raises DamagedError for one that is not what was written: it is removed."""
    from gantool.runs import training_state
    from gantool.runs.tensors import read_tensors

    file = WEIGHTS
    try:
        header = read_header(found[WEIGHTS])
        facts_of(header)
        read_tensors(header)
        if STATE in found:
            file = STATE
            training_state.read(found[STATE], header)
    except CheckpointError as error:
        blob = found[file].resolve()
        found[file].unlink(missing_ok=True)
        blob.unlink(missing_ok=True)
        kind = DamagedError if isinstance(error, DamagedError) else CheckpointError
        raise kind(f"{place}: {error.text.replace(str(found[file]), file)}. It is not kept") from error


def _settled(folder: Path, found: dict[str, Path]) -> Path:
    """Makes a run folder of the files. It appears whole or not at all."""
    step = facts_of(read_header(found[WEIGHTS])).step
    temporary = folder.with_name(f".{folder.name}.{secrets.randbelow(10**12)}")
    try:
        for file, source in found.items():
            inside = file in (WEIGHTS, STATE)
            target = (folders.save_folder(temporary, step) if inside else temporary) / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        temporary.rename(folder)
    except OSError as error:
        raise DataError(f"cannot write {folder}: {reason(error, folder.parent)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folders.save_folder(folder, step) / WEIGHTS
