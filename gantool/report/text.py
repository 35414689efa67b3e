"""Numbers and values as text: JSON that every parser accepts, short figures, durations."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import PurePath
from typing import Any


def to_json(value: object) -> str:
    """`value` as strict JSON in ASCII: NaN and infinities become null, paths become strings.

    Scalars of other libraries (numpy) are written as Python numbers. Raises TypeError for anything else unknown.
    """
    # DEL is the one control character that JSON leaves as it is.
    return json.dumps(_plain(value), allow_nan=False).replace("\x7f", "\\u007f")


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


# Control characters, what turns the direction of writing, spaces without width, line ends of Unicode, and bytes of a
# name that are no text. Joiners (U+200C, U+200D) belong to words and emoji.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufff9-\ufffb]"
)


def visible(text: str) -> str:
    r"""The text with every character that a person cannot see, or that a terminal obeys, written out: \n, \x1b, \xe9.

    Names of files and domains may hold any of them.
    """
    return text if text.isprintable() else _HIDDEN.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is no text
        return f"\\x{code - 0xDC00:02x}"
    return found[0].encode("unicode_escape").decode()


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
    """Nested tables and lists as one line that people can read, without what a table leaves open (None)."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, dict):
        return ", ".join(f"{key} {words(inner)}" for key, inner in value.items() if inner is not None)
    if isinstance(value, list):
        return ", ".join(words(inner) for inner in value)
    return str(value)
