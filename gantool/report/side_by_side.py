"""A page of models side by side: their figures, and the same pictures of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gantool.report.gallery import shrunk
from gantool.report.page import BUDGET, Embedded, embedded, write_page

if TYPE_CHECKING:
    from gantool.report.gallery import Picture


class Figure(NamedTuple):
    """A cell of the table."""

    value: str
    spread: str
    """What stands behind the value, with its sign; may be empty."""
    mark: str
    """best, near (not distinguishable from the best) or empty."""


@dataclass(frozen=True)
class Figures:
    """The table."""

    heads: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Figure]]]
    """By the models' names."""
    legend: Mapping[str, str]
    """What ±, best and near mean; only those that the table has."""


def write_comparison(
    path: Path,
    title: str,
    *,
    facts: Mapping[str, str],
    figures: Figures,
    lines: Sequence[tuple[str, Sequence[tuple[str, Picture]]]],
    protocol: Sequence[tuple[str, str]],
    notes: Sequence[str],
) -> Path:
    """Writes the page. `lines` are rows of pictures by a name, each picture with its caption. Rows that would make the
    page larger than 20 MB are left out, and the page says how many. Raises DataError.
    """
    size = 0
    shown: list[tuple[str, list[tuple[str, Embedded]]]] = []
    for name, pictures in lines:
        if size > BUDGET:
            break
        files = [(caption, shrunk(picture)) for caption, picture in pictures]
        size += sum(len(file[0]) for _, file in files)
        shown.append((name, [(caption, embedded(*file)) for caption, file in files]))
    return write_page(
        path,
        "compare.html",
        title=title,
        facts=facts,
        link=None,
        figures=figures,
        lines=shown,
        left_out=len(lines) - len(shown),
        protocol=protocol,
        notes=notes,
    )
