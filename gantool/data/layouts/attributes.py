"""Domains of a table of attributes, and the pictures that its names mean."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from gantool.counting import count_in_words
from gantool.data.layouts.folders import composed, listed
from gantool.data.layouts.named import not_shared, paths_of
from gantool.data.layouts.tables import read_table
from gantool.data.source import Domain
from gantool.errors import DataError, argument, did_you_mean
from gantool.pictures.find import find_pictures

SPLIT_SEED = 1234
"""Of the authors' split into training and test pictures."""


def attribute_domains(folder: Path, table: Path, attributes: Sequence[str], test_split: int = 0) -> tuple[Domain, ...]:
    """A domain for each of these attributes, in this order: the pictures that have it, and the set's others.

    Pictures are named in the table by their path below `folder` (see `paths_of`). Pictures that are not in the table,
    and rows whose picture is not there, are left out and counted in the note of the first domain. `test_split` rows are
    kept back: the first of the rows in the authors' shuffled order (theirs: 1999). Raises DataError for attributes that
    the table does not know, tables that cannot be read, and where table and folder share neither most of the rows nor
    most of the pictures.
    """
    found = read_table(table, attributes)
    if not attributes:
        raise DataError(
            f"which attributes of {table}? Name them: {argument('set', 'attributes=' + ','.join(found.names[:2]))} "
            f"(it has {listed(found.names, 60)})"
        )
    for name in attributes:
        if composed(name) not in found.names:
            hint = did_you_mean(name, found.names, cutoff=0.5) or f"It has {listed(found.names, 60)}"
            raise DataError(f'{table} has no attribute "{name}". {hint}')
    if test_split >= len(found.rows):
        raise DataError(
            f"{table} has {count_in_words(len(found.rows), 'picture')}, and test_split={test_split} keeps as many back:"
            " lower it"
        )
    kept, _ = split(tuple(found.rows), test_split)
    there = find_pictures(folder)
    paths = paths_of(folder, there, tuple(found.rows), table)
    note = not_shared(folder, there, found.rows, paths, table)
    trained = set(kept)
    paths = {row: path for row, path in paths.items() if row in trained}
    domains: list[Domain] = []
    for name in attributes:
        written = composed(name)
        having = tuple(path for row, path in paths.items() if written in found.rows[row])
        lacking = tuple(path for row, path in paths.items() if written not in found.rows[row])
        if not having or not lacking:
            which = "every" if having else "no"
            raise DataError(f"{which} picture of {table} has the attribute {name}: nothing can be learned of it")
        domains.append(Domain(name, folder, having, without=lacking, note=None if domains else note))
    return tuple(domains)


def split(rows: Sequence[str], test: int) -> tuple[list[str], list[str]]:
    """(training, test) rows as the authors split CelebA's list: shuffled by Python's generator, the first are test."""
    if test == 0:
        return list(rows), []
    shuffled = list(rows)
    random.Random(SPLIT_SEED).shuffle(shuffled)
    return shuffled[test:], shuffled[:test]
