"""How many results a picture gets, and what tells them apart: target domains and styles. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gantool.inference.styles import Style
from gantool.spec import Direction
from gantool.translation.naming import part_of_name


@dataclass(frozen=True)
class Variant:
    """One result for each picture."""

    direction: Direction
    style: Style | None = None
    suffix: str = ""
    """Put behind the stem of the picture's name: ".s1"."""


def variants(directions: Sequence[Direction], styles: Sequence[tuple[Style | None, str]]) -> tuple[Variant, ...]:
    """Every style in every target domain; what tells them apart is in the suffix, where there are several."""
    found = []
    for direction in directions:
        domain = f".{part_of_name(direction.target)}" if len(directions) > 1 else ""
        for style, name in styles:
            found.append(Variant(direction, style, domain + (f".{part_of_name(name)}" if len(styles) > 1 else "")))
    return tuple(found)
