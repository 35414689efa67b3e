"""The words of a person for an evaluation, and what can be told of them early. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gantool import direction
from gantool.errors import DataError, UsageError, argument
from gantool.evaluation.files import needed
from gantool.inference.devices import check_name
from gantool.runs.header import read_facts
from gantool.spec import Facts

STYLES = 10
"""Translations of each picture by a model with styles, unless a person says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The words of a person, before anything is checked."""

    folders: tuple[Path, ...]
    weights: Path | None = None
    """Of the model that translates the first folder; None compares two folders."""
    to: str | None = None
    styles: int | None = None
    inception: Path | None = None
    lpips: tuple[Path, Path] | None = None
    classifier: Path | None = None
    device: str = "auto"


def check(request: Request) -> None:
    """Raises UsageError, DataError or CheckpointError for the first word that is wrong."""
    check_name(request.device)
    if request.weights is None:
        for name, value in (("to", request.to), ("n", request.styles)):
            if value is not None:
                raise UsageError(f"{argument(name)} goes with {argument('model')}")
    if request.weights is not None:
        facts = read_facts(request.weights)
        results_of_each(facts, request.styles)
        if request.to is not None:
            direction.resolve(facts, request.to)
    for folder in request.folders:
        if not folder.exists():
            raise DataError(f"{folder} does not exist")
    needed(inception=request.inception, lpips=request.lpips, classifier=request.classifier)


def results_of_each(facts: Facts, styles: int | None) -> int:
    """How many results each picture gets. Raises UsageError for styles of a model that has none."""
    if "code" in facts.can:
        return styles or STYLES
    if styles is not None:
        raise UsageError(f"{facts.model} has one result for a picture: leave out {argument('n')}")
    return 1
