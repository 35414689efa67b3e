"""Tables that say which attributes each picture has: CelebA's list, CSV, or a JSON object a line.

CelebA's list   a count (ignored; it may be missing), the attributes' names, then `file 1 -1 ...` with spaces between
CSV             a header; a column for the file, the first or one that says so; the others are values (or with ; | or
                tabs between)
JSON lines      {"file": ..., "labels": ["Male", ...]} or {"file": ..., "Male": 1, ...}; what is not named is off
JSON            a list of such objects, {"a.jpg": ["Male", ...]} or {"a.jpg": {"Male": 1, ...}}

The file's extension (.csv, .tsv; .json, .jsonl, .ndjson) tells; any other is CelebA's list, or a CSV if its first line
has commas, semicolons or tabs. Text is UTF-8, UTF-16, or UTF-32 with its mark.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from gantool import contents, schema
from gantool.data.layouts.folders import composed
from gantool.errors import DataError
from gantool.files import refuse_irregular
from gantool.pictures.find import is_picture_name

_ON, _OFF = ("true", "t", "yes", "y", "on"), ("false", "f", "no", "n", "off")
_VALUES = {1.0: True, 0.0: False, -1.0: False}
_NO_VALUE = ("", "nan", "na", "n/a", "none", "null", "?")
SEPARATORS = ",;\t|"
"""What stands between the columns of a table."""

JSON = (".json", ".jsonl", ".ndjson")
"""File extensions of JSON."""
OF_FILES = re.compile(r"(?:file|image|img|picture|photo)(?:[ _-]?(?:name|path|id|file))?|name|path", re.IGNORECASE)
"""What people call a column of files."""

_Row: TypeAlias = tuple[str, str, list[str]]
"""Where it stands ("line 3"), file, the attributes that it has."""


@dataclass(frozen=True)
class Table:
    """The attributes of some pictures."""

    names: tuple[str, ...]
    """All attributes, in the table's order, with composed accents."""
    rows: dict[str, frozenset[str]]
    """Which attributes a picture has, by its name as it is written there, in the table's order."""


_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # of Excel and LibreOffice, new and old


def read_table(path: Path, wanted: Collection[str] | None = None) -> Table:
    """A table, of whose attributes only those `wanted` are read, whatever stands in the others; None for all.

    Raises DataError that names the line for a file that is no such table.
    """
    lines = lines_of(path)
    kind = path.suffix.lower()
    known = None if wanted is None else set(map(composed, wanted))
    if kind in JSON:
        names, found = _of_json(lines, path, known)
    else:
        names, found = _columns(lines, path, kind in (".csv", ".tsv") or _is_separated(lines), known)
    rows: dict[str, frozenset[str]] = {}
    for where, file, on in found:
        if file in rows:
            raise wrong(path, where, f"{file} is listed twice")
        rows[file] = frozenset(on)
    if not rows:
        raise DataError(f"{path} lists no pictures")
    return Table(tuple(names), rows)


def lines_of(path: Path) -> list[str]:
    """The lines of a table in UTF-8, UTF-16 or UTF-32. Raises DataError."""
    try:
        refuse_irregular(path)
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if content.startswith(_SPREADSHEETS):
        raise DataError(f"{path} is a spreadsheet or an archive: save the table as CSV")
    if found := contents.of(content[:4096]):
        raise DataError(f"cannot read {path}: it {': '.join(found)}")
    try:
        return contents.text_of(content).splitlines()
    except ValueError as error:
        raise DataError(f"cannot read {path}: {error}") from None


def _is_separated(lines: Sequence[str]) -> bool:
    return bool(lines) and any(separator in lines[0] for separator in SEPARATORS)


def _columns(lines: list[str], path: Path, separated: bool, wanted: set[str] | None) -> tuple[list[str], list[_Row]]:
    """Names and rows of a table with a column for each attribute."""
    cells = list(separated_rows(lines, path) if separated else _spaced(lines))
    if not cells:
        raise DataError(f"{path} begins with no names of attributes; expected: {_form(separated)}")
    (first, names), *rest = cells
    if separated:
        if rest and _has_index(rest[0][1]):  # pandas writes a column of row numbers before all others
            names, rest = names[1:], [(number, row[1:]) for number, row in rest]
        at = _files_at(names, rest[0][1] if rest else [])
        names = names[:at] + names[at + 1 :]
        rest = [(number, [*row[at : at + 1], *row[:at], *row[at + 1 :]]) for number, row in rest]
    names = [composed(name) for name in _without_empty_end(names)]
    if not names:
        raise DataError(f"{path} begins with no names of attributes; expected: {_form(separated)}")
    if "" in names:
        raise wrong(path, f"line {first}", "a column between others has no name")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise wrong(path, f"line {first}", f"the attribute {twice} stands there twice")
    rows = []
    for number, row in rest:
        where = f"line {number}"
        file, *values = row
        if len(values) > len(names):
            values[len(names) :] = _without_empty_end(values[len(names) :])
        if len(values) != len(names):
            raise wrong(path, where, f"{len(values)} values for {len(names)} attributes")
        read = [(name, value) for name, value in zip(names, values, strict=True) if wanted is None or name in wanted]
        rows.append((where, file, [name for name, value in read if _on(value, name, path, where)]))
    return names, rows


def separated_rows(
    lines: Sequence[str], path: Path, between: str = "", strict: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold anything, with their line numbers. Without `between`, what separates most in the first row.

    Raises DataError, with `strict` also for a quotation mark that is not closed.
    """
    skipped = int(bool(lines) and lines[0].lower().startswith("sep="))  # spreadsheets read their separator there
    head = next((line for line in lines[skipped:] if line.strip()), "")
    # Spreadsheets write semicolons where a comma is the decimal point.
    between = between or max(SEPARATORS, key=head.count)
    reader = csv.reader(lines[skipped:], delimiter=between, skipinitialspace=True, strict=strict)
    while True:
        try:
            row = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise wrong(path, f"line {skipped + reader.line_num}", f"no row of a table ({error})") from error
        if any(row):
            yield skipped + reader.line_num, row


def _spaced(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    rows = ((number, line.split()) for number, line in enumerate(lines, start=1) if line.strip())
    first = next(rows, None)
    if first is not None and not (len(first[1]) == 1 and first[1][0].isdecimal()):  # the count is missing
        yield first
    yield from rows


def _has_index(row: Sequence[str]) -> bool:
    return len(row) > 2 and row[0].isdecimal() and names_picture(row[1])


def _files_at(names: Sequence[str], row: Sequence[str]) -> int:
    """The column of the files: the first, unless another is named so and has a picture's name where that has none."""
    named = [at for at, name in enumerate(names) if OF_FILES.fullmatch(name) and at < len(row)]
    here = [at for at in (0, *named) if at < len(row) and names_picture(row[at])]
    return here[0] if here else 0


def names_picture(path: str) -> bool:
    """Whether a path, of Windows or another system, has the name of a picture."""
    return is_picture_name(path.replace("\\", "/").rpartition("/")[2])


def _without_empty_end(cells: Sequence[str]) -> list[str]:
    """Cells without those that commas at the end of a line leave."""
    length = len(cells)
    while length and not cells[length - 1]:
        length -= 1
    return list(cells[:length])


def _form(separated: bool) -> str:
    return "a first row with `file` and the attributes" if separated else "a count, then a line of attributes"


def _of_json(lines: Sequence[str], path: Path, wanted: set[str] | None) -> tuple[list[str], list[_Row]]:
    whole = whole_json(lines, path)
    if isinstance(whole, dict) and file_key(whole) is None:
        tables = [(file, {"labels": told} if isinstance(told, list) else told) for file, told in whole.items()]
        whole = [{**told, "file": file} if isinstance(told, dict) else told for file, told in tables]
    names: dict[str, None] = {}
    rows = []
    for where, entry in json_entries(lines, path, whole):
        key = file_key(entry) if isinstance(entry, dict) else None
        if key is None:
            raise wrong(path, where, 'expected {"file": ..., "labels": [...]}')
        labels = entry.pop("labels", [])
        file = entry.pop(key)
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise wrong(path, where, '"labels" must be a list of texts')
        table = {composed(name): value for name, value in entry.items()}
        read = {name: value for name, value in table.items() if wanted is None or name in wanted}
        on = [name for name, value in read.items() if _on(value, name, path, where)]
        own = list(map(composed, labels))
        names |= dict.fromkeys([*table, *own])
        rows.append((where, file, [*own, *on]))
    return list(names), rows


def file_key(entry: Mapping[str, Any]) -> str | None:
    """The key of an object under which its file stands: "file", or one like it, best of a picture's name."""
    keys = [key for key, value in entry.items() if OF_FILES.fullmatch(key) and isinstance(value, str)]
    if "file" in keys:
        return "file"
    return next((key for key in keys if names_picture(entry[key])), next(iter(keys), None))


def whole_json(lines: Sequence[str], path: Path) -> Any:
    """What a file called .json holds; None where its lines are objects, each by itself."""
    if path.suffix.lower() != ".json":
        return None
    try:
        return schema.parse_json("\n".join(lines))
    except ValueError:
        return None


def json_entries(lines: Sequence[str], path: Path, whole: Any) -> Iterator[tuple[str, Any]]:
    """The members of a list, or else the objects of all lines, each with where it stands. Raises DataError."""
    if isinstance(whole, list):
        yield from ((f"entry {number}", entry) for number, entry in enumerate(whole, start=1))
        return
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield f"line {number}", schema.parse_json(line)
            except ValueError as error:
                raise wrong(path, f"line {number}", f"no JSON object ({error})") from error


def _on(value: Any, name: str, path: Path, where: str) -> bool:
    text = str(value).strip().lower()
    if text in _ON or text in _OFF:
        return text in _ON
    if text in _NO_VALUE:
        raise wrong(path, where, f"{name} has no value: write 1 or 0, or take the line out")
    try:
        # A decimal comma, and the minus of typesetters.
        return _VALUES[float(text.replace(",", ".").replace("\N{MINUS SIGN}", "-"))]
    except (ValueError, KeyError):
        raise wrong(
            path, where, f'"{schema.printable(str(value)[:40])}" is none of 1, 0, -1, yes, no, true and false'
        ) from None


def wrong(path: Path, where: str, what: str) -> DataError:
    """The error for a place in a table, such as "line 3"."""
    return DataError(f"{path}, {where}: {schema.printable(what)}")
