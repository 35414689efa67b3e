"""The run's log: `log.jsonl`, one JSON object a line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantool import schema
from gantool.files import write_atomically
from gantool.report.text import to_json


class RunLog:
    """Appends records to a file and, when a run resumes, takes back those that came after the save."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, step: int, losses: Mapping[str, float], **more: object) -> None:
        """One line `{"step": step, "losses": {...}, ...}`, flushed; what is not finite becomes null.

        A line that a killed process left without its end stays a line of its own.
        """
        line = to_json({"step": step, "losses": losses, **more}).encode("ascii") + b"\n"
        with self.path.open("ab+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)

    def truncate_after(self, step: int) -> None:
        """Drops the records of later steps and what is no record; what is kept stays byte for byte. Atomic."""
        if not self.path.exists():
            return
        kept = [line for line, record in _records(self.path) if record["step"] <= step]
        data = b"".join(line + b"\n" for line in kept)
        if data != self.path.read_bytes():
            write_atomically(self.path, data)


def read(path: Path, having: str = "") -> list[dict[str, Any]]:
    """The records of a log; none if there is no file. Lines that are no records, such as a torn one, are left out.

    `having` leaves out those without this key, far faster than they are read.
    """
    if not path.exists():
        return []
    return [record for _, record in _records(path, having) if not having or having in record]


def last_step(path: Path) -> int:
    """The step of the last record of a log, which may be long; 0 where there is none."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        file.seek(-min(_TAIL, path.stat().st_size), os.SEEK_END)
        found = _of_lines(file.read())
    return int(found[-1][1]["step"]) if found else 0


_TAIL = 65536  # bytes; a record has a few hundred


def _records(path: Path, having: str = "") -> list[tuple[bytes, dict[str, Any]]]:
    """Every line that is a record, with what it says."""
    return _of_lines(path.read_bytes(), having)


def _of_lines(data: bytes, having: str = "") -> list[tuple[bytes, dict[str, Any]]]:
    records = []
    for line in data.split(b"\n"):
        if having.encode() not in line:
            continue
        try:
            table = schema.anything(schema.parse_json(line), "")
            known = _RECORD(table, "")
            records.append((line, {**table, **known}))
        except ValueError:
            continue
    return records


def _loss(value: object, where: str) -> float:
    found = schema.number(value, where)
    if abs(found) > 1e100:  # its curve could not be drawn
        raise schema.refused(value, where, "a loss")
    return found


_LOSSES = schema.table(schema.nullable(_loss), longest=1000)
_RECORD = schema.record({"step": schema.whole(), "losses": schema.optional(_LOSSES, {})})
