"""A picture file before it is decoded: what its header says, and whether it is let in."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image, UnidentifiedImageError

from gantool import contents
from gantool.errors import DataError, GantoolError
from gantool.files import refuse_irregular
from gantool.pictures import extras, quiet
from gantool.pictures.decoding import orientation

Admit: TypeAlias = Callable[[Image.Image], None]
"""Told of a picture of which only the header is read. Raises ValueError or GantoolError to refuse it."""

_DECODERS = {"WEBP": 8, "AVIF": 8, "HEIF": 8, "JPEG2000": 12}  # bytes a pixel of their own

_NO_PICTURES = frozenset(("BUFR", "GRIB", "HDF5", "MPEG", "WMF"))
"""Formats that Pillow knows by name alone."""

_EMPTY = 50  # pixels a byte of the file: a large picture of more holds next to nothing


@contextmanager
def opened(source: Path | bytes, admit: Admit | None = None) -> Iterator[Image.Image]:
    """The picture as Pillow opens it: only its header has been read, and `admit` has let it in.

    Raises ValueError for an empty file and OSError for what is no file.
    """
    if isinstance(source, Path):
        refuse_irregular(source)
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        head = file.read(32)
        if not head:
            raise ValueError("the file is empty")
        if extras.format_of(head):
            extras.register()
        quiet.silence()
        with _header(file) as image:
            if image.format == "EPS":  # Pillow would have another program run it
                raise UnidentifiedImageError
            if image.format in _NO_PICTURES:
                raise ValueError(f"it is a file of {image.format}, which is not read")
            (admit or refuse_large)(image)
            yield image


_PILLOWS_LIMIT = threading.Lock()


def _header(file: Any) -> Image.Image:
    """The picture as Pillow opens it, whatever its size: `admit` is asked, which knows more than Pillow does."""
    file.seek(0)
    try:
        return Image.open(file)
    except Image.DecompressionBombError:
        pass
    file.seek(0)
    with _PILLOWS_LIMIT:  # Pillow has one limit for the whole process
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file)
        finally:
            Image.MAX_IMAGE_PIXELS = before


@contextmanager
def explained(source: Path | bytes) -> Iterator[None]:
    """Damaged files make Pillow's readers raise almost anything: all of it is a picture that cannot be read."""
    try:
        yield
    except (MemoryError, GantoolError):
        raise
    except Exception as error:
        if isinstance(error, UnidentifiedImageError):
            reason = _unknown(source)
        else:
            lines = str((error.strerror if isinstance(error, OSError) else None) or error).splitlines()
            reason = lines[0] if lines else type(error).__name__
            if reason.startswith("decoder error"):  # and a number is all that Pillow says
                reason = f"its pixels are damaged ({reason})"
        name = "the picture" if isinstance(source, bytes) else str(source)
        raise DataError(f"cannot read {name}: {reason}") from error


def _unknown(source: Path | bytes) -> str:
    """Why Pillow does not know a file."""
    try:
        if isinstance(source, bytes):
            head = source[:4096]
        else:
            with source.open("rb") as file:
                head = file.read(4096)
    except OSError as error:
        return error.strerror or str(error)
    extra = extras.format_of(head)
    if found := contents.of(head):
        return f"it {': '.join(found)}"
    if extra is None:
        return "not a picture, or of a format that Pillow does not know"
    return (
        f"it is damaged, or of a kind of {extra} that is not known"
        if extras.can_read(extra)
        else (f"it is {extra}, which {extras.INSTALL} reads")
    )


def most_pixels() -> int:
    """How many pixels a picture may have where nothing else is said: as many as Pillow allows."""
    limit = Image.MAX_IMAGE_PIXELS
    return 10**18 if limit is None else 2 * limit


def refuse_large(image: Image.Image) -> None:
    """An `Admit`. Raises ValueError for more than `most_pixels()`."""
    if image.width * image.height > most_pixels():
        raise ValueError(f"{beyond(image, most_pixels())}; cut it into smaller pictures")


def refuse_bomb(image: Image.Image) -> None:
    """An `Admit` for pictures that come in thousands: `refuse_large`, and for large ones that are tiny files."""
    refuse_large(image)
    pixels, size = image.width * image.height, _size(image)
    if 2 * pixels > most_pixels() and pixels > _EMPTY * size:
        raise ValueError(
            f"it claims {_mega(pixels)} in a file of {max(1, size // 1000)} kB, as a decompression bomb does; make it"
            " smaller, or cut it into smaller pictures"
        )


def beyond(image: Image.Image, limit: int) -> str:
    """Words for a picture of more pixels than the limit."""
    pixels = image.width * image.height
    told_apart = limit >= 10_000_000 and _mega(pixels) != _mega(limit)
    claimed, most = (_mega(pixels), _mega(limit)) if told_apart else (f"{pixels} pixels", str(limit))
    return f"it claims {claimed}, more than {most}, which may exhaust the memory"


def bytes_to_decode(image: Image.Image) -> int:
    """Bytes that decoding takes at its height, from above, from the picture's header."""
    colour = 6 if image.mode in ("1", "L") else 14
    return image.width * image.height * (colour + _DECODERS.get(image.format or "", 0))


def upright_size(image: Image.Image) -> tuple[int, int]:
    """`picture_size` of a picture that is open."""
    width, height = image.size
    # Pillow turns a TIFF's size by itself; asking a PNG that has no EXIF so far would decode its pixels.
    known = image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info)
    return (height, width) if not known and orientation(image) >= 5 else (width, height)


def _size(image: Image.Image) -> int:
    """Bytes of the file that a picture is opened from."""
    file = getattr(image, "fp", None)
    if file is None:
        return 1 << 60
    place = file.tell()
    size: int = file.seek(0, io.SEEK_END)
    file.seek(place)
    return size


def _mega(pixels: int) -> str:
    return f"{pixels // 1_000_000} megapixels"
