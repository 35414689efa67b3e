"""The sample grid of a training: fixed pictures, translated just as `gantool translate` does it on a CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantool.inference.codes import seed_of
from gantool.inference.engine import Engine
from gantool.pictures.file import to_uint8
from gantool.pictures.ids import shown
from gantool.spec import Direction

STYLES = 3
"""Results of a picture, for models with styles."""

Pictures = Mapping[str, Sequence[NDArray[np.uint8]]]
"""(H, W, C) by domain."""
Grid = tuple[list[list[NDArray[np.uint8]]], list[str]]
"""Rows of cells, and a label for each column."""


def by_pair(engine: Engine, pictures: Pictures) -> Grid:
    """For two domains: a row holds a picture of each, and what each is translated to; and back, if that can be done.

    Of several styles the first is translated back.
    """
    columns: list[Sequence[NDArray[np.uint8]]] = []
    header: list[str] = []
    for source, originals in pictures.items():
        columns.append([shown(one) for one in originals])
        header.append(source)
        for direction in (one for one in engine.directions if one.source == source):
            for number in range(STYLES if "code" in engine.can else 1):
                columns.append([_translated(engine, one, direction, number) for one in originals])
                header.append(f"{source} to {direction.target}")
            if (back := Direction(direction.target, source)) in engine.directions:
                there = columns[-STYLES if "code" in engine.can else -1]
                columns.append([_translated(engine, one, back, 0) for one in there])
                header.append("and back")
            maps = [engine.attention(one, direction) for one in originals]
            for name in maps[0]:
                columns.append([one[name] for one in maps])
                header.append(f"attention ({name})")
    return [list(row) for row in zip(*columns, strict=True)], header


def by_domain(engine: Engine, pictures: Pictures) -> Grid:
    """For many domains: a row is a picture and what it is in every domain. So many rows in all as there are samples."""
    longest = max(map(len, pictures.values()))
    turns = [(source, row) for row in range(longest) for source in pictures if row < len(pictures[source])]
    possible, names = set(engine.directions), engine.spec.domains
    rows = []
    for source, row in turns[: max(longest, len(pictures))]:
        one = pictures[source][row]
        rows.append(
            [
                one,
                *(_translated(engine, one, Direction(source, t), 0) if (source, t) in possible else one for t in names),
            ]
        )
    return rows, ["picture", *names]


def _translated(engine: Engine, pixels: NDArray[np.uint8], direction: Direction, number: int) -> NDArray[Any]:
    # One by one, and in the styles of a picture without a path: the bytes that `gantool.load(...).translate` gives.
    seed = seed_of(0, number=number)
    code = engine.random_code(direction.target, seed) if "code" in engine.can else None
    return to_uint8(engine.translate([pixels], direction, codes=code, seed=seed)[0])
