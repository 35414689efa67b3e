"""Imports as tests ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gantool.importing.session import Report, Request, start


def import_files(files: Iterable[Path], out: Path, **settings: Any) -> Report:
    """`start` of a request for these files; `settings` are its other fields."""
    return start(Request(files=tuple(files), out=out, **settings))
