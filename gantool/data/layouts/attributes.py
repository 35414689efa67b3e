"""Domains of a table of attributes, and the pictures that its names mean."""

from __future__ import annotations

import os
import random
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from gantool.data.layouts.folders import composed, left_out, listed, without_extension
from gantool.data.layouts.tables import read_table
from gantool.data.source import Domain
from gantool.errors import DataError, argument, did_you_mean
from gantool.pictures.find import find_pictures

SPLIT_SEED = 1234
"""Of the authors' split into training and test pictures."""


def attribute_domains(folder: Path, table: Path, attributes: Sequence[str], test_split: int = 0) -> tuple[Domain, ...]:
    """A domain for each of these attributes, in this order: the pictures that have it, and the set's others.

    Pictures are named in the table by their path below `folder` (see `_paths`). Pictures that are not in the table, and
    rows whose picture is not there, are left out and counted in the note of the first domain.
    `test_split` rows are kept back: the first of the rows in the authors' shuffled order (theirs: 1999). Raises
    DataError for attributes that the table does not know, tables that cannot be read, and where table and folder
    share neither most of the rows nor most of the pictures.
    """
    found = read_table(table)
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
            f"{table} has {len(found.rows)} pictures, and test_split={test_split} keeps as many back: lower it"
        )
    kept, _ = split(tuple(found.rows), test_split)
    there = find_pictures(folder)
    paths = _paths(folder, there, tuple(found.rows), table)
    note = _left_out(folder, there, found.rows, paths, table)
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


def _paths(folder: Path, there: Sequence[Path], rows: Sequence[str], table: Path) -> dict[str, Path]:
    """Where each row's picture is, sorted by its path below the folder; rows without a picture are missing.

    A name means the picture of that path. If there is none: that of the same path but for its extension, for the way
    accents are composed, for Windows' separators, or for folders at its beginning that lead to `folder`.
    """
    exact = {file.relative_to(folder).as_posix(): file for file in there}
    found = {row: exact[name] for row in rows if (name := _normal(row)) in exact}
    taken = set(found.values())
    like: dict[str, list[Path]] = {}
    for name, file in exact.items():
        if file not in taken:
            for key in {composed(name), composed(without_extension(name))}:
                like.setdefault(key, []).append(file)
    shared = _shared(rows)
    owners: dict[Path, str] = {}
    for row in rows if like else ():
        if row in found:
            continue
        files = next((like[key] for key in _keys(row, shared, folder) if key in like), None)
        if files is None:
            continue
        if len(files) > 1:
            raise DataError(f"{table} lists {row}, and {files[0]} and {files[1]} are named like it: which is meant?")
        if (other := owners.setdefault(files[0], row)) != row:
            raise DataError(f"{table} lists {other} and {row}, and both mean {files[0]}: take one out")
        found[row] = files[0]
    _check_cover(folder, there, rows, found, table)
    return dict(sorted(found.items(), key=lambda item: item[1].relative_to(folder).as_posix()))


def _shared(rows: Sequence[str]) -> str:
    """The folder that all names of a table begin with."""
    names = [_normal(row.replace("\\", "/")) for row in rows]
    return os.path.commonpath(map(os.path.dirname, names)) if len({os.path.isabs(name) for name in names}) == 1 else ""


def _normal(row: str) -> str:
    return os.path.normpath(row).replace(os.sep, "/")


def _keys(row: str, shared: str, folder: Path) -> Iterator[str]:
    """What a row's picture may be called, the likeliest first, with composed accents."""
    name = composed(_normal(row.replace("\\", "/")))
    here = composed(os.path.basename(os.path.abspath(folder)))
    inside = [name]
    if f"/{here}/" in f"/{name}":
        inside.append(f"/{name}".rpartition(f"/{here}/")[2])
    if shared:
        inside.append(name.removeprefix(composed(shared) + "/"))
    for one in inside:
        yield from (one, without_extension(one))


def _check_cover(folder: Path, there: Sequence[Path], rows: Sequence[str], found: dict[str, Path], table: Path) -> None:
    """Raises DataError where a table and a folder have little to do with each other."""
    if 2 * len(found) > min(len(rows), len(there)):
        return
    missing = [row for row in rows if row not in found]
    others = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    ending = "/" + _normal(missing[0])
    below = next((file.parent for file in there if file.as_posix().endswith(ending)), None)
    hint = f"pictures of that name are in {below}: name that folder" if below else "are they in another folder?"
    raise DataError(f"{table} lists {missing[0]}{others}, which is not in {folder}: {hint}")


def _left_out(
    folder: Path, there: Sequence[Path], rows: Collection[str], paths: dict[str, Path], table: Path
) -> str | None:
    missing = [row for row in rows if row not in paths]
    known = set(paths.values())
    unlisted = [file for file in there if file not in known]
    notes = (
        left_out(missing, table, f"without a picture in {folder}"),
        left_out(unlisted, folder, f"which {table} does not list"),
    )
    return "; ".join(filter(None, notes)) or None
