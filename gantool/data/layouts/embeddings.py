"""Vectors that describe pictures, from whatever encoder of text a person has.

.npy            (pictures, numbers) or (pictures, captions, numbers)
.npz            one such array, with a list of names "files" where they are not in the pictures' order; or an array for
                each picture, under its name
.csv, .tsv      a row for each caption: the picture's file, then the numbers; or numbers alone
.pickle, .pkl   the released form: a list of arrays (captions, numbers), in the order of the names in filenames.pickle
                beside it; nothing in the file is run
.t7             of Lua's Torch, as the authors' encoder writes them: the tensors under "fea_txt"

Without names they are in the order of the pictures' paths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantool.counting import count_in_words
from gantool.data.layouts.captions import names_file, table_rows
from gantool.data.layouts.tables import lines_of, wrong
from gantool.data.numbers import fit_single
from gantool.errors import DataError
from gantool.files import reason
from gantool.torch7 import read_torch7
from gantool.unpickling import unpickled

SUFFIXES = (".npy", ".npz", ".pickle", ".pkl", ".t7")
"""Files that hold vectors whatever is in them; a table may hold words."""
FILENAMES = "filenames.pickle"

_LISTS = ("files", "file", "filenames", "file_names", "names", "keys")


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The vectors of some pictures."""

    vectors: Sequence[NDArray[Any]]
    """(captions, numbers) of each; all have as many numbers."""
    names: tuple[str, ...] | None
    """Whose they are; None for the order of the pictures' paths."""


def is_table_of_numbers(path: Path) -> bool:
    """Whether a table holds vectors, and not words. Raises DataError for one that cannot be read."""
    return path.suffix.lower() in (".csv", ".tsv") and any(
        _numbers(row) for _, row in table_rows(lines_of(path)[:3], path)
    )


def read_embeddings(path: Path) -> Embeddings:
    """Raises DataError for a file that holds no vectors."""
    kind = path.suffix.lower()
    try:
        if kind in (".csv", ".tsv"):
            found = _of_table(path)
        elif kind in (".pickle", ".pkl"):
            beside = path.with_name(FILENAMES)
            names = _names(_unpickled(beside), beside) if beside.is_file() else None
            found = _of(_unpickled(path), names, path)
        elif kind == ".t7":
            found = _of(_of_torch7(path), None, path)
        else:
            found = _of_arrays(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {reason(error, path)}") from error
    if found.names is not None and len(found.names) != len(found.vectors):
        vectors = f"vectors of {count_in_words(len(found.vectors), 'picture')}"
        raise DataError(f"{path} holds {vectors}, and {count_in_words(len(found.names), 'name')}")
    sizes = {one.shape[-1] for one in found.vectors}
    if len(sizes) != 1 or 0 in sizes or any(len(one) == 0 for one in found.vectors):
        raise DataError(
            f"{path} holds vectors of {', '.join(map(str, sorted(sizes))) or 'no'} numbers: one size for all"
        )
    if not all(map(fit_single, found.vectors)):
        raise DataError(f"{path} holds values that are not numbers, or too large")
    return found


def _of_arrays(path: Path) -> Embeddings:
    try:
        # A large array stays on file: only the vectors that are drawn are read.
        loaded = np.load(path, mmap_mode="r" if path.suffix.lower() == ".npy" else None, allow_pickle=False)
        arrays = {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except OSError:
        raise
    except Exception as error:  # zip files that are damaged, arrays of objects
        # numpy's words advise to trust the file
        raise DataError(f"{path} is no file of numpy's arrays of numbers, or it is damaged") from error
    names = next((arrays.pop(name) for name in _LISTS if name in arrays), None)
    if names is None and len(arrays) > 1:
        return _of(arrays, None, path)
    if len(arrays) != 1:
        raise DataError(f"{path} holds {len(arrays)} arrays: expected one of vectors, and a list of names `files`")
    (values,) = arrays.values()
    return _of(values, None if names is None else _names(names.tolist(), path), path)


def _names(content: Any, path: Path) -> tuple[str, ...]:
    if not isinstance(content, (list, tuple)):
        raise DataError(f"{path} holds no list of names")
    return tuple(map(str, content))


def _of(content: Any, names: tuple[str, ...] | None, path: Path) -> Embeddings:
    """An array, a list of arrays, or arrays by name."""
    if isinstance(content, dict):
        names, content = tuple(map(str, content)), list(content.values())
    if not isinstance(content, (list, tuple, np.ndarray)) or getattr(content, "ndim", 1) == 0:
        raise DataError(f"{path} holds no list of arrays")
    vectors = [one[None] if getattr(one, "ndim", 0) == 1 else one for one in content]
    if not vectors or not all(isinstance(v, np.ndarray) and v.ndim == 2 and v.dtype.kind in "fiu" for v in vectors):
        raise DataError(
            f"{path} holds no vectors: expected numbers (pictures, numbers) or (pictures, captions, numbers)"
        )
    return Embeddings(vectors, names)


def _of_table(path: Path) -> Embeddings:
    rows = table_rows(lines_of(path), path)
    if not rows:
        raise DataError(f"{path} is empty")
    header = [] if _numbers(rows[0][1]) else rows[0][1]
    rows = rows[1:] if header else rows
    named = bool(rows) and (names_file(header) or not _is_number(rows[0][1][0]))
    by_name: dict[str, list[list[float]]] = {}
    for number, row in rows:
        cells = row[1:] if named else row
        if not cells or not all(map(_is_number, cells)):
            raise wrong(path, f"line {number}", "it holds what is no number")
        by_name.setdefault(row[0] if named else str(number), []).append([float(cell) for cell in cells])
    if len({len(numbers) for vectors in by_name.values() for numbers in vectors}) != 1:
        raise DataError(f"{path}: its rows differ in how many numbers they hold")
    return Embeddings(
        [np.array(vectors, np.float32) for vectors in by_name.values()], tuple(by_name) if named else None
    )


def _numbers(row: Sequence[str]) -> bool:
    """Whether a row holds two numbers or more behind its first cell, and nothing else."""
    return len(row) > 2 and all(map(_is_number, row[1:]))


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _of_torch7(path: Path) -> Any:
    try:
        found = read_torch7(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is not read: {error}") from error
    return found.get("fea_txt", found) if isinstance(found, dict) else found


def _unpickled(path: Path) -> Any:
    try:
        return unpickled(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is not read: {error}") from error
