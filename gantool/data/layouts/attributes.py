"""Tables that say which attributes each picture has: CelebA's list, CSV, or a JSON object a line.

CelebA's list   a count (ignored), the attributes' names, then `file 1 -1 ...` with spaces between
CSV             a header; the first column is the file; then 1, 0, -1, true or false (or with ; or tabs between)
JSON lines      {"file": ..., "labels": ["Male", ...]} or {"file": ..., "Male": 1, ...}; what is not named is off

The file's extension (.csv; .json, .jsonl, .ndjson) tells; any other is CelebA's list.
"""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantool import schema
from gantool.data.layouts.folders import listed
from gantool.data.source import Domain
from gantool.errors import DataError, argument, did_you_mean
from gantool.pictures.find import find_pictures

SPLIT_SEED = 1234
"""Of the authors' split into training and test pictures."""

_VALUES = {"1": True, "true": True, "0": False, "-1": False, "false": False}


@dataclass(frozen=True)
class Table:
    """The attributes of some pictures."""

    names: tuple[str, ...]
    """All attributes, in the table's order."""
    rows: dict[str, frozenset[str]]
    """Which attributes a picture has, by its name, in the table's order."""


def attribute_domains(folder: Path, table: Path, attributes: Sequence[str], test_split: int = 0) -> tuple[Domain, ...]:
    """A domain for each of these attributes, in this order: the pictures that have it, and the set's others.

    Pictures are named in the table by their path below `folder`; pictures that are not in the table are left out.
    `test_split` rows are kept back: the first of the rows in the authors' shuffled order (theirs: 1999). Raises
    DataError for attributes that the table does not know, pictures that are missing, and tables that cannot be read.
    """
    found = read_table(table)
    if not attributes:
        raise DataError(
            f"which attributes of {table}? Name them: {argument('set', 'attributes=' + ','.join(found.names[:2]))} "
            f"(it has {listed(found.names, 60)})"
        )
    for name in attributes:
        if name not in found.names:
            hint = did_you_mean(name, found.names, cutoff=0.5) or f"It has {listed(found.names, 60)}"
            raise DataError(f'{table} has no attribute "{name}". {hint}')
    if test_split >= len(found.rows):
        raise DataError(
            f"{table} has {len(found.rows)} pictures, and test_split={test_split} keeps as many back: lower it"
        )
    kept, _ = split(tuple(found.rows), test_split)
    paths = _paths(folder, kept, table)
    domains = []
    for name in attributes:
        having = tuple(path for row, path in paths.items() if name in found.rows[row])
        lacking = tuple(path for row, path in paths.items() if name not in found.rows[row])
        if not having or not lacking:
            which = "every" if having else "no"
            raise DataError(f"{which} picture of {table} has the attribute {name}: nothing can be learned of it")
        domains.append(Domain(name, folder, having, without=lacking))
    return tuple(domains)


def split(rows: Sequence[str], test: int) -> tuple[list[str], list[str]]:
    """(training, test) rows as the authors split CelebA's list: shuffled by Python's generator, the first are test."""
    if test == 0:
        return list(rows), []
    shuffled = list(rows)
    random.Random(SPLIT_SEED).shuffle(shuffled)
    return shuffled[test:], shuffled[:test]


def read_table(path: Path) -> Table:
    """Raises DataError that names the line for a file that is no such table."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror or error if isinstance(error, OSError) else "it is not text in UTF-8"
        raise DataError(f"cannot read the table {path}: {reason}") from error
    kind = path.suffix.lower()
    try:
        if kind in (".json", ".jsonl", ".ndjson"):
            names, listed = _json_lines(lines, path)
        else:
            names, listed = _columns(lines, path, comma=kind == ".csv")
    except csv.Error as error:
        raise DataError(f"{path} is no table: {error}") from error
    rows: dict[str, frozenset[str]] = {}
    for number, file, on in listed:
        if file in rows:
            raise _wrong(path, number, f"{file} is listed twice")
        rows[file] = frozenset(on)
    if not rows:
        raise DataError(f"{path} lists no pictures")
    return Table(tuple(names), rows)


def _columns(lines: Sequence[str], path: Path, comma: bool) -> tuple[list[str], list[tuple[int, str, list[str]]]]:
    """Names, and (line number, file, its attributes) of a table with a column for each attribute."""
    cells: Iterator[tuple[int, list[str]]]
    if comma:
        head = lines[0] if lines else ""
        between = max(",;\t", key=head.count)  # spreadsheets write semicolons where a comma is the decimal point
        reader = csv.reader(lines, delimiter=between)
        cells = ((n, [cell.strip() for cell in row]) for n, row in enumerate(reader, start=1))
    else:
        cells = ((n, line.split()) for n, line in enumerate(lines, start=1))
        next(cells, None)  # the count
    _, names = next(cells, (0, []))
    if comma:
        names = names[1:]
    if not names or len(set(names)) < len(names):
        form = "a first row with `file` and the attributes" if comma else "a count, then a line of attributes"
        raise DataError(f"{path} begins with no names of attributes that differ from each other; expected: {form}")
    rows = []
    for number, row in cells:
        if not row:
            continue
        file, *values = row
        if len(values) != len(names):
            raise _wrong(path, number, f"{len(values)} values for {len(names)} attributes")
        rows.append((number, file, [name for name, v in zip(names, values, strict=True) if _on(v, path, number)]))
    return names, rows


def _json_lines(lines: Sequence[str], path: Path) -> tuple[list[str], list[tuple[int, str, list[str]]]]:
    names: dict[str, None] = {}
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = schema.parse_json(line)
        except ValueError as error:
            raise _wrong(path, number, f"no JSON object ({error})") from error
        if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
            raise _wrong(path, number, 'expected {"file": ..., "labels": [...]}')
        labels = entry.pop("labels", [])
        file = entry.pop("file")
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise _wrong(path, number, '"labels" must be a list of texts')
        names |= dict.fromkeys([*entry, *labels])
        rows.append((number, file, [*labels, *(name for name, value in entry.items() if _on(value, path, number))]))
    return list(names), rows


def _on(value: Any, path: Path, number: int) -> bool:
    text = str(value).lower()
    if text not in _VALUES:
        raise _wrong(path, number, f'"{schema.printable(str(value)[:100])}" is none of 1, 0, -1, true and false')
    return _VALUES[text]


def _paths(folder: Path, rows: Sequence[str], table: Path) -> dict[str, Path]:
    """Where each row's picture is, sorted by its path below the folder."""
    there = {file.relative_to(folder).as_posix(): file for file in find_pictures(folder)}
    wanted = {row: os.path.normpath(row).replace(os.sep, "/") for row in rows}
    missing = [row for row, name in wanted.items() if name not in there]
    if missing:
        others = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        below = next((file.parent for name, file in there.items() if name.endswith("/" + missing[0])), None)
        hint = f"pictures of that name are in {below}: name that folder" if below else "are they in another folder?"
        raise DataError(f"{table} lists {missing[0]}{others}, which is not in {folder}: {hint}")
    return {row: there[name] for row, name in sorted(wanted.items(), key=lambda item: item[1])}


def _wrong(path: Path, number: int, what: str) -> DataError:
    return DataError(f"{path}, line {number}: {what}")
