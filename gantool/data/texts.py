"""Texts as numbers: the bytes of UTF-8, which need no vocabulary. Imports no torch."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LONGEST = 500
"""Bytes of a text, at most: what is longer is cut."""


def plain(text: str) -> str:
    """A text as models read it: in small letters, with composed accents and single blanks between its words."""
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


def encoded(text: str) -> bytes:
    """The bytes of `plain`, as many as whole characters have within `LONGEST`."""
    return plain(text).encode(errors="replace")[:LONGEST].decode(errors="ignore").encode()


def as_bytes(texts: Sequence[str], length: int | None = None) -> NDArray[np.int64]:
    """The bytes (N, L) of texts, each from 1 to 255; 0 fills up to `length`, or to the longest of these texts."""
    rows = [encoded(text) for text in texts]
    table = np.zeros((len(rows), length or max(1, *map(len, rows))), np.int64)
    for row, content in zip(table, rows, strict=True):
        row[: len(content)] = np.frombuffer(content, np.uint8)
    return table
