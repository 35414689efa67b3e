"""The styles that a person asks for, and the style codes they mean. Imports torch only to read or make codes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gantool.errors import DataError, UsageError, argument
from gantool.pictures.find import find_pictures, is_picture_name

_STYLE, _N, _INTERPOLATE = argument("style"), argument("n"), argument("interpolate")
_KNOWN = f"{_STYLE} is random, mean, a picture, a folder of them, or a .npy file"

MOST = 100_000
"""Results that a picture may have."""
STEPS = 8
"""Results of an interpolation where their number is not given."""


@dataclass(frozen=True)
class Style:
    """Where a style code comes from."""

    kind: Literal["random", "mean", "file", "picture", "between"]
    number: int = 0
    """Of the draw (random), of the row (file), or of the step (between)."""
    path: Path | None = None
    other: Path | None = None
    share: float = 0.0
    """How far from `path` to `other`, 0 to 1."""


def styles(
    text: str | None, count: int | None, between: tuple[Path, Path] | None, size: int, model: str
) -> list[tuple[Style | None, str]]:
    """The styles that a person asks for, each with a short name, for codes of length `size`.

    `text` is "random" (the default), "mean", a file of codes (.npy), a picture, or a folder of pictures; `between` are
    two pictures to interpolate. Raises UsageError for what the model cannot do and DataError for a file that is not
    there.
    """
    if count is not None and count < 1:
        raise UsageError(f"{_N} is how many results a picture gets, at least 1, not {count}")
    if size == 0:
        if text is not None or between is not None or (count or 1) > 1:
            raise UsageError(f"{model} has one result for a picture: leave out {_STYLE}, {_N} and {_INTERPOLATE}")
        return [(None, "")]
    if count is not None and count > MOST:
        raise UsageError(f"{_N} is how many results a picture gets, at most {MOST}")
    if between is not None:
        if text is not None:
            raise UsageError(f"{_INTERPOLATE} takes its styles from two pictures: leave out {_STYLE}")
        steps = count or STEPS
        if steps < 2:
            raise UsageError(f"{_INTERPOLATE} goes from one picture to another: {_N} is at least 2")
        for path in between:
            _exists(path)
        return [
            (Style("between", k, *between, share=k / (steps - 1)), f"s{k + 1:0{len(str(steps))}d}")
            for k in range(steps)
        ]
    if text is None or text == "random":
        return [(Style("random", k), f"s{k + 1:0{len(str(count or 1))}d}") for k in range(count or 1)]
    if count is not None:
        raise UsageError(f"{_N} counts random styles: leave it out with {argument('style', text)}")
    if text == "mean":
        return [(Style("mean"), "mean")]
    path = Path(text)
    _exists(path)
    if path.is_dir():
        pictures = find_pictures(path)
        stems = [picture.stem for picture in pictures]
        names = stems if len(set(stems)) == len(stems) else [picture.name for picture in pictures]
        if len(set(names)) < len(names):
            raise DataError(f"{path} holds pictures of one name in several folders: name one folder of them")
        return [(Style("picture", path=picture), name) for picture, name in zip(pictures, names, strict=True)]
    if path.suffix == ".npy":
        rows = _rows(path, size)
        return [(Style("file", k, path), f"s{k + 1:0{len(str(rows))}d}") for k in range(rows)]
    if not is_picture_name(path.name):
        raise UsageError(f"{_KNOWN}, not {text}")
    return [(Style("picture", path=path), path.stem)]


def _exists(path: Path) -> None:
    if not path.exists():
        raise DataError(f"{path} does not exist ({_KNOWN})")


def _rows(path: Path, size: int) -> int:
    """How many codes of this length a .npy file holds."""
    import numpy as np

    from gantool.data.numbers import fit_single

    try:
        codes = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no .npy file of numbers") from error  # numpy's words advise to trust it
    if codes.shape != (size,) and (codes.ndim != 2 or codes.shape[1] != size or len(codes) == 0):
        raise DataError(f"{path} holds numbers of shape {codes.shape}: style codes here are ({size},) or (K, {size})")
    if not fit_single(codes):
        raise DataError(f"{path} holds values that are not numbers, or too large")
    return 1 if codes.ndim == 1 else len(codes)
