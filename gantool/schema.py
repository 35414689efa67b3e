"""What files say, checked by type, range, length and depth: one mechanism for headers, states, logs and tables.

A check takes a value and the words for where it stands, and gives the value back as the program has it. It raises
ValueError with one line of bounded length, whatever the value is.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")

Check: TypeAlias = Callable[[object, str], T]

DEPTH = 32
"""Lists and tables within each other, at most."""
VALUES = 5_000_000
"""Values in one file, at most."""
LARGEST = 2**63 - 1
"""The largest whole number that every reader of JSON has."""

_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)  # possessive: never slower than the text is long


def parse_json(text: str | bytes) -> Any:
    """JSON text. Raises ValueError for anything else, and for what is nested too deep to be anything of ours."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    depth = 0
    for found in _BRACKETS.finditer(text):
        depth += 1 if found[0] in "[{" else -1 if found[0] in "]}" else 0
        if depth > DEPTH:
            raise ValueError(f"it is nested more than {DEPTH} deep")
    try:
        return json.loads(text)
    except RecursionError:  # brackets that the pattern above took for text
        raise ValueError("it is nested too deep") from None


def shown(value: object) -> str:
    """Any value in a few words that can be printed: an excerpt of a text, the kind of a list or table."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{printable(value if len(value) <= 100 else value[:100] + "...")}"'
    if isinstance(value, int):
        return str(value) if abs(value) <= LARGEST else "a number beyond 64 bits"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "a list"
    return "a table" if isinstance(value, dict) else f"a {type(value).__name__}"


def printable(text: str) -> str:
    """A text in one line, with whatever a terminal would not just show as an escape."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def first_line(error: BaseException) -> str:
    """An error in one line."""
    return printable((str(error).strip() or type(error).__name__).splitlines()[0][:200])


def refused(value: object, where: str, wanted: str) -> ValueError:
    """The error for a value that is not what is wanted; `where` is empty for a whole file."""
    return ValueError(f"{where or 'it'} is {shown(value)}, not {wanted}")


def flag(value: object, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise refused(value, where, "true or false")
    return value


def whole(low: int = 0, high: int = LARGEST) -> Check[int]:
    """A whole number in a range, both ends allowed."""
    wanted = f"a whole number from {low}" + (f" to {high}" if high < LARGEST else "")

    def check(value: object, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise refused(value, where, wanted)
        return value

    return check


def number(value: object, where: str) -> float:
    """A finite number that a double holds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _finite(value):
        raise refused(value, where, "a number")
    return value


def scalar(value: object, where: str) -> str | int | float | bool | None:
    """A single value of JSON: a finite number of 64 bits, a text of at most 5000 characters, true, false or nothing."""
    if isinstance(value, str) and len(value) <= 5000:
        return value
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) <= LARGEST):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise refused(value, where, "a number or a short text")


def text(longest: int = 1000, pattern: str = "", wanted: str = "a text") -> Check[str]:
    """A text of at most so many characters, all of which a pattern may ask to match."""

    def check(value: object, where: str) -> str:
        if not isinstance(value, str) or (pattern and not re.fullmatch(pattern, value, re.DOTALL)):
            raise refused(value, where, wanted)
        if len(value) > longest:
            raise ValueError(f"{where} is longer than {longest} characters")
        return value

    return check


def one_of(*known: str) -> Check[str]:
    """One of these words."""

    def check(value: object, where: str) -> str:
        if not isinstance(value, str) or value not in known:
            raise refused(value, where, f"one of {', '.join(known)}")
        return value

    return check


def nullable(inner: Check[T]) -> Check[T | None]:
    """Nothing, or what `inner` checks."""
    return lambda value, where: None if value is None else inner(value, where)


def either(*checks: Check[Any]) -> Check[Any]:
    """What the first check that agrees gives; the last one has the word."""

    def check(value: object, where: str) -> Any:
        for one in checks[:-1]:
            try:
                return one(value, where)
            except ValueError:
                continue
        return checks[-1](value, where)

    return check


def kept(inner: Check[Any]) -> Check[Any]:
    """What `inner` checks, as it is in the file: lists stay lists."""

    def check(value: object, where: str) -> Any:
        inner(value, where)
        return value

    return check


def several(inner: Check[T], *, low: int = 0, high: int = 1000, different: bool = False) -> Check[tuple[T, ...]]:
    """A list, as a tuple."""

    def check(value: object, where: str) -> tuple[T, ...]:
        if not isinstance(value, (list, tuple)):
            raise refused(value, where, "a list")
        if not low <= len(value) <= high:
            raise ValueError(f"{where} has {len(value)} entries, not {low} to {high}")
        found = tuple(inner(item, f"{where}[{index}]") for index, item in enumerate(value))
        if different and len(set(found)) < len(found):
            raise ValueError(f"{where} says one thing twice")
        return found

    return check


def table(inner: Check[T], *, high: int = 1000, longest: int = 255) -> Check[dict[str, T]]:
    """A table with any keys of at most `longest` characters, and values of one kind."""

    def check(value: object, where: str) -> dict[str, T]:
        if not isinstance(value, dict):
            raise refused(value, where, "a table")
        if len(value) > high:
            raise ValueError(f"{where or 'it'} has {len(value)} entries, more than {high}")
        named = text(longest)
        return {named(key, f"a key of {where or 'it'}"): inner(item, _below(where, key)) for key, item in value.items()}

    return check


@dataclass(frozen=True)
class Field(Generic[T]):
    """One entry of a `record`."""

    check: Check[T]
    needed: bool = True
    default: Any = None
    """Where it is not needed and not there."""


def optional(check: Check[T], default: Any = None) -> Field[T]:
    """An entry that may be missing."""
    return Field(check, needed=False, default=default)


def record(fields: Mapping[str, Field[Any] | Check[Any]]) -> Check[dict[str, Any]]:
    """A table with these entries; others are left out of what it gives."""
    entries = {key: field if isinstance(field, Field) else Field(field) for key, field in fields.items()}

    def check(value: object, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise refused(value, where, "a table")
        lacking = [key for key, field in entries.items() if field.needed and key not in value]
        if lacking:
            raise ValueError(f"{where or 'it'} lacks {', '.join(lacking)}")
        return {
            key: field.check(value[key], _below(where, key)) if key in value else field.default
            for key, field in entries.items()
        }

    return check


def anything(value: object, where: str) -> Any:
    """Whatever JSON can hold, within the limits of depth, number of values, text and numbers.

    Texts may be names of files, and so have neither NUL nor half of a character, of which no system makes a name.
    """
    left = VALUES
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        left -= 1
        if depth > DEPTH or left < 0:
            raise ValueError(f"{where or 'it'} is nested too deep, or holds too much")
        if isinstance(item, dict):
            if not all(isinstance(key, str) for key in item):
                raise ValueError(f"{where or 'it'} has a key that is no text")
            waiting += [(inner, depth + 1) for inner in (*item, *item.values())]
        elif isinstance(item, (list, tuple)):
            waiting += [(inner, depth + 1) for inner in item]
        elif isinstance(item, int) and abs(item) > LARGEST:
            raise refused(item, where, "a number of 64 bits")
        elif isinstance(item, str):
            if not _can_be_a_name(item):
                raise refused(item, where, "a text that can be written")
        elif item is not None and not isinstance(item, (int, float)):
            raise refused(item, where, "a text, a number, a list or a table")
    return value


def _can_be_a_name(text: str) -> bool:
    try:
        return b"\0" not in text.encode("utf-8", "surrogateescape")  # that is how names not of UTF-8 are texts
    except UnicodeEncodeError:
        return False


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the doubles
        return False


def _below(where: str, key: object) -> str:
    name = printable(str(key)[:40])
    return f"{where}.{name}" if where else name
