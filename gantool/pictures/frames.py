"""Animations and files of several pages: all their frames, read and written.

Pillow joins frames that are alike and writes no 16-bit colour; here each frame stays one of its own.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gantool.pictures import deep
from gantool.pictures.decoding import Array, frames
from gantool.pictures.file import Picture, encode, picture_of
from gantool.pictures.opening import Admit, explained, opened

SEVERAL = ("GIF", "PNG", "WEBP", "TIFF")
"""Formats (Pillow's names) that several frames are written in."""


@dataclass(frozen=True)
class Animation:
    """All frames of a file, in their order."""

    frames: tuple[Picture, ...]
    durations: tuple[int, ...]
    """Milliseconds that each frame is shown; 0 for pages."""
    loop: int
    """How often it is shown; 0 is without end."""


def count_frames(source: Path | bytes, admit: Admit | None = None) -> int:
    """How many frames a file has, as far as it is sound. Raises DataError for what is no picture."""
    with explained(source), opened(source, admit) as image:
        return frames(image)


def read_frames(source: Path | bytes, admit: Admit | None = None) -> Animation:
    """Decodes all frames of a file, each as `read_picture` does the first. Raises DataError."""
    found, durations = [], []
    with explained(source), opened(source, admit) as image:
        loop = int(image.info.get("loop", 1 if image.format == "GIF" else 0))
        # The first picture of such a PNG is for programs that know no animations.
        first = 1 if image.format == "PNG" and getattr(image, "default_image", False) else 0
        for number in range(first, frames(image)):
            image.seek(number)
            is_deep = deep.is_deep_colour(image)
            # Pillow lays the frames of an animated PNG over each other: their low bytes are not to be had.
            wide = deep.read_deep(image) if is_deep and image.format != "PNG" else None
            found.append(replace(picture_of(image, wide), reduced=is_deep and wide is None))
            durations.append(round(float(image.info.get("duration", 0))))
    return Animation(tuple(found), tuple(durations), loop)


def encode_frames(
    layers: Sequence[tuple[Array, Array | None]],
    format: str,
    animation: Animation,
    *,
    quality: int = 95,
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
) -> bytes:
    """Frames, each pixels (H, W, 1 or 3) and alpha (H, W), as a file of a format of `SEVERAL`, shown as `animation` is.

    The frames of an animation have one size; pages may differ.
    """
    some = any(alpha is not None for _, alpha in layers)
    joined = [_joined(pixels, alpha, some) for pixels, alpha in layers]
    profile = icc_profile if icc_profile and icc_profile[16:20] == _space(joined[0]) else None
    if format == "TIFF":
        return deep.tiff(joined, profile, dpi)
    if format == "PNG":
        return deep.png(joined, deep.png_facts(profile, dpi), animation.durations, animation.loop)
    if format == "GIF":
        return _gif(layers, animation)
    return _webp(layers, animation, quality, profile)


def _joined(pixels: Array, alpha: Array | None, some: bool) -> Array:
    if not some:
        return pixels
    over = np.full(pixels.shape[:2], np.iinfo(pixels.dtype).max, pixels.dtype) if alpha is None else alpha
    joined: Array = np.concatenate([pixels, over[..., None]], axis=2)
    return joined


def _space(layers: Array) -> bytes:
    return b"GRAY" if layers.shape[2] < 3 else b"RGB "


def _gif(layers: Sequence[tuple[Array, Array | None]], animation: Animation) -> bytes:
    height, width = layers[0][0].shape[:2]
    parts = [b"GIF89a", struct.pack("<HHBBB", width, height, 0x70, 0, 0)]
    if animation.loop != 1:
        parts.append(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", min(animation.loop, 65535)) + b"\0")
    for (pixels, alpha), duration in zip(layers, animation.durations, strict=True):
        table, head, data, transparent = _gif_frame(pixels, alpha)
        disposal = 2 if alpha is not None else 1  # what is transparent does not show the frame before
        flags = disposal << 2 | (transparent is not None)
        parts.append(b"\x21\xf9\x04" + struct.pack("<BHBB", flags, min(duration // 10, 65535), transparent or 0, 0))
        parts += [head, table, data]
    return b"".join((*parts, b";"))


def _gif_frame(pixels: Array, alpha: Array | None) -> tuple[bytes, bytes, bytes, int | None]:
    """Palette, descriptor, compressed pixels and the transparent entry of a frame, as Pillow writes it alone."""
    from PIL import Image

    joined = _joined(pixels, alpha, alpha is not None)
    if joined.shape[2] == 2:
        joined = np.concatenate([np.repeat(pixels, 3, axis=2), joined[..., 1:]], axis=2)
    buffer = io.BytesIO()
    Image.fromarray(joined[..., 0] if joined.shape[2] == 1 else joined).save(buffer, "GIF", optimize=False)
    file = buffer.getvalue()

    def blocks(start: int) -> int:
        while file[start]:
            start += file[start] + 1
        return start + 1

    place, size, table, transparent = 13, file[10] & 7, b"", None
    if file[10] & 0x80:
        table = file[place : place + 3 * 2 ** (size + 1)]
        place += len(table)
    while file[place] == 0x21:
        if file[place + 1] == 0xF9 and file[place + 3] & 1:
            transparent = file[place + 6]
        place = blocks(place + 2)
    head, flags = file[place : place + 9], file[place + 9]
    place += 10
    if flags & 0x80:
        size = flags & 7
        table = file[place : place + 3 * 2 ** (size + 1)]
        place += len(table)
    return table, head + bytes([flags & 0x40 | 0x80 | size]), file[place : blocks(place + 1)], transparent


def _webp(
    layers: Sequence[tuple[Array, Array | None]], animation: Animation, quality: int, icc_profile: bytes | None
) -> bytes:
    height, width = layers[0][0].shape[:2]
    some = any(alpha is not None for _, alpha in layers)

    def three(number: int) -> bytes:
        return struct.pack("<I", number)[:3]

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    size = three(width - 1) + three(height - 1)
    flags = 0x02 | 0x10 * some | 0x20 * (icc_profile is not None)
    parts = [chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size)]
    if icc_profile is not None:
        parts.append(chunk(b"ICCP", icc_profile))
    parts.append(chunk(b"ANIM", struct.pack("<IH", 0, min(animation.loop, 65535))))
    for (pixels, alpha), duration in zip(layers, animation.durations, strict=True):
        file, place, image = encode(pixels, "WEBP", alpha=alpha, quality=quality), 12, b""
        while place < len(file):
            (length,) = struct.unpack_from("<I", file, place + 4)
            if file[place : place + 4] in (b"ALPH", b"VP8 ", b"VP8L"):
                image += file[place : place + 8 + length + length % 2]
            place += 8 + length + length % 2
        # Each replaces all of the frame before: 2 is "do not blend".
        parts.append(chunk(b"ANMF", bytes(6) + size + three(min(duration, 0xFFFFFF)) + b"\x02" + image))
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body
