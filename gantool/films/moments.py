"""Moments of a film as people write them."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from gantool.errors import UsageError, argument, quoted

_FORM = re.compile(r"(?:(?:(\d{1,6}):)?(\d{1,6}):)?(\d{1,9}(?:\.\d{1,9})?)")


def parse_moment(text: str, name: str) -> float:
    """Seconds of "90", "1:30" or "1:02:03.5". Raises UsageError, with the name of the argument."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise UsageError(f"{argument(name)} is seconds or h:m:s, such as 90 or 1:30, not {quoted(text)}")
    hours, minutes, seconds = found.groups("0")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def exact(seconds: float) -> Fraction:
    """The fraction that a person means by a float: 2/5 for 0.4, which is a little more."""
    return Fraction(seconds).limit_denominator(1_000_000_000)


def moment(seconds: float) -> str:
    """1:02:03 for a person."""
    whole = math.floor(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
