"""One file looked at for `gantool data check`: a picture, or a label map with its instance map."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gantool.errors import DataError
from gantool.pictures.file import as_channels, read_picture
from gantool.pictures.ids import planes_of_ids, read_ids
from gantool.pictures.opening import explained, opened, refuse_bomb


@dataclass(frozen=True)
class Finding:
    """Facts about a file that can be read."""

    width: int
    height: int
    format: str
    mode: str
    transparent: bool
    stretched: bool
    constant: bool
    content: bytes
    """A hash: two files with the same one look the same to the last bit."""
    frames: int = 1
    """Frames or pages, of which the first is seen."""
    unfit: str = ""
    """Why a label map cannot be used although it can be read."""


def look(file: Path, half: str | None = None) -> Finding | str:
    """Facts about a picture, or about its half ("left" or "right"); a text that says why, if it is unreadable."""
    try:
        picture = read_picture(file, refuse_bomb)
    except DataError as error:
        return _reason(error, file)
    seen, alpha = as_channels(picture, 3), picture.alpha
    if half is not None:
        if seen.shape[1] % 2:
            return f"it is {seen.shape[1]} pixels wide: an odd width has no two halves"
        columns = slice(seen.shape[1] // 2) if half == "left" else slice(seen.shape[1] // 2, None)
        seen, alpha = seen[:, columns], None if alpha is None else alpha[:, columns]
    height, width, _ = seen.shape
    return Finding(
        width,
        height,
        picture.format,
        picture.mode,
        alpha is not None and bool((alpha < np.iinfo(alpha.dtype).max).any()),
        picture.stretched,
        bool((seen == seen[0, 0]).all()),
        hashlib.blake2b(f"{seen.shape} {seen.dtype} ".encode() + seen.tobytes(), digest_size=16).digest(),
        picture.frames,
    )


def look_at_ids(file: Path, classes: int, instances: Path | None = None) -> Finding | str:
    """`look` for a label map with ids below `classes`, and its instance map."""
    try:
        maps = [read_ids(file, refuse_bomb), *([] if instances is None else [read_ids(instances, refuse_bomb)])]
        with explained(file), opened(file) as image:
            form, mode = image.format or "", image.mode
    except DataError as error:
        return _reason(error, file)
    unfit = ""
    try:
        planes_of_ids(maps[0], maps[1] if len(maps) > 1 else None, classes, ("it", str(instances)))
    except DataError as error:
        unfit = error.text
    content = hashlib.blake2b(b"ids", digest_size=16)
    for ids in maps:
        content.update(f" {ids.shape} ".encode() + ids.tobytes())
    return Finding(
        width=maps[0].shape[1],
        height=maps[0].shape[0],
        format=form,
        mode=mode,
        transparent=False,
        stretched=False,
        constant=all(bool((ids == ids[0, 0]).all()) for ids in maps),
        content=content.digest(),
        unfit=unfit,
    )


def _reason(error: DataError, file: Path) -> str:
    return error.text.removeprefix(f"cannot read {file}: ")
