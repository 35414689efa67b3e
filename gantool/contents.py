"""What a file is by its bytes: another one than its name says, as downloads bring it, or text in some encoding."""

from __future__ import annotations

import codecs

AGAIN = "download it again"
UNPACK = "unpack it"
DRAW = "convert it to PNG"

_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "is compressed with gzip (or a tar.gz archive)", UNPACK),
    (b"BZh", "is compressed with bzip2", UNPACK),
    (b"\xfd7zXZ\x00", "is compressed with xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "is compressed with Zstandard", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "is a RAR archive", UNPACK),
    (b"PK\x03\x04", "is a zip archive", UNPACK),
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file", "run git lfs pull where it lies"),
    (b"%PDF", "is a PDF document", DRAW),
    (b"%!PS", "is PostScript, a program that draws", DRAW),
    (b"\xc5\xd0\xd3\xc6", "is PostScript, a program that draws", DRAW),
)
_PAGE = ("<!doctype html", "<html", "<head", "<body", "<script", "<!--", "<meta")

_MARKS = (
    (codecs.BOM_UTF8, ""),  # Notepad
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),  # PowerShell
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNMARKED = ((b"\r\0\n\0", "utf-16-le"), (b"\0\r\0\n", "utf-16-be"))  # `cmd /u`


def of(head: bytes) -> tuple[str, str] | None:
    """What a file is that begins with these bytes (4096 are enough), and what to do: ("is a RAR archive", "unpack it").

    None for what may be what its name says.
    """
    for signature, what, way in _SIGNATURES:
        if head.startswith(signature):
            return what, way
    if head[257:262] == b"ustar":
        return "is a tar archive", UNPACK
    if len(head) >= 512 and not any(head):
        return "begins with zeros alone, as where a copy broke off", f"copy or {AGAIN}"
    begin = (beginning(head) or "").lstrip()[:1000].lower()
    if begin.startswith(_PAGE) and "<svg" not in begin:
        return "is a web page (HTML), not the file that it offers", f"{AGAIN} by the link to the file itself"
    if begin.startswith("<") and "<svg" in begin:
        return "is a drawing (SVG)", DRAW
    if begin.startswith(("<?xml", "<error")):  # a caption may begin with <s>
        return "is text in XML, such as the error message of a server", AGAIN
    return None


def beginning(head: bytes) -> str | None:
    """These bytes, of which the last character may be cut, as text in UTF-8; None if they are none."""
    try:
        read = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return None
        read = head[: error.start].decode("utf-8-sig")
    return None if any(ord(c) < 32 and c not in "\t\n\r\f\x1b" for c in read) else read


def text_of(content: bytes) -> str:
    """The text of a file that a person wrote: UTF-8, UTF-16, or UTF-32 with its mark. Raises ValueError."""
    mark, encoding = unicode_encoding(content)
    if not encoding:
        first, second = (content[start::2].count(0) for start in (0, 1))
        if 4 * abs(second - first) > len(content):  # in one half of the bytes alone: where a copy broke off in both
            encoding = "utf-16-le" if second > first else "utf-16-be"
    try:
        return content[len(mark) :].decode(encoding or "utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8; save it as such") from None


def unicode_encoding(content: bytes) -> tuple[bytes, str]:
    """A text's byte order mark, b"" without one, and its encoding where that is UTF-16 or UTF-32; else ""."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return mark, encoding
    return b"", next((encoding for ends, encoding in _UNMARKED if content.find(ends) % 2 == 0), "")
