"""The frame of our HTML pages: one file each, with everything inside and nothing asked of a network."""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gantool.files import write_atomically
from gantool.report.text import visible

if TYPE_CHECKING:
    import jinja2

BUDGET = 14_000_000
"""Bytes of pictures that go into one page; as text they take a third more, which keeps a page below 20 MB."""

_LINK = "<!-- link -->"  # where a page without a link may get one

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Embedded:
    """A picture inside a page."""

    data: str
    """Its file, in base64."""
    kind: str
    """png or jpeg."""
    width: int
    height: int

    @property
    def factor(self) -> int:
        """Small pictures are shown up to three times as large."""
        return max(1, min(3, 640 // max(1, self.width)))


def embedded(data: bytes, kind: str, width: int, height: int) -> Embedded:
    """A picture file of this kind and size, for a page."""
    return Embedded(base64.b64encode(data).decode("ascii"), kind, width, height)


def write_page(path: Path, template: str, **values: object) -> Path:
    """Writes a page from a template of `report/templates`, atomically.

    All values are escaped, and what cannot be seen in them is written out.
    """
    write_atomically(path, _rendered(template, values).encode("utf-8", "replace"))
    return path


def renew(page: Path, template: str, *, before: str, **values: object) -> None:
    """Puts a part of a page, which begins and ends with a comment each, in the place of the one that is there, or where
    there is none, in front of `before`. Atomic.
    """
    part = _rendered(template, values).strip()
    first, last = part.splitlines()[0], part.splitlines()[-1]
    text = page.read_text(encoding="utf-8")
    head, found, rest = text.partition(first)
    tail = rest.partition(last)[2] if found else ""
    if not found:
        head, found, tail = text.partition(before)
        tail = f"\n{found}{tail}"
    write_atomically(page, f"{head}{part}{tail}".encode("utf-8", "replace"))


def _rendered(template: str, values: Mapping[str, object]) -> str:
    return _environment(_TEMPLATES).get_template(template).render(values)


@functools.cache
def _environment(templates: Path) -> jinja2.Environment:
    """It keeps templates compiled: a training writes its page often."""
    import jinja2

    def seen(value: object) -> object:
        return "\n".join(map(visible, value.split("\n"))) if type(value) is str else value

    loader = jinja2.FileSystemLoader(templates)
    return jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined, finalize=seen
    )


def add_link(page: Path, target: str, words: str) -> None:
    """Gives a page that has no link one to `target`, a page in the same folder. Atomic."""
    from markupsafe import escape

    text = page.read_text(encoding="utf-8")
    nav = f'<nav><a href="{escape(target)}">{escape(words)}</a></nav>'
    write_atomically(page, text.replace(_LINK, nav, 1).encode())
