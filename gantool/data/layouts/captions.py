"""Texts that describe pictures: in files beside them, or in a table.

NAME.txt        beside NAME.jpg, or in the same place below another folder: a caption a line
CSV             a column for the file and one or several for captions; or without a header, the file first (also with
                ; | or tabs between, and `a.jpg#0` for the first caption of a.jpg)
JSON lines      {"file": ..., "caption": ...} or {"file": ..., "captions": [...]}
JSON            a list of such objects, {"a.jpg": "a caption", "b.jpg": ["one", "another"]}, or COCO's annotations

A file may stand in several rows. Text is UTF-8, UTF-16, or UTF-32 with its mark.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from gantool import schema
from gantool.data.layouts.folders import composed
from gantool.data.layouts.tables import (
    JSON,
    OF_FILES,
    SEPARATORS,
    file_key,
    json_entries,
    lines_of,
    names_picture,
    separated_rows,
    whole_json,
    wrong,
)
from gantool.errors import DataError
from gantool.pictures.find import below, look_below

Captions: TypeAlias = Mapping[str, tuple[str, ...]]
"""The captions of each picture, by its name as it is written there."""

_CAPTION = re.compile(r"(?:caption|text|sentence|description|comment|prompt)s?(?:[ _-]?\d+)?", re.IGNORECASE)
_NUMBERED = re.compile(r"#\d+\Z")  # Flickr8k: a.jpg#0 to a.jpg#4
_FORM = "a first row with `file` and `caption`, or the picture's file first in every row"


def captions_beside(
    root: Path, pictures: Sequence[Path], texts: Path
) -> tuple[dict[Path, tuple[str, ...]], list[Path]]:
    """The captions of pictures below `root` in files below `texts`, which may be the same folder, by picture; and text
    files that have no picture. Pictures without a file, or with an empty one, are missing. Raises DataError.
    """
    name_of = below(root)
    folders = dict.fromkeys(name_of(picture).rpartition("/")[0] for picture in pictures)
    there: dict[str, Path] = {}
    for folder in folders:
        for file in _text_files(texts / folder):
            there[composed(f"{folder}/{file.stem}")] = file
    if not there and texts != root:
        there = _of_unique_names([name_of(picture) for picture in pictures], texts)
    found, used = {}, set()
    for picture in pictures:
        folder, _, name = name_of(picture).rpartition("/")
        own = there.get(composed(f"{folder}/{Path(name).stem}")) or there.get(composed(f"{folder}/{name}"))
        if own is not None:
            used.add(own)
            if lines := _texts(lines_of(own)):
                found[picture] = lines
    return found, [file for file in there.values() if file not in used]


def read_captions(path: Path) -> Captions:
    """The captions in a table; pictures without any are left out. Raises DataError that names the line."""
    lines = lines_of(path)
    rows = _of_json(lines, path) if path.suffix.lower() in JSON else _of_columns(table_rows(lines, path), path)
    found: dict[str, list[str]] = {}
    for file, captions in rows:
        found.setdefault(_NUMBERED.sub("", file), []).extend(captions)
    kept = {file: _texts(captions) for file, captions in found.items()}
    if not any(kept.values()):
        raise DataError(f"{path} holds no captions; expected: {_FORM}")
    return {file: captions for file, captions in kept.items() if captions}


def table_rows(lines: Sequence[str], path: Path) -> list[tuple[int, list[str]]]:
    """The rows of a table, with their line numbers; what separates is what comes first after a name. DataError."""
    head = next((line for line in lines if line.strip() and not line.lower().startswith("sep=")), "")
    between = min((mark for mark in SEPARATORS if mark in head), key=head.index, default=",")
    return list(separated_rows(lines, path, between, strict=True))


def _of_columns(rows: list[tuple[int, list[str]]], path: Path) -> Iterator[tuple[str, list[str]]]:
    if not rows:
        raise DataError(f"{path} is empty; expected: {_FORM}")
    files, captions = 0, [1]
    _, head = rows[0]
    columns = 2
    if not _is_file(head[0]):
        rows, columns = rows[1:], len(head)
        named = [at for at, name in enumerate(head) if OF_FILES.fullmatch(name)]
        first = rows[0][1] if rows else []
        files = next((at for at in named if at < len(first) and _is_file(first[at])), next(iter(named), 0))
        captions = [at for at, name in enumerate(head) if at != files and _CAPTION.fullmatch(name)]
        if not captions and len(head) == 2:
            captions = [1 - files]
        if not captions:
            there = schema.printable(", ".join(head)[:200])
            raise DataError(f"{path}: none of the columns {there} is named `caption`")
    for number, row in rows:
        if (files, columns) == (0, 2) and len(row) > 2:
            row = [row[0], ", ".join(row[1:])]  # the commas of a caption without quotation marks
        if len(row) <= files or not row[files]:
            raise wrong(path, f"line {number}", "a caption without a picture's file")
        yield row[files], [row[at] for at in captions if at < len(row)]  # spreadsheets leave out empty cells at the end


def _of_json(lines: Sequence[str], path: Path) -> Iterator[tuple[str, list[str]]]:
    whole = whole_json(lines, path)
    if isinstance(whole, dict) and "annotations" in whole and "images" in whole:
        yield from _of_coco(whole, path)
        return
    if isinstance(whole, dict) and not _entry(whole):
        whole = [{"file": file, "captions": captions} for file, captions in whole.items()]
    for where, entry in json_entries(lines, path, whole):
        yield _told(entry, path, where)


def _told(entry: Any, path: Path, where: str) -> tuple[str, list[str]]:
    """The file and the captions of an object."""
    found = _entry(entry)
    if found is None:
        raise DataError(f'{path}, {where}: expected {{"file": "a.jpg", "caption": "..."}}')
    return found


def _entry(entry: Any) -> tuple[str, list[str]] | None:
    if not isinstance(entry, dict):
        return None
    key = file_key(entry)
    told = [v for k, v in entry.items() if _CAPTION.fullmatch(k)]
    captions = [text for v in told for text in (v if isinstance(v, list) else [v])]
    if key is None or not told or not all(isinstance(text, str) for text in captions):
        return None
    return entry[key], captions


def _of_coco(whole: Mapping[str, Any], path: Path) -> Iterator[tuple[str, list[str]]]:
    """COCO's annotations: pictures with numbers, and captions that name these."""
    try:
        files = {image["id"]: str(image["file_name"]) for image in whole["images"]}
        for one in whole["annotations"]:
            yield files[one["image_id"]], [str(one["caption"])]
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{path} has no captions as COCO's annotations have them: {schema.first_line(error)}"
        ) from error


def names_file(header: Sequence[str]) -> bool:
    """Whether a header's first column is that of the files."""
    return bool(header) and OF_FILES.fullmatch(header[0]) is not None


def _is_file(cell: str) -> bool:
    """Whether a cell names a picture's file, numbered or not."""
    return names_picture(_NUMBERED.sub("", cell))


def _texts(lines: Sequence[str]) -> tuple[str, ...]:
    """Captions without those that are empty."""
    return tuple(text for line in lines if (text := " ".join(line.split())))


def _of_unique_names(pictures: Sequence[str], texts: Path) -> dict[str, Path]:
    """Text files that lie in other folders than their pictures, as those of the flowers of Oxford do in folders of
    classes, by the picture's path without its extension: where no two pictures and no two texts share a name.
    """
    files: dict[str, Path] = {}
    for file in look_below(texts, demand=False, wanted=lambda name: name.lower().endswith(".txt")).pictures:
        if file.name.startswith("."):
            continue
        if files.setdefault(composed(file.stem), file) is not file:
            return {}
    stems = {composed(Path(one).stem): composed(f"{one.rpartition('/')[0]}/{Path(one).stem}") for one in pictures}
    if len(stems) < len(pictures):
        return {}
    return {stems.get(name, f"/{name}"): file for name, file in files.items()}


def _text_files(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                folder / entry.name
                for entry in entries
                if entry.name.lower().endswith(".txt") and not entry.name.startswith(".") and entry.is_file()
            )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"cannot list {folder}: {error.strerror or error}") from error
