"""From two folders of pictures to pictures side by side, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gantool.data.layouts.folders import by_name
from gantool.data.layouts.paired import match
from gantool.errors import DataError, UsageError, argument
from gantool.files import check_writable, reason, write_atomically
from gantool.pictures.file import Array, Picture, as_channels, encode, read_picture, to_uint8, writable_format
from gantool.pictures.results import Recorder, refuse_strangers
from gantool.pictures.threads import workers

Progress = Callable[[int, int], None]
"""Called with how many pairs are done, of how many."""


@dataclass(frozen=True)
class Conversion:
    """The result of `pair` or `split`."""

    written: int
    """Files."""
    failed: dict[str, str]
    """Why a pair was not written, by the file that is to blame."""
    left_out: tuple[str, ...]
    """Files without a counterpart."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def pair(
    a: Path, b: Path, out: Path, *, format: str = "png", overwrite: bool = False, progress: Progress | None = None
) -> Conversion:
    """Writes each picture of `a` with its counterpart of the same name in `b` on its right, as one file below `out`.

    Files have the names of `a` and the extension `format`. Pictures keep 16 bits where both are grey of 16 bits;
    transparency becomes white. Pairs that cannot be read, written, or differ in size are named in the result, and the
    others are written. Raises DataError where most files have no counterpart or nothing can be written to `out`, and
    UsageError for files that are there already; with `overwrite`, for those that gantool did not write.
    """
    one, other = match((a, b))
    kind = writable_format(format)
    targets = [_target(out, a, file, format) for file in one.files]
    _check_free(out, targets, overwrite, inputs=(a, b))

    def convert(files: tuple[Path, Path, Path]) -> None:
        left, right, target = files
        pictures = read_picture(left), read_picture(right)
        sizes = ["{1}x{0}".format(*picture.pixels.shape) for picture in pictures]
        if sizes[0] != sizes[1]:
            raise DataError(f"{left} is {sizes[0]} pixels and {right} {sizes[1]}")
        put(target, encode(_joined(*pictures), kind))

    with _writing(out) as put:
        failed = _each(convert, list(zip(one.files, other.files, targets, strict=True)), progress)
    left_out = tuple(str(file) for file in (*one.unmatched, *other.unmatched))
    return Conversion(len(one.files) - len(failed), failed, left_out)


def split(
    folder: Path,
    out: Path,
    *,
    aligned: str = "AB",
    format: str = "png",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Conversion:
    """Writes the halves of pictures as `out`/A and `out`/B under the same names: the left one as A, or B for "BA".

    Pictures that cannot be read, written, or whose width is odd are named in the result, and the others are written.
    Raises DataError where the folder holds no pictures or nothing can be written to `out`, and UsageError for files
    that are there already; with `overwrite`, for those that gantool did not write.
    """
    kind = writable_format(format)
    files = list(by_name(folder).values())
    targets = [tuple(_target(out / name, folder, file, format) for name in aligned) for file in files]
    _check_free(out, [path for both in targets for path in both], overwrite, inputs=(folder,))

    def convert(paths: tuple[Path, tuple[Path, ...]]) -> None:
        file, (left, right) = paths
        picture = read_picture(file)
        pixels = as_channels(picture, picture.pixels.shape[2])
        middle, odd = divmod(pixels.shape[1], 2)
        if odd:
            raise DataError(f"{file} is {pixels.shape[1]} pixels wide: an odd width has no two halves")
        put(left, encode(pixels[:, :middle], kind))
        put(right, encode(pixels[:, middle:], kind))

    with _writing(out) as put:
        failed = _each(convert, list(zip(files, targets, strict=True)), progress)
    return Conversion(2 * (len(files) - len(failed)), failed, ())


@contextmanager
def _writing(out: Path) -> Iterator[Callable[[Path, bytes], None]]:
    """Inside, a function that writes a file below `out`, and notes that gantool did."""
    with closing(Recorder(out)) as recorder:

        def put(path: Path, data: bytes) -> None:
            write_atomically(path, data)
            recorder.note_other(path, data)

        yield put


def _each(convert: Callable[[Any], None], work: Sequence[Any], progress: Progress | None) -> dict[str, str]:
    """Converts on threads; the reason of each that failed, by its first file."""

    def attempt(paths: Any) -> str | None:
        try:
            convert(paths)
        except DataError as error:
            return error.text
        return None

    failed: dict[str, str] = {}
    with ThreadPoolExecutor(workers()) as pool:
        for done, (paths, problem) in enumerate(zip(work, pool.map(attempt, work), strict=True), 1):
            if problem is not None:
                failed[str(paths[0])] = problem
            if progress is not None:
                progress(done, len(work))
    return failed


def _joined(left: Picture, right: Picture) -> Array:
    """The visible pixels of two pictures of one size side by side, (H, 2 W, C)."""
    channels = max(left.pixels.shape[2], right.pixels.shape[2])
    a, b = as_channels(left, channels), as_channels(right, channels)
    if channels == 1 and a.dtype == b.dtype == np.uint16:
        return np.concatenate([a, b], 1, dtype=np.uint16)
    return np.concatenate([to_uint8(a), to_uint8(b)], 1)


def _target(out: Path, folder: Path, file: Path, format: str) -> Path:
    return out / file.relative_to(folder).with_suffix(f".{format.lower().removeprefix('.')}")


def _check_free(out: Path, targets: Sequence[Path], overwrite: bool, inputs: Sequence[Path]) -> None:
    """Makes the folders of the targets. Raises UsageError for files that are there already."""
    if out.exists() and any(out.samefile(folder) for folder in inputs):
        raise UsageError(f"{out} holds the pictures to convert: write the results to another folder")
    there = [path for path in targets if path.exists()]
    if there and not overwrite:
        others = f" and {len(there) - 1} more of the files" if len(there) > 1 else ""
        raise UsageError(f"{there[0]}{others} exist already: {argument('overwrite')} replaces them")
    refuse_strangers(*targets, another="folder")
    check_writable(targets[0])
    for folder in {path.parent for path in targets}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"cannot write to {folder}: {reason(error, folder)}") from error
