"""What a person sweeps over, and the combinations of it. Imports no torch."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from gantool.errors import UsageError, argument, quoted
from gantool.options import assignments
from gantool.runs import folders
from gantool.training.words import Request
from gantool.translation.outputs import parse_shard

_MOST = 10_000
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
    if (count := math.prod(map(len, values.values()))) > _MOST:
        raise UsageError(
            f"a sweep has at most {_MOST:,} runs, not {count:,}: leave out some values of {argument('sweep')}"
        )
    found = tuple(
        Combination(tuple(sorted(zip(values, chosen, strict=True)))) for chosen in itertools.product(*values.values())
    )
    if any(len(one.name) > _LONGEST for one in found):
        raise UsageError(f"the values of {argument('sweep')} are too long to name folders by")
    return found


def asked(request: Request, texts: Sequence[str], part: str | None) -> tuple[tuple[Combination, ...], tuple[int, int]]:
    """All combinations, and (i, n) of the part that is this machine's. Raises UsageError for what is no sweep."""
    found = combinations(texts)
    shard = (1, 1) if part is None else parse_shard(part)
    if request.out is None:
        raise UsageError(f"a sweep has a folder, by which it goes on where it stopped: {argument('out', 'FOLDER')}")
    if request.resume is not None:
        raise UsageError(f"a sweep goes on where it stopped: leave out {argument('resume')}")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError(f"each run of a sweep is trained by one process: {argument('shard', '1/2')} parts a sweep")
    if folders.is_run(request.out):
        raise UsageError(f"{request.out} is a run itself: choose {argument('out', 'ANOTHER_FOLDER')}")
    if twice := sorted({key for key, _ in found[0].values} & {*request.set, *request.settings}):
        raise UsageError(f"{twice[0]} is given, and swept over: leave out one of both")
    return found, shard
