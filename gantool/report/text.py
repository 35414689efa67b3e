"""Numbers and values as text: JSON that every parser accepts, short figures, durations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import PurePath
from typing import Any


def to_json(value: object, *, indent: int | None = None) -> str:
    """`value` as strict JSON in ASCII: NaN and infinities become null, paths become strings.

    Scalars of other libraries (numpy) are written as Python numbers. Raises TypeError for anything else unknown.
    """
    return json.dumps(_plain(value), allow_nan=False, indent=indent)


def _plain(value: object) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (Sequence, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "item"):
        return _plain(value.item())
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def figure(value: float, digits: int = 3) -> str:
    """A number for a person, with so many significant digits: 0.714, 12.3, 20000, 3.1e-05."""
    if isinstance(value, int):
        return str(value)
    if not isfinite(value):
        return str(float(value))
    if value == 0 or 1e-3 <= abs(value) < 10**digits - 0.5:
        return f"{value:.{digits}g}"
    return f"{value:.0f}" if 1 <= abs(value) < 1e7 else f"{value:.{digits - 1}e}"


def duration(seconds: float) -> str:
    """Seconds for a person: 45s, 38m, 2h05m, 3d04h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02d}m"
    return f"{hours // 24}d{hours % 24:02d}h"


def rate(per_second: float) -> str:
    """A pace for a person: `8.1 it/s`, or `3.2 s/it` where one takes longer than a second."""
    return f"{per_second:.1f} it/s" if per_second >= 1 else f"{1 / per_second:.1f} s/it"


def words(value: object) -> str:
    """Nested tables and lists as one line that people can read."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {words(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(words(inner) for inner in value)
    return str(value)
