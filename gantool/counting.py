"""How messages count: so many of something, and the first few of a list."""

from __future__ import annotations

from collections.abc import Sequence, Sized


def count_in_words(count: int, what: str, several: str | None = None) -> str:
    """1 step, 2 steps; with the word of `several` where an s does not make it: 1 pair differs, 2 pairs differ."""
    return f"{count} {what if count == 1 else several or what + 's'}"


def first_few(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many follow: a, b, c and 4 more."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def and_more(things: Sized) -> str:
    """What follows the first of them where a message names that one alone: " (and 3 more)"; "" where it is alone."""
    return f" (and {len(things) - 1} more)" if len(things) > 1 else ""
