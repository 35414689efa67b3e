"""The sample grid of a training: fixed pictures, translated just as `gantool translate` does it on a CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gantool.capabilities import Samples
from gantool.inference.codes import seed_of
from gantool.inference.engine import Engine
from gantool.inference.sampler import Sampler
from gantool.pictures.file import to_uint8
from gantool.pictures.ids import shown
from gantool.spec import Direction

STYLES = 3
"""Results of a picture, for models with styles."""

SEEDS, ROWS, LABELS = 8, 4, 8
"""Of a sample grid of pictures made of noise: columns, rows, and rows for classes or texts at most."""

Pictures = Mapping[str, Sequence[NDArray[np.uint8]]]
"""(H, W, C) by domain."""
Grid = tuple[list[list[NDArray[Any]]], list[str] | None]
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
                again = direction.target == source  # a reconstruction
                header.append(f"{source} again" if again else f"{source} to {direction.target}")
            if not again and (back := Direction(direction.target, source)) in engine.directions:
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


def by_seed(sampler: Sampler, texts: Sequence[str] = (), columns: int = SEEDS) -> Grid:
    """Pictures of the seeds from 0 on, just as `gantool sample` makes them: four rows, or a row for each class, or for
    each of these texts.
    """
    model = sampler.model
    assert isinstance(model, Samples)
    if model.label_size == 0:
        seeds = range(columns * ROWS)
        cells = [sampler.pictures(sampler.latent(seed))[0] for seed in seeds]
        rows = [cells[first : first + columns] for first in range(0, len(cells), columns)]
        return rows, None
    labels = _labels(sampler, texts)
    rows = [[sampler.pictures(sampler.latent(seed), label[None])[0] for seed in range(columns)] for label in labels]
    return rows, [f"seed {seed}" for seed in range(columns)]


def with_seeds(cells: Grid, sampler: Sampler) -> Grid:
    """The cells of a model that translates, and in each row the picture of a seed, for one that makes such as well."""
    rows, header = cells
    made = [sampler.pictures(sampler.latent(seed))[0] for seed in range(len(rows))]
    return [[*row, picture] for row, picture in zip(rows, made, strict=True)], [*(header or ()), "of noise"]


def _labels(sampler: Sampler, texts: Sequence[str]) -> Tensor:
    """Up to eight labels (N, L): of texts, of classes, or vectors drawn from a normal distribution."""
    if "read" in sampler.can and texts:
        return sampler.read(texts[:LABELS])
    model = sampler.model
    assert isinstance(model, Samples)
    if model.spec.vectors:
        return torch.randn(ROWS, model.label_size, generator=torch.Generator().manual_seed(0))
    return torch.eye(model.label_size)[:LABELS]


def _translated(engine: Engine, pixels: NDArray[np.uint8], direction: Direction, number: int) -> NDArray[Any]:
    # One by one, and in the styles of a picture without a path: the bytes that `gantool.load(...).translate` gives.
    seed = seed_of(0, number=number)
    code = engine.random_code(direction.target, seed) if "code" in engine.can else None
    return to_uint8(engine.translate([pixels], direction, codes=code, seed=seed)[0])
