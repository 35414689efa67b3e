"""Imports as tests ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gantool import registry
from gantool.importing.session import Report, Request, start
from gantool.model import Model
from gantool.runs import checkpoint


def import_files(files: Iterable[Path], out: Path, **settings: Any) -> Report:
    """`start` of a request for these files; `settings` are its other fields."""
    return start(Request(files=tuple(files), out=out, **settings))


def whole(report: Report) -> Model[Any]:
    """The model with all networks that came, as a training begins with it, in evaluation mode."""
    model = checkpoint.build_model(registry.plugin(report.model).load(), report.options, report.spec)
    checkpoint.begin_from(model, report.weights)
    return model.eval()
