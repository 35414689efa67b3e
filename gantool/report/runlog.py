"""The run's log: `log.jsonl`, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantool.errors import DataError
from gantool.files import write_atomically
from gantool.report.text import to_json


class RunLog:
    """Appends records to a file and, when a run resumes, takes back those that came after the save."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, step: int, losses: Mapping[str, float], **more: object) -> None:
        """One line `{"step": step, "losses": {...}, ...}`, flushed; what is not finite becomes null.

        After a crash call `truncate_after` first: the file may end in half a line.
        """
        line = to_json({"step": step, "losses": losses, **more})
        with self.path.open("a", encoding="ascii") as file:
            file.write(line + "\n")

    def truncate_after(self, step: int) -> None:
        """Drops the records of later steps and a torn last line; what is kept stays byte for byte. Atomic."""
        if not self.path.exists():
            return
        kept = [line for line, record in _records(self.path) if record["step"] <= step]
        data = b"".join(line + b"\n" for line in kept)
        if data != self.path.read_bytes():
            write_atomically(self.path, data)


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a log; none if there is no file. A torn last line is left out.

    Raises DataError for a line before the last that is no record.
    """
    return [record for _, record in _records(path)] if path.exists() else []


def _records(path: Path) -> list[tuple[bytes, dict[str, Any]]]:
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            if not isinstance(record, dict) or not isinstance(record.get("step"), int):
                raise ValueError("no record")
        except ValueError:
            if number == len(lines):
                break
            raise DataError(f"{path} line {number} is no record of a run; repair or remove that line") from None
        records.append((line, record))
    return records
