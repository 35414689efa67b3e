"""Whether a file looks like a whole picture, from its first and last bytes: 20 microseconds instead of a decoding."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
"""JPEG's markers of a frame, which tells the size."""
_MOST_PIXELS = 100_000_000
"""Larger ones are for a decoder to judge, which knows its limits."""


def size_if_whole(path: Path) -> tuple[int, int] | None:
    """(width, height) on file of a PNG, JPEG or GIF that begins and ends as it should.

    None says nothing against the file: a decoder has to tell. Raises OSError for a file that cannot be read.
    """
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        length = os.fstat(file).st_size
        head = os.read(file, 4096)
        os.lseek(file, max(0, length - 12), os.SEEK_SET)
        tail = os.read(file, 12)
        size = None
        if head[:8] == b"\x89PNG\r\n\x1a\n" and tail == _PNG_END:
            size = _png(head)
        elif head[:3] == b"\xff\xd8\xff" and tail[-2:] == b"\xff\xd9":
            size = _jpeg(file, length)
        elif head[:6] in (b"GIF87a", b"GIF89a") and tail[-1:] == b";":
            size = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    finally:
        os.close(file)
    return size if size and 0 < size[0] * size[1] <= _MOST_PIXELS else None


def _png(head: bytes) -> tuple[int, int] | None:
    if head[8:16] != b"\x00\x00\x00\x0dIHDR" or zlib.crc32(head[12:29]) != int.from_bytes(head[29:33], "big"):
        return None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _jpeg(file: int, length: int) -> tuple[int, int] | None:
    """The size in the frame's segment, found by going from segment to segment."""
    at = 2
    while at + 9 < length:
        os.lseek(file, at, os.SEEK_SET)
        segment = os.read(file, 9)
        if len(segment) < 9 or segment[0] != 0xFF:  # it may become shorter meanwhile
            return None
        if segment[1] == 0xFF:  # filling
            at += 1
        elif segment[1] in _FRAMES:
            return int.from_bytes(segment[7:9], "big"), int.from_bytes(segment[5:7], "big")
        else:
            at += 2 + int.from_bytes(segment[2:4], "big")
    return None
