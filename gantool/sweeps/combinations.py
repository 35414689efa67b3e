"""What a person sweeps over, and the combinations of it. Imports no torch."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from gantool.errors import UsageError, argument, quoted
from gantool.options import assignments

_LONGEST = 200  # characters of a folder's name; systems take 255 bytes


@dataclass(frozen=True)
class Combination:
    """One value for each key."""

    values: tuple[tuple[str, str], ...]
    """(key, value as typed), in the order of the keys."""

    @property
    def name(self) -> str:
        """The name of its folder, "cycle_a=5,lr=1e-4": the same whatever else is swept over and in which order."""
        return ",".join(f"{key}={quote(value, safe='+ ')}" for key, value in self.values)


def combinations(texts: Sequence[str]) -> tuple[Combination, ...]:
    """All combinations of `["cycle_a=5,10", "lr=1e-4,2e-4"]`, the last key changing fastest. Raises UsageError."""
    values: dict[str, list[str]] = {}
    for text in texts:
        for key, listed in assignments([text]).items():
            if key in values:
                raise UsageError(f"{argument('sweep')} names {key} twice: give all its values at once, with commas")
            values[key] = [value.strip() for value in listed.split(",")]
            if not all(values[key]) or len(set(values[key])) < len(values[key]):
                raise UsageError(f"{argument('sweep')} wants different values with commas between, not {quoted(text)}")
    found = tuple(
        Combination(tuple(sorted(zip(values, chosen, strict=True)))) for chosen in itertools.product(*values.values())
    )
    if any(len(one.name) > _LONGEST for one in found):
        raise UsageError(f"the values of {argument('sweep')} are too long to name folders by")
    return found
