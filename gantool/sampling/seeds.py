"""Seeds as people write them: 0-7,85. Imports no torch."""

from __future__ import annotations

from gantool.errors import UsageError, argument, quoted

LARGEST = 2**32 - 1
"""The largest seed of numpy's RandomState."""
MOST = 10_000_000
"""Seeds in one command, at most."""


def parse_seeds(text: str, name: str = "seeds", largest: int = LARGEST) -> tuple[int, ...]:
    """The numbers of "0-7,85", in their order; `name` is the argument that they stand in. Raises UsageError, also for
    one beyond the largest.
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = [first, last] if dash else [first]
        if not all(end.strip().isdecimal() and len(end.strip()) <= 10 for end in ends):
            raise UsageError(f"{argument(name)} wants numbers and ranges, such as 0-7,85, not {quoted(text)}")
        low, high = int(first), int(last if dash else first)
        if high < low:
            raise UsageError(f"{argument(name)}: {part.strip()} runs backwards, write {high}-{low}")
        if high > largest:
            raise UsageError(f"{argument(name)} names {high}, and the largest is {largest}")
        if len(found) + high - low >= MOST:
            raise UsageError(f"{argument(name)} names more than {MOST:,}: call gantool several times")
        found += range(low, high + 1)
    return tuple(found)


def count_on(first: int, count: int) -> tuple[int, ...]:
    """So many seeds from this one on. Raises UsageError for numbers that are no seeds."""
    if not 1 <= count <= MOST:
        raise UsageError(f"{argument('n')} is 1 to {MOST:,}, not {count}")
    check_seed(first, count)
    return tuple(range(first, first + count))


def check_seed(first: int, count: int = 1) -> None:
    """Raises UsageError where so many numbers from this one on are not all seeds."""
    if not 0 <= first <= LARGEST + 1 - count:
        of = f" for {count:,} pictures" if count > 1 else ""
        raise UsageError(f"{argument('seed')} is 0 to {LARGEST + 1 - count}{of}, not {first}")
