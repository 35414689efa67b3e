"""Lists of files, as any system writes them. Imports no torch."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gantool.contents import unicode_encoding
from gantool.errors import DataError


def listed(content: bytes, name: str, *, nul: bool = False) -> list[Path]:
    """The paths of a list, in its order. Raises DataError, with the list's `name`, for one that holds none.

    In UTF-8, UTF-16 or UTF-32, or of any other bytes: those are kept. Paths end with a line end of any system, or with
    NUL where the list has one, or where `nul` says so. Blank lines are passed over. Where there is no file of the name
    as it is written, it may be that of one in quotes, between spaces, in another encoding, with other accents, as a
    file:// address, or with Windows' separators.
    """
    text = _text(content, name)
    if nul or "\0" in text:
        names = text.split("\0")
        if not names[-1].strip():  # a line end behind the last NUL
            names.pop()
        paths = [Path(name) for name in names if name]
    else:
        lines = text.split("\n") if "\n" in text else text.split("\r")
        paths = [_meant(line.removesuffix("\r")) for line in lines if line.strip()]
    if not paths:
        raise DataError(f"{name} is empty: one path a line")
    return paths


def _text(content: bytes, name: str) -> str:
    """A list's text; bytes that are none become what the system's file names have in their place."""
    mark, encoding = unicode_encoding(content)
    content = content[len(mark) :]
    if encoding:
        return content.decode(encoding, "replace")
    try:
        return os.fsdecode(content)
    except UnicodeDecodeError:  # where file names are no bytes, that is on Windows
        raise DataError(f"{name} is not in UTF-8 or UTF-16: save it anew") from None


def _meant(line: str) -> Path:
    """The file that a line means, among the spellings under which there is one; else the line as it is."""
    return Path(next((spelling for spelling in _spellings(line) if os.path.lexists(spelling)), line))


def _spellings(line: str) -> Iterator[str]:
    yield line
    plain = line.strip()
    if quoted := re.fullmatch(r'"([^"]+)"', plain):  # as Windows' Explorer copies paths
        plain = quoted[1]
    yield plain
    try:
        plain.encode()
    except UnicodeEncodeError:  # no UTF-8: written on a Windows of Western Europe
        plain = os.fsencode(plain).decode("cp1252", "replace")
        yield plain
    for form in ("NFC", "NFD"):
        yield unicodedata.normalize(form, plain)
    if plain.startswith("file://"):  # as desktops copy paths
        yield unquote(urlsplit(plain).path)
    if os.sep == "/":
        yield plain.replace("\\", "/")  # written on Windows
