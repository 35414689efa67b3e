"""What gantool remembers of the results that it wrote: which picture each belongs to, and how it was made.

There is one record for each folder of results, in the person's folder for such state and not among the results, which
stay alone. Nothing depends on it: without a record, a file counts as what its name says. Imports neither numpy nor
Pillow.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gantool.errors import UsageError


@dataclass(frozen=True)
class Made:
    """One result: what it was made of, how, and what it was like when it was written."""

    picture: str
    """Absolute path of the input; empty for stdin and for several."""
    relative: str
    """The input's path below the folder that was translated."""
    of: tuple[int, int]
    """The input's bytes and its time of change in nanoseconds; (-1, -1) without one."""
    like: tuple[int, int]
    """The same of the result."""
    sha256: str
    """Of the result."""
    how: Mapping[str, str]
    """Model, style and whatever else decides what a translation looks like; empty for what is no translation."""
    root: str = ""
    """The folder whose record this stands in."""


class Results:
    """The records of folders, each read once, when it is first asked for."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}
        self._records: dict[str, dict[str, dict[str, Made]]] = {}
        self._folders: dict[str, dict[str, Made]] = {}

    def of(self, path: Path | str) -> Made | None:
        """What is known of a file, if it is one that gantool wrote and still what gantool wrote."""
        made = self.noted(path)
        return made if made is not None and _as_written(path, made) else None

    def noted(self, path: Path | str) -> Made | None:
        """What was noted of a file of this name, whatever has become of it."""
        parent, name = os.path.split(path)
        return self.noted_in(parent).get(name)

    def noted_in(self, folder: str) -> Mapping[str, Made]:
        """What was noted of files that lie in a folder itself, by name, whatever has become of them."""
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        real = self._real[folder]
        if real not in self._folders:
            found: dict[str, Made] = {}
            here, below = real, ""
            while True:  # in the records of the folder and of those above it, the nearest first
                found = {**self._record(here).get(below, {}), **found}
                above, name = os.path.split(here)
                if not name:
                    break
                here, below = above, f"{name}/{below}"
            self._folders[real] = found
        return self._folders[real]

    def strangers(self, paths: Iterable[Path]) -> list[Path]:
        """Those of these files that are there, and that gantool did not write."""
        return [path for path in paths if os.path.lexists(path) and self.of(path) is None]

    def _record(self, folder: str) -> dict[str, dict[str, Made]]:
        """By the folder below this one, "" or "a/b/", and by name."""
        if folder not in self._records:
            found: dict[str, dict[str, Made]] = {}
            for out, made in _read(folder):
                below, slash, name = out.rpartition("/")
                found.setdefault(below + slash, {})[name] = made
            self._records[folder] = found
        return self._records[folder]


def refuse_strangers(*files: Path, another: str = "file") -> None:
    """Raises UsageError for a file that is there, and that gantool did not write. `another`: what a person may name."""
    if strangers := Results().strangers(files):
        raise UsageError(f"{strangers[0]} exists, and gantool did not write it: remove it, or name another {another}")


def note_file(out: Path) -> None:
    """Remembers that this file, which is no translation, is gantool's: it may be replaced."""
    with contextlib.closing(Recorder(out.parent)) as recorder, contextlib.suppress(OSError):
        recorder.note_other(out, out.read_bytes())


class Recorder:
    """Notes results below `root`, from several threads and processes at once, each as soon as it is written.

    Where nothing can be noted (no home, a full disk) nothing is.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._place = _place(self._root)
        self._lock = threading.Lock()
        self._below: dict[Path, str] = {}
        self._file: int | None = None
        self._off = self._place is None

    def note(self, out: Path, picture: Path | None, relative: str, how: Mapping[str, str], sha256: str) -> None:
        """A result that is in its place now."""
        if self._off:
            return
        try:
            if (folder := self._below.get(out.parent)) is None:
                folder = os.path.relpath(os.path.realpath(out.parent), self._root).replace(os.sep, "/")
                self._below[out.parent] = folder
            below = out.name if folder == "." else f"{folder}/{out.name}"
            made = [
                "" if picture is None else os.path.abspath(picture),
                relative,
                (-1, -1) if picture is None else _like(picture),
                _like(out),
                sha256,
                dict(how),
            ]
            # One call for each line: those of other processes stay whole.
            os.write(self._opened(), json.dumps([below, *made], separators=(",", ":")).encode() + b"\n")
        except (OSError, ValueError):
            self._off = True

    def note_other(self, out: Path, data: bytes) -> None:
        """A file that is no translation, with its content: it may be replaced, and is a picture like any other."""
        self.note(out, None, "", {}, hashlib.sha256(data).hexdigest())

    def close(self) -> None:
        """Lets go of the record."""
        if self._file is not None:
            os.close(self._file)
            self._file, self._off = None, True

    def _opened(self) -> int:
        with self._lock:
            if self._file is None:
                assert self._place is not None
                self._place.parent.mkdir(parents=True, exist_ok=True)
                if not self._place.exists():
                    _forget(self._place.parent)
                self._file = os.open(self._place, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
                size = os.lseek(self._file, 0, os.SEEK_END)
                if size == 0:
                    os.write(self._file, json.dumps(self._root).encode() + b"\n")
                elif os.lseek(self._file, -1, os.SEEK_END) and os.read(self._file, 1) != b"\n":
                    os.write(self._file, b"\n")  # after a line whose writer was killed
            return self._file


def _place(folder: str) -> Path | None:
    """The record of a folder; None where there is no home for it."""
    try:
        home = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    name = hashlib.sha256(os.fsencode(os.path.normcase(folder))).hexdigest()[:32]
    return Path(home) / "gantool" / "results" / f"{name}.jsonl"


def _read(folder: str) -> Iterator[tuple[str, Made]]:
    """A folder's record, the oldest note first. Lines that are cut short or damaged are left out."""
    place = _place(folder)
    try:
        content = b"" if place is None else place.read_bytes()
    except OSError:
        return
    for line in content.splitlines():  # the first is the folder's name
        with contextlib.suppress(ValueError, TypeError, AttributeError, RecursionError):
            out, picture, relative, of, like, digest, how = json.loads(line)
            if all(isinstance(text, str) for text in (out, picture, relative, digest, *how.values())):
                yield out, Made(picture, relative, _pair(of), _pair(like), digest, how, folder)


def _pair(value: list[int]) -> tuple[int, int]:
    """A TypeError or ValueError is a damaged line."""
    size, time = value
    return int(size), int(time)


def _like(path: Path | str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def _as_written(path: Path | str, made: Made) -> bool:
    """Whether a file is what was written there: copies have other times, and the same content."""
    try:
        now = _like(path)
        if now == made.like:
            return True
        if now[0] != made.like[0]:
            return False
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == made.sha256
    except OSError:
        return False


def _forget(folder: Path) -> None:
    """Removes the records of folders that are gone."""
    for place in folder.glob("*.jsonl"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            with place.open("rb") as file:
                gone = not os.path.isdir(json.loads(file.readline(100_000)))
            if gone:
                place.unlink()
