"""16-bit colour, which Pillow reads as 8-bit and does not write.

Pillow can be told which byte of each value it takes: a picture is decoded once for the high bytes and once for the low
ones, by whatever way its file is compressed.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

_OTHER_BYTE = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_SIZ = b"\xff\x4f\xff\x51"  # how a JPEG 2000 stream begins

Deep = tuple[NDArray[np.uint16], NDArray[np.uint16] | None]


def is_deep_colour(image: Image.Image) -> bool:
    """Whether a file that is opened, and not decoded, has more than 8 bits a channel that Pillow reads as 8."""
    if image.mode not in ("RGB", "RGBA", "RGBX", "CMYK", "LA"):
        return False
    if image.format == "JPEG2000":
        return _jpeg2000_bits(image) > 8
    raw = _raw_mode(image)
    if image.format == "PPM":
        codec, _, _, args = _tiles(image)[0]
        return codec.startswith("ppm") and int(args[-1]) > 255
    return ";16" in raw


def read_deep(image: Image.Image) -> Deep | None:
    """Pixels (H, W, C) and alpha (H, W) of such a file in 16 bits; None where Pillow's 8 are all there is.

    The picture itself is decoded on the way.
    """
    raw, tile, page = _raw_mode(image), _tiles(image)[:1], image.tell()
    tags, file = getattr(image, "tag_v2", {}), getattr(image, "fp", None)
    image.load()
    if image.format == "PPM":
        return _ppm(file, tile[0], image.width, image.height)
    if image.format not in ("PNG", "TIFF") or raw.startswith(("RGBa", "CMYK")) or tags.get(284, 1) == 2:
        return None
    if raw == "LA;16B":  # its four bytes a pixel
        four = _values(_again(file, page, "RGBA", "RGBA"))
        high, low = four[..., 0::2], four[..., 1::2]
    else:
        high, low = _values(image), _values(_again(file, page, image.mode, raw[:-1] + _OTHER_BYTE[raw[-1]]))
    whole: NDArray[np.uint16] = np.bitwise_or(np.left_shift(high, 8, dtype=np.uint16), low)
    key = image.info.get("transparency")
    if whole.shape[2] in (2, 4):
        return np.ascontiguousarray(whole[..., :-1]), np.ascontiguousarray(whole[..., -1])
    if isinstance(key, tuple) and len(key) == 3:
        return whole, np.where((whole == np.array(key, np.uint16)).all(axis=2), 0, 65535).astype(np.uint16)
    return whole, None


def png(
    frames: Sequence[NDArray[Any]],
    chunks: Sequence[tuple[bytes, bytes]] = (),
    durations: Sequence[int] = (),
    loop: int = 0,
) -> bytes:
    """A PNG of layers (H, W, 1 to 4) in 8 or 16 bits: grey, grey with alpha, colour, colour with alpha.

    Of several frames an animation: `durations` in milliseconds, shown `loop` times (0: without end).
    """
    height, width, count = frames[0].shape
    kind, bits = {1: 0, 2: 4, 3: 2, 4: 6}[count], frames[0].dtype.itemsize * 8
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)), *chunks]
    if len(frames) > 1:
        parts.append((b"acTL", struct.pack(">II", len(frames), loop)))
    number = 0
    for index, layers in enumerate(frames):
        data = _lines(layers)
        if len(frames) > 1:
            shown = struct.pack(">HHBB", min(durations[index], 65535), 1000, 0, 0)
            parts.append((b"fcTL", struct.pack(">IIIII", number, width, height, 0, 0) + shown))
            number += 1
        if index == 0:
            parts.append((b"IDAT", data))
        else:
            parts.append((b"fdAT", struct.pack(">I", number) + data))
            number += 1
    parts.append((b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def _lines(layers: NDArray[Any]) -> bytes:
    rows = layers.astype(layers.dtype.newbyteorder(">")).reshape(layers.shape[0], -1).view(np.uint8)
    lines = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    lines[:, 0] = 2  # each byte is told as its difference from the one above
    lines[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    return zlib.compress(lines.data, 3)


def png_facts(icc_profile: bytes | None, dpi: tuple[float, float] | None) -> list[tuple[bytes, bytes]]:
    """Chunks of a PNG for its profile and its resolution."""
    chunks = []
    if icc_profile is not None:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile)))
    if dpi is not None:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in dpi), 1)))
    return chunks


def tiff(pages: Sequence[NDArray[Any]], icc_profile: bytes | None, dpi: tuple[float, float] | None) -> bytes:
    """A TIFF of pages (H, W, 1 to 4) in 8 or 16 bits, compressed by Deflate. Raises ValueError beyond 4 GB."""
    file = b"II*\0" + struct.pack("<I", 8)
    for number, layers in enumerate(pages, start=1):
        file += _page(layers, icc_profile, dpi, len(file), number == len(pages))
        if len(file) > 0xFFFF0000:
            raise ValueError("it is larger than 4 GB")
    return file


def _page(
    layers: NDArray[Any], icc_profile: bytes | None, dpi: tuple[float, float] | None, base: int, last: bool
) -> bytes:
    """A page of a TIFF that begins at this place of the file."""
    height, width, count = layers.shape
    bits = layers.dtype.itemsize * 8
    differences = layers.copy()
    differences[:, 1:] -= layers[:, :-1]
    data = zlib.compress(differences.astype(layers.dtype.newbyteorder("<")).tobytes(), 3)
    alpha = count in (2, 4)
    entries: list[tuple[int, str, Sequence[int]]] = [
        (256, "I", [width]),
        (257, "I", [height]),
        (258, "H", [bits] * count),
        (259, "H", [8]),
        (262, "H", [1 if count < 3 else 2]),
        (273, "I", [0]),
        (277, "H", [count]),
        (278, "I", [height]),
        (279, "I", [len(data)]),
        *([(282, "Q", [dpi[0]]), (283, "Q", [dpi[1]])] if dpi else []),  # type: ignore[list-item]
        *([(296, "H", [2])] if dpi else []),
        (317, "H", [2]),
        *([(338, "H", [2])] if alpha else []),
        *([(34675, "B", icc_profile)] if icc_profile else []),
    ]
    start = base + 2 + 12 * len(entries) + 4
    extra = b""
    table = []
    for tag, kind, values in entries:
        code = {"B": 7, "H": 3, "I": 4, "Q": 5}[kind]
        if kind == "Q":
            packed = struct.pack("<II", round(values[0] * 1000), 1000)
        elif isinstance(values, bytes):
            packed = values
        else:
            packed = struct.pack(f"<{len(values)}{kind}", *values)
        table.append((tag, code, len(values), packed))
        if len(packed) > 4:
            extra += packed + b"\0" * (len(packed) % 2)
    place, lines = start, b""
    for tag, code, number, packed in table:
        if tag == 273:
            packed = struct.pack("<I", start + len(extra))
        if len(packed) > 4:
            lines += struct.pack("<HHII", tag, code, number, place)
            place += len(packed) + len(packed) % 2
        else:
            lines += struct.pack("<HHI", tag, code, number) + packed.ljust(4, b"\0")
    data += b"\0" * (len(data) % 2)
    following = 0 if last else start + len(extra) + len(data)
    return struct.pack("<H", len(table)) + lines + struct.pack("<I", following) + extra + data


def ppm(layers: NDArray[np.uint16]) -> bytes:
    """A 16-bit PPM of colour (H, W, 3)."""
    height, width, _ = layers.shape
    return b"P6\n%d %d\n65535\n" % (width, height) + layers.astype(">u2").tobytes()


def _raw_mode(image: Image.Image) -> str:
    """Pillow's name of how pixels lie in the file: "RGB;16B"."""
    tiles = _tiles(image)
    args = tiles[0][3] if tiles else ""
    return str(args if isinstance(args, str) else args[0] if isinstance(args, tuple) and args else "")


def _tiles(image: Image.Image) -> list[Any]:
    """(codec, extents, offset, arguments) of the parts that a picture is decoded from."""
    return list(getattr(image, "tile", []))


def _again(file: Any, page: int, mode: str, raw: str) -> Image.Image:
    """A page decoded in another way."""
    file.seek(0)
    image: Any = Image.open(file)
    if page:
        image.seek(page)
    image._mode = mode
    image.tile = [
        ImageFile._Tile(codec, extents, offset, raw if isinstance(args, str) else (raw, *args[1:]))
        for codec, extents, offset, args in _tiles(image)
    ]
    image.load()
    opened: Image.Image = image
    return opened


def _values(image: Image.Image) -> NDArray[np.uint16]:
    return np.array(image).astype(np.uint16)


def _ppm(file: Any, tile: Any, width: int, height: int) -> Deep | None:
    codec, _, offset, args = tile
    if codec != "ppm":
        return None
    file.seek(offset)
    most = int(args[-1])
    values = np.frombuffer(file.read(width * height * 6), ">u2").reshape(height, width, 3)
    if most == 65535:
        return values.astype(np.uint16), None
    return np.rint(np.minimum(values, most).astype(np.float64) * (65535 / most)).astype(np.uint16), None


def _jpeg2000_bits(image: Image.Image) -> int:
    file: Any = getattr(image, "fp", None)
    place = file.tell()
    file.seek(0)
    head = file.read(65_536)
    file.seek(place)
    found = head.find(_SIZ)
    return (head[found + 42] & 0x7F) + 1 if 0 <= found < len(head) - 42 else 8
