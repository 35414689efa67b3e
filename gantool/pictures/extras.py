"""Formats that Pillow reads with the help of another package: `gantool[heif]` installs them. Imports none of them."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache

INSTALL = "pip install 'gantool[heif]'"

_PACKAGES = {"HEIC": "pillow_heif", "JPEG XL": "pillow_jxl"}
FORMATS = tuple(_PACKAGES)
"""The names of these formats."""
_EXTENSIONS = {"HEIC": ("heic", "heif", "hif"), "JPEG XL": ("jxl",)}
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_JXL = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")


@cache
def extensions(*, installed: bool) -> frozenset[str]:
    """File extensions of those formats whose package is installed, or of those that lack theirs."""
    return frozenset(e for format, known in _EXTENSIONS.items() if can_read(format) is installed for e in known)


def format_of(head: bytes) -> str | None:
    """HEIC or JPEG XL, if a file begins with these bytes (32 are enough)."""
    if head.startswith(_JXL):
        return "JPEG XL"
    return "HEIC" if head[4:8] == b"ftyp" and head[8:12] in _HEIC else None


@cache
def can_read(format: str) -> bool:
    """Whether the package for this format is installed."""
    return importlib.util.find_spec(_PACKAGES[format]) is not None


@cache
def register() -> None:
    """Lets Pillow know the formats whose package is installed."""
    if can_read("HEIC"):
        importlib.import_module("pillow_heif").register_heif_opener()
    if can_read("JPEG XL"):
        importlib.import_module("pillow_jxl")  # registers itself
