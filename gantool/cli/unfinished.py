"""What a person is told of a verb that did not come to its end."""

from __future__ import annotations

from collections.abc import Sequence

_WRITE_AT_THE_END = ("translate", "eval", "compare", "export")
"""Verbs that have written nothing where Ctrl-C leaves them: what `translate` writes by and by has words of its own."""


def stopped(words: Sequence[str]) -> str:
    """The line for Ctrl-C, where a command of these words has none of its own."""
    return "stopped: nothing was written" if _verb(words) in _WRITE_AT_THE_END else "stopped"


def roomier(words: Sequence[str]) -> str:
    """What takes less memory than a command of these words."""
    return {
        "train": "a smaller --crop, --precision bf16, or where --batch is above 1 a smaller one with --accumulate",
        "translate": "a smaller --size, --memory or --precision bf16",
        "sample": "--precision bf16 or --device cpu",
        "eval": "a smaller --size, or --device cpu",
        "compare": "a smaller --size, or --device cpu",
    }.get(_verb(words), "a machine with more")


def _verb(words: Sequence[str]) -> str:
    return next((word for word in words if not word.startswith("-")), "")
