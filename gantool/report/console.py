"""Where words go: results on stdout, everything else on stderr.

The command line makes one `Console` from its flags and hands it down.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

from gantool.errors import DataError, in_python, spelled
from gantool.report.notebook import in_notebook
from gantool.report.text import figure, to_json, visible

if TYPE_CHECKING:
    import rich.console


class Lenient:
    """A stream that nobody need read: where its reader has gone or its disk is full, words are lost and work goes on.

    None is the stream of a process that was started without one.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._gone = stream is None

    def write(self, text: str) -> int:
        self._try(lambda stream: stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(lambda stream: stream.flush())

    def isatty(self) -> bool:
        return self._stream is not None and not self._stream.closed and self._stream.isatty()

    @property
    def encoding(self) -> str:
        return getattr(self._stream, "encoding", None) or "utf-8"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, act: Callable[[TextIO], object]) -> None:
        if self._gone or self._stream is None:
            return
        try:
            act(self._stream)
        except (OSError, ValueError):
            self._gone = True
            # What is still in the buffer would be tried again when Python ends, and change the exit code.
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)


@dataclass(frozen=True)
class Console:
    """The two streams and how much may be said on them. What cannot be seen in names is written out: `visible`."""

    verbosity: int = 0
    """-2: silent, -1: errors only, 0: everything a person needs, above: details."""
    json: bool = False
    """Events go to stdout, one JSON object a line; tables and progress bars are left out."""
    progress: Literal["auto", "plain", "none"] = "auto"
    """auto: a bar on a terminal, a line that is drawn anew in a notebook, and lines elsewhere."""
    color: bool = True
    """A non-empty NO_COLOR in the environment has the same effect as False."""
    spell: Callable[[str, str], str] = in_python
    """How arguments in messages are written: see `gantool.errors.argument`."""
    out: TextIO | None = field(default_factory=lambda: sys.stdout)
    err: TextIO | None = field(default_factory=lambda: sys.stderr)
    """None where a service has closed them."""

    def __post_init__(self) -> None:
        if not isinstance(self.err, Lenient):
            object.__setattr__(self, "err", cast("TextIO", Lenient(self.err)))

    def steadfast(self) -> Console:
        """The same console for work that goes on when the reader of its events has gone, too."""
        return replace(self, out=cast("TextIO", Lenient(self.out)))

    def note(self, text: str) -> None:
        """Something worth knowing, on stderr; not where errors alone are said."""
        if self.verbosity >= 0:
            self._say("", "", text)

    def warn(self, text: str, *, grave: bool = False) -> None:
        """Something that may surprise later, on stderr; where errors alone are said, only what is grave."""
        if self.verbosity >= (-1 if grave else 0):
            self._say("warning: ", "yellow", text)

    def error(self, text: str) -> None:
        """An error, on stderr; not for a silent console."""
        if self.verbosity >= -1:
            self._say("error: ", "bold red", text)

    def event(self, event: str, **fields: object) -> None:
        """For JSON one line `{"event": event, ...}` on stdout, else nothing. NaN and infinities become null."""
        if self.json:
            self.result(to_json({"event": event, **fields}))

    def result(self, text: str) -> None:
        """A result of one line, on stdout, also for JSON and where little is said. Raises DataError without stdout."""
        if self.out is None:
            raise DataError("there is no stdout: it is closed")
        _write(self.out, f"{visible(text)}\n")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table on stdout: drawn on a terminal, aligned plain text elsewhere, nothing for JSON.

        Columns of numbers are flush right; None is an empty cell.
        """
        if self.json:
            return
        title, columns = visible(title), [visible(column) for column in columns]
        cells = [[visible(self.words(_cell(value))) for value in row] for row in rows]
        right = [
            bool(rows) and all(row[i] is None or isinstance(row[i], (int, float)) for row in rows)
            for i in range(len(columns))
        ]
        if not is_terminal(self.out):
            for line in _plain_table(title, columns, cells, right):
                self.result(line)
            return
        from rich import box
        from rich.table import Table
        from rich.text import Text

        drawn = Table(title=Text(title) if title else None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for column, is_right in zip(columns, right, strict=True):
            drawn.add_column(Text(column), justify="right" if is_right else "left", overflow="fold")
        for row in cells:
            drawn.add_row(*(Text(cell) for cell in row))
        self._rich(self.out).print(drawn)

    @property
    def bars(self) -> bool:
        """Whether progress may be drawn as a bar on stderr."""
        return self.progress == "auto" and self.verbosity >= 0 and not self.json and is_terminal(self.err)

    @property
    def lines(self) -> bool:
        """Whether progress may be written as plain lines on stderr."""
        return self.progress != "none" and self.verbosity >= 0 and not self.json and not self.bars and not self.in_cell

    @property
    def in_cell(self) -> bool:
        """Whether progress may be drawn in the output of a notebook's cell."""
        return self.progress == "auto" and self.verbosity >= 0 and not self.json and not self.bars and in_notebook()

    @cached_property
    def screen(self) -> rich.console.Console:
        """stderr as rich draws on it: one object, so that words appear above a bar instead of through it."""
        return self._rich(self.err)

    def _rich(self, stream: TextIO | None) -> rich.console.Console:
        from rich.console import Console as RichConsole

        no_color = not self.color or bool(os.environ.get("NO_COLOR"))
        return RichConsole(file=stream, force_terminal=True, no_color=no_color, highlight=False)

    def words(self, text: str) -> str:
        """A message with its arguments spelled as this console spells them."""
        return spelled(text, self.spell)

    def _say(self, label: str, style: str, text: str) -> None:
        text = visible(self.words(text))
        assert self.err is not None, "it is a Lenient one"
        if is_terminal(self.err):
            from rich.text import Text

            self.screen.print(Text.assemble((label, style), text), soft_wrap=True)
        else:
            _write(self.err, f"{label}{text}\n")


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at this stream, on a terminal that can move its cursor."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _write(stream: TextIO, text: str) -> None:
    """Writes, and flushes. Characters that the stream's encoding lacks are written out."""
    encoding = getattr(stream, "encoding", None) or "utf-8"  # a process may have been started without the stream
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return figure(value, digits=4) if isinstance(value, float) else str(value)


def _plain_table(title: str, columns: Sequence[str], cells: list[list[str]], right: list[bool]) -> list[str]:
    widths = [max(len(row[i]) for row in [list(columns), *cells]) for i in range(len(columns))]
    lines = [title] if title else []
    for row in [list(columns), *cells]:
        padded = [
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return lines
