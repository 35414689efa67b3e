"""Which pictures KID compares at a time. Papers differ in that: it moves the deviation, not the expected value.

Imports no torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gantool.errors import UsageError, argument, quoted

COUNT, SIZE = 100, 1000
"""Subsets, and pictures a side of each, as in StyleGAN's papers: of sets that are large enough."""


@dataclass(frozen=True)
class Subsets:
    """What a person wants."""

    size: int
    """Pictures a side."""
    count: int | None = None
    """Subsets that are drawn; None: blocks of at most `size`, in which every picture counts once."""


def subsets_of(text: str) -> Subsets:
    """ "50x100": 50 subsets of 100 pictures a side. "10": blocks of at most 10. Raises UsageError."""
    found = re.fullmatch(r"(?:([1-9][0-9]{0,5})x)?([1-9][0-9]{0,5})", text)
    if found is None or found[2] == "1":
        raise UsageError(
            f"{argument('kid')} takes SUBSETSxSIZE, such as 100x50, or SIZE, for blocks of at most so many pictures;"
            f" SIZE is at least 2. {quoted(text)} is neither"
        )
    return Subsets(int(found[2]), int(found[1]) if found[1] else None)


def check(subsets: Subsets | None, real: int, fake: int, name: str = "") -> None:
    """Raises UsageError for subsets that sets of so many pictures do not have; `name` says which sets."""
    if subsets is None:
        return
    given = argument("kid", subsets.size if subsets.count is None else f"{subsets.count}x{subsets.size}")
    least = min(real, fake)
    of = f"{name} has" if name else "there are"
    if subsets.size > least:
        raise UsageError(f"{given}: {of} {real} real and {fake} fake pictures. SIZE is at most {least} here")
    if subsets.count is None and least < 2 * (parts := blocks(subsets, real, fake)):
        raise UsageError(
            f"{given}: {of} {real} real and {fake} fake pictures, too few of one side for two in each of {parts}"
            " blocks. Name SUBSETSxSIZE"
        )


def fitting(subsets: Subsets | None, real: int, fake: int) -> Subsets:
    """These, or those that are taken unless a person says otherwise: 100 of 1000 pictures, or of half the smaller set
    where that is less, so that they differ. Where a subset is all of both sets there is but one.
    """
    chosen = subsets or Subsets(max(2, min(SIZE, min(real, fake) // 2)), COUNT)
    return Subsets(chosen.size, 1) if chosen.size == real == fake else chosen


def blocks(subsets: Subsets, real: int, fake: int) -> int:
    """How many blocks of at most `size` pictures sets of so many are."""
    return -(-max(real, fake) // subsets.size)


def described(subsets: Subsets, real: int, fake: int) -> dict[str, Any]:
    """For a protocol."""
    if subsets.count is None:
        return {"blocks": blocks(subsets, real, fake), "block_size": f"at most {subsets.size}"}
    return {"subsets": subsets.count, "subset_size": subsets.size}
