"""Pictures that a table names: which file each of its rows means, and what table and folder do not share."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from gantool.counting import and_more
from gantool.data.layouts.folders import composed, left_out, without_extension
from gantool.errors import DataError


def paths_of(folder: Path, there: Sequence[Path], rows: Sequence[str], table: Path) -> dict[str, Path]:
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
    ending = "/" + _normal(missing[0])
    below = next((file.parent for file in there if file.as_posix().endswith(ending)), None)
    hint = f"pictures of that name are in {below}: name that folder" if below else "are they in another folder?"
    raise DataError(f"{table} lists {missing[0]}{and_more(missing)}, which is not in {folder}: {hint}")


def not_shared(
    folder: Path, there: Sequence[Path], rows: Collection[str], paths: dict[str, Path], table: Path
) -> str | None:
    """A note on the rows without a picture and the pictures without a row; None where there are neither."""
    missing = [row for row in rows if row not in paths]
    known = set(paths.values())
    unlisted = [file for file in there if file not in known]
    notes = (
        left_out(missing, table, f"without a picture in {folder}"),
        left_out(unlisted, folder, f"which {table} does not list"),
    )
    return "; ".join(filter(None, notes)) or None
