"""Inside a notebook: one output that is drawn anew, where a terminal has a bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from html import escape

from gantool.report.text import visible


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def shown(content: object) -> Callable[[], None]:
    """Puts an object into the output of the cell, by its `_repr_html_`. Returns what draws it there anew."""
    from IPython.display import display

    handle = display(content, display_id=True)
    return lambda: handle.update(content)


def table(title: str, rows: Mapping[str, str]) -> str:
    """A table of facts as HTML."""
    lines = (f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows.items())
    return f"<table><caption>{_text(title)}</caption>{''.join(lines)}</table>"


def columns(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], bold: Sequence[Sequence[bool]]) -> str:
    """A table with a head as HTML; `bold` has a place for each cell."""
    head = "".join(f"<th>{_text(name)}</th>" for name in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td><b>{_text(cell)}</b></td>" if strong else f"<td>{_text(cell)}</td>"
            for cell, strong in zip(row, strongs, strict=True)
        )
        + "</tr>"
        for row, strongs in zip(rows, bold, strict=True)
    )
    return f"<table><caption>{_text(title)}</caption><tr>{head}</tr>{body}</table>"


def bar(what: str, share: float | None, words: str, below: str) -> str:
    """A bar as HTML: `share` of it is done, None where that is unknown."""
    value = "" if share is None else f' value="{share:.4f}"'
    more = f'<br><span style="opacity: 0.7">{_text(below)}</span>' if below else ""
    return f"<div><b>{_text(what)}</b> <progress{value}></progress> {_text(words)}{more}</div>"


def _text(words: str) -> str:
    return escape(visible(words))
