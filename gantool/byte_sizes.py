"""Counts of bytes as people read and write them."""

from __future__ import annotations

import re

from gantool.errors import UsageError, argument, quoted

_MOST = 10**18
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}


def bytes_in_words(count: float) -> str:
    """Bytes for a person, three digits of them: 812 B, 4.3 MB, 120 GB."""
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g} {units[0]}" if value < 999.5 else f"{value:.0f} {units[0]}"


def parse_bytes(text: str) -> int:
    """Bytes of "500M", "2G", "1.5GiB". Raises UsageError."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?I?)B?", text.strip().upper())
    if not found or found[2] not in _UNITS or float(found[1]) == 0:
        raise UsageError(f"{argument('memory')} wants a size such as 500M or 2G, not {quoted(text)}")
    count = float(found[1]) * _UNITS[found[2]]
    if count > _MOST:
        raise UsageError(f"{argument('memory')} is at most {_MOST // _UNITS['T']}T, not {quoted(text)}")
    return int(count)
