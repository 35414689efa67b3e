"""Pictures of any kind as arrays, and back: what a person sees in a viewer, at the depth of the file.

Pixels are uint8 or uint16 arrays (H, W, C) over the full range of their type. No function keeps state, so threads may
call them at once (Pillow releases the interpreter's lock while it decodes).
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gantool.errors import DataError
from gantool.pictures import deep as deep_colour
from gantool.pictures.decoding import Array as Array
from gantool.pictures.decoding import arrays, frames, orientation, resolution, upright
from gantool.pictures.opening import Admit, explained, opened, refuse_bomb, upright_size

FORMATS = {
    "PNG": ("png", "apng"),
    "JPEG": ("jpg", "jpeg", "jpe", "jfif"),
    "WEBP": ("webp",),
    "TIFF": ("tif", "tiff"),
    "JPEG2000": ("jp2", "j2k", "jpx"),
    "AVIF": ("avif",),
    "BMP": ("bmp", "dib"),
    "PPM": ("ppm", "pgm", "pnm"),
}
"""The formats that can be written (Pillow's names), each with its file extensions, the usual one first."""

ALPHA = ("PNG", "WEBP", "TIFF", "JPEG2000", "AVIF")
SIXTEEN_BIT = ("PNG", "TIFF", "JPEG2000", "PPM")


@dataclass(frozen=True)
class Picture:
    """One decoded picture, upright."""

    pixels: Array
    """(H, W, C), C = 1 (grey) or 3 (RGB). Where `alpha` is 0 the values are hidden: never show them."""
    alpha: Array | None
    """(H, W) in the type of `pixels`: 0 is transparent; None where the file has no transparency."""
    format: str
    """Pillow's name of the file format: PNG, JPEG, TIFF, ..."""
    icc_profile: bytes | None
    mode: str = ""
    """Pillow's name of the pixel type on file: L, RGB, P, RGBA, I;16, F, ..."""
    stretched: bool = False
    """Whether values beyond the known ranges were stretched to fit, each picture by itself."""
    dpi: tuple[float, float] | None = None
    """Resolution in pixels an inch, across and down; None where the file does not say."""
    frames: int = 1
    """Frames or pages of the file; `pixels` are the first."""
    reduced: bool = False
    """Whether the file has more than 8 bits a channel, of which 8 were read."""


def read_picture(source: Path | bytes, admit: Admit | None = None) -> Picture:
    """Decodes a file, or a file's content, if `admit` lets it in. Raises DataError "cannot read PATH: reason".

    Grey stays grey, colour of any kind (palette, CMYK, YCbCr, Lab) becomes RGB, transparency of any kind becomes
    `alpha`, EXIF orientation is applied, and of several frames the first is read. 16-bit grey stays 16-bit. Other
    integers and floats become uint16: integers in [0, 65535] as they are, floats in [0, 1] times 65535; values beyond
    are stretched linearly from their own minimum and maximum to the full range (`stretched`), never clipped. 16-bit
    colour stays 16-bit in PNG, TIFF and PPM, and is `reduced` to 8 bits in what else there is. `admit` None allows
    `most_pixels()`.
    """
    with explained(source), opened(source, admit) as image:
        deep = deep_colour.is_deep_colour(image)
        wide = deep_colour.read_deep(image) if deep else None
        return replace(picture_of(image, wide), frames=frames(image), reduced=deep and wide is None)


def picture_of(image: Image.Image, wide: deep_colour.Deep | None = None) -> Picture:
    """A picture that Pillow has opened, upright. `wide` are its 16 bits where Pillow gives 8."""
    image.load()
    pixels, alpha, stretched = (*wide, False) if wide is not None else arrays(image)
    turn = orientation(image)
    return Picture(
        upright(pixels, turn),
        None if alpha is None else upright(alpha, turn),
        image.format or "",
        image.info.get("icc_profile") or None,
        image.mode,
        stretched,
        resolution(image, turn),
    )


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) of the upright picture, from the file's header alone. Raises DataError as `read_picture`.

    An orientation that a PNG states after its pixels is not seen.
    """
    with explained(path), opened(path) as image:
        return upright_size(image)


def read_pixels(path: Path, channels: int) -> NDArray[np.uint8]:
    """The picture (H, W, channels) as training sees it: 8 bits, transparency on white. Raises DataError.

    A picture that is next to nothing on file and would take gigabytes in memory is refused.
    """
    return to_uint8(as_channels(read_picture(path, refuse_bomb), channels))


def as_channels(picture: Picture, channels: int, background: int = 255) -> Array:
    """The visible picture (H, W, channels), channels = 1 or 3, at its own depth.

    Transparent pixels are laid over `background` (a grey level in [0, 255], whatever the depth). Grey from RGB is
    ITU-R 601 luma, bit for bit Pillow's "L".
    """
    pixels: Array = picture.pixels
    full = np.iinfo(pixels.dtype).max
    if picture.alpha is not None and not (picture.alpha == full).all():
        # The largest sum, 65535^2 + 32767, just fits into 32 bits.
        opacity = picture.alpha[..., None].astype(np.uint32)
        behind = np.uint32(background * (full // 255))
        blend = pixels * opacity + behind * (full - opacity) + np.uint32(full // 2)
        pixels = _like(pixels, blend // np.uint32(full))
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return _like(pixels, np.repeat(pixels, 3, axis=2))
    if channels == 1:
        red, green, blue = (pixels[..., i].astype(np.uint32) for i in range(3))
        luma = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
        return _like(pixels, luma[..., None])
    raise ValueError(f"pictures have 1 or 3 channels, not {channels}")


def to_uint8(pixels: Array) -> NDArray[np.uint8]:
    """16-bit pixels scaled to 8 bits and rounded to nearest; 8-bit ones as they are."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


@cache
def writable_format(extension: str) -> str:
    """Pillow's format name for a file extension ("jpg", ".JPG"). Raises DataError for one that is not written here."""
    wanted = extension.lower().removeprefix(".")
    for name, extensions in FORMATS.items():
        if wanted in extensions:
            return name
    known = ", ".join(extensions[0] for extensions in FORMATS.values())
    raise DataError(f"pictures cannot be written as {wanted!r}: choose one of {known}")


def can_hold(format: str, *, channels: int, sixteen_bit: bool, alpha: bool) -> bool:
    """Whether `encode` can write such pixels in this format."""
    if sixteen_bit and format == "JPEG2000":
        return channels == 1 and not alpha
    if sixteen_bit:
        return format in SIXTEEN_BIT and (not alpha or format == "PNG" or (format == "TIFF" and channels == 3))
    return format in ALPHA if alpha else format in FORMATS


def encode(
    pixels: Array,
    format: str,
    *,
    alpha: Array | None = None,
    quality: int = 95,
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
) -> bytes:
    """Pixels (H, W, 1 or 3) and alpha (H, W) of one type as the content of a file.

    `format` is a name of `FORMATS`. `quality` in [1, 100] matters for JPEG (full colour resolution from 90 on), WEBP
    (100 is lossless) and AVIF; the others are lossless. A profile that does not describe such pixels is left out, and
    so is the resolution `dpi` where it has no place.
    Raises DataError for pixels that the format cannot hold, naming formats that can.
    """
    channels, sixteen_bit = pixels.shape[2], pixels.dtype == np.uint16
    if not can_hold(format, channels=channels, sixteen_bit=sixteen_bit, alpha=alpha is not None):
        raise DataError(_refusal(format, channels, sixteen_bit, alpha is not None))
    settings: dict[str, Any] = {}
    if format == "PNG":
        settings["compress_level"] = 3  # half the time of the default for a few per cent of size
    elif format in ("JPEG", "WEBP", "AVIF"):
        settings["quality"] = quality
        if format == "JPEG" and quality >= 90:
            settings["subsampling"] = 0
        if format == "WEBP" and quality == 100:
            settings["lossless"] = True
    elif format == "TIFF":
        settings["compression"] = "tiff_lzw"
    if icc_profile is not None and icc_profile[16:20] == (b"GRAY" if channels == 1 else b"RGB "):
        settings["icc_profile"] = icc_profile

    if dpi is not None and format in ("PNG", "JPEG", "TIFF", "BMP"):
        settings["dpi"] = dpi

    layers: NDArray[Any] = pixels if alpha is None else np.concatenate([pixels, alpha[..., None]], axis=2)
    if sixteen_bit and layers.shape[2] > 1:
        return _deep(layers, format, settings.get("icc_profile"), dpi)
    image = Image.fromarray(layers[..., 0] if layers.shape[2] == 1 else layers)
    buffer = io.BytesIO()
    try:
        image.save(buffer, format, **settings)
    except (OSError, ValueError, KeyError) as error:
        # KeyError: this Pillow was built without the format's library. The others: larger than the format allows.
        size = f"{pixels.shape[1]}x{pixels.shape[0]} pixels"
        raise DataError(f"cannot write {size} as {format}: {error}; choose another format, such as png") from error
    return buffer.getvalue()


def _deep(layers: NDArray[np.uint16], format: str, icc_profile: bytes | None, dpi: tuple[float, float] | None) -> bytes:
    if format == "PNG":
        return deep_colour.png([layers], deep_colour.png_facts(icc_profile, dpi))
    return deep_colour.ppm(layers) if format == "PPM" else deep_colour.tiff([layers], icc_profile, dpi)


def _like(pixels: Array, values: NDArray[Any]) -> Array:
    if pixels.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    return values.astype(np.uint16, copy=False)


def _refusal(format: str, channels: int, sixteen_bit: bool, alpha: bool) -> str:
    what = ("16-bit " if sixteen_bit else "") + ("grey" if channels == 1 else "colour")
    what += " with transparency" if alpha else ""
    able = [name for name in FORMATS if can_hold(name, channels=channels, sixteen_bit=sixteen_bit, alpha=alpha)]
    remedy = f"choose {', '.join(able)}" if able else "make it 8-bit first"
    return f"{format} cannot hold {what} pixels: {remedy}"
