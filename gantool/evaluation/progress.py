"""How far a measurement is. Imports no torch."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told what is being done, and how far it is."""

    def __call__(self, stage: str, done: int, total: int, part: str = "") -> None:
        """`part` is what of the stage is being done, where it has several."""


def silent(stage: str, done: int, total: int, part: str = "") -> None:
    """The `Progress` of a caller that does not want to know."""
