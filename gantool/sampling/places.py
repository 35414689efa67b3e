"""Where pictures go that are not one of many: a single file, or stdout. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from gantool.counting import and_more
from gantool.errors import DataError, UsageError, argument
from gantool.files import check_writable, reason, write_atomically
from gantool.pictures.file import writable_format
from gantool.pictures.results import Recorder, Results
from gantool.report.console import Console
from gantool.translation.inputs import STREAM, Source
from gantool.translation.jobs import Job
from gantool.translation.naming import names_file
from gantool.translation.standing import Before, Existing, refuse_strangers


def is_folder(out: str) -> bool:
    """A folder, or a name for one that does not exist yet: no folder is called x.mp4."""
    path = Path(out)
    if path.exists() or out == STREAM:
        return path.is_dir()
    return out.endswith(("/", os.sep)) or not names_file(path.name)


def format_of(out: str) -> str:
    """Pillow's name of the format that a file's name asks for. Raises UsageError."""
    try:
        return writable_format(Path(out).suffix)
    except DataError as error:
        raise UsageError(f"{out}: {error.text}") from None


def check_one(out: str, existing: Existing | None, *, by_name: bool) -> None:
    """Raises UsageError for a file that exists and is not to be replaced, and DataError for a place that takes none."""
    if out != STREAM:
        check_several([Path(out)], existing, by_name=by_name)
        check_writable(Path(out))


def check_several(outs: list[Path], existing: Existing | None, *, by_name: bool) -> None:
    """Raises UsageError for files that exist and are not to be replaced."""
    jobs = [Job(Source(None, ""), out, "", may_change=False) for out in outs]
    refuse_strangers(jobs, Before(Results(), only_last_word=not by_name))
    there = [out for out in outs if os.path.exists(out)]
    if there and existing != "overwrite":
        replaces = f"{argument('existing', 'overwrite')} replaces, or name another OUT"
        raise UsageError(f"{there[0]} exists already{and_more(there)}: {replaces}")


def put_one(data: bytes, out: str, console: Console, write_stdout: Callable[[bytes], object]) -> None:
    """Writes a file, or its content to stdout. Raises DataError."""
    if out == STREAM:
        write_stdout(data)
        return
    put_file(Path(out), data)
    console.note(f"wrote {out}")


def put_file(path: Path, data: bytes) -> None:
    """Writes a file, in a folder that need not exist, and notes that gantool did. Raises DataError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot write {path}: {reason(error, path.parent)}") from error
    write_atomically(path, data)
    with closing(Recorder(path.parent)) as recorder:
        recorder.note_other(path, data)
