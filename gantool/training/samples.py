"""The sample grid of a training: a picture of how far it is, and how long one takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from gantool.capabilities import Samples, Translates
from gantool.data.dataset import Dataset
from gantool.inference import grids
from gantool.inference.engine import Engine
from gantool.inference.sampler import Sampler
from gantool.model import Model
from gantool.report.grids import grid, png

ROWS = 4
"""Of a grid of translations; of many domains there is a row for each."""
_QUICK = 10.0
"""Seconds of a grid that a dry run waits for."""


def drawn(model: Model[Any], pictures: grids.Pictures, texts: Sequence[str], columns: int = grids.SEEDS) -> bytes:
    """The grid as a PNG. `columns` are those of a grid of pictures of noise. Raises GantoolError."""
    return png(grid(*_cells(model, pictures, texts, columns)))


def seconds_of_a_round(model: Model[Any], dataset: Dataset) -> float:
    """How long a grid takes here: a part of it is drawn and timed, since all of it may take a quarter of an hour.

    Where that is quick all of it is: what is done once for a round, or for the first one, counts for much then.
    """
    pictures, texts = dataset.samples(ROWS), dataset.texts(ROWS)
    part, columns, parts = pictures, 1, grids.SEEDS
    if isinstance(model, Translates):
        many = _many(model)
        parts = max(ROWS, len(pictures)) if many else ROWS
        part = {name: pictures[name][:1] for name in list(pictures)[: 1 if many else None]}
    began = time.monotonic()
    drawn(model, part, texts, columns)
    taken = parts * (time.monotonic() - began)
    if taken > _QUICK:
        return taken
    began = time.monotonic()
    drawn(model, pictures, texts)
    return time.monotonic() - began


def rounds(done: int, total: int, every: int) -> int:
    """How many grids come after so many steps, of a training that draws one each `every` steps and at its end; one that
    is not begun draws one more.
    """
    if done >= total:
        return 0
    return total // every - done // every + (total % every > 0) + (done == 0)


def _many(model: Model[Any]) -> bool:
    """Whether the grid has a row for each domain, and not the ways between two."""
    return len(model.spec.domains) > 2


def _cells(model: Model[Any], pictures: grids.Pictures, texts: Sequence[str], columns: int) -> grids.Grid:
    device = next(model.parameters()).device
    if not isinstance(model, Translates):
        return grids.by_seed(Sampler(model, device), texts, columns)
    engine = Engine(model, device)
    if _many(model):
        return grids.by_domain(engine, pictures)
    cells = grids.by_pair(engine, pictures)
    return grids.with_seeds(cells, Sampler(model, device)) if isinstance(model, Samples) else cells
