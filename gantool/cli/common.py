"""Shared by several verbs: their common flags, how flags are spelled, and streams. Imports nothing heavy."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gantool.contents import text_of
from gantool.errors import DataError, UsageError
from gantool.report.console import Console
from gantool.report.text import visible

_SHORT = {"out": "-o", "n": "-n", "from_": "--from"}
_EXISTING = {"overwrite": "--overwrite", "skip": "--skip-existing", "fail": "--fail-existing", "newer": "--newer"}


def flag(names: str, help: str, panel: str, **more: Any) -> Any:
    """A flag in a panel of the help page; `names` such as "-o --out"."""
    return typer.Option(*names.split(), help=help, rich_help_panel=panel, **more)


def spelled_flag(name: str, value: str) -> str:
    """An argument of a message as it is typed: --crop 256, --size 640x480 for (640, 480)."""
    if name == "existing":
        return _EXISTING[value]
    if name in ("size", "raw"):
        value = "x".join(re.findall(r"\d+", value))
    return f"{_SHORT.get(name, '--' + name.replace('_', '-'))} {value}".rstrip()


Quiet = Annotated[int, typer.Option("-q", "--quiet", count=True, help="Say only errors (-q) or nothing (-qq).")]
Verbose = Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more; errors with their traceback.")]
Json = Annotated[bool, typer.Option("--json", help="Results as JSON on stdout.")]

Jobs = Annotated[
    int | None,
    flag(
        "--jobs",
        "Processes of one thread each, on a CPU (default: what the machine gains from).",
        "Machine",
        min=1,
        metavar="N",
    ),
]


def console(quiet: int = 0, verbose: int = 0, json: bool = False) -> Console:
    """The console that a verb's common flags ask for. Raises DataError for JSON without a stdout."""
    if json:
        check_stdout()
    return Console(verbosity=verbose - quiet, json=json, spell=spelled_flag)


EXACT = "Compute convolutions on a CPU by their definition: slower, at most a grey level apart."


def arithmetic(precision: str, exact: bool) -> str:
    """The precision that these two flags ask for. Raises UsageError for both."""
    if exact and precision != "fp32":
        raise UsageError("--exact is for fp32: leave out --precision")
    return "exact" if exact else precision


def load_torch(console: Console) -> None:
    """Imports torch, which takes seconds where the disk is slow: the first word of a verb comes before it."""
    if "torch" not in sys.modules:
        console.note("loading torch ...")
    import torch  # noqa: F401


def existing(
    overwrite: bool, skip: bool, fail: bool, newer: bool = False
) -> Literal["overwrite", "skip", "fail", "newer"] | None:
    """The one of these flags that is given. Raises UsageError for several."""
    if overwrite + skip + fail + newer > 1:
        raise UsageError("--overwrite, --skip-existing, --fail-existing and --newer exclude each other")
    return "overwrite" if overwrite else "skip" if skip else "fail" if fail else "newer" if newer else None


def say_passed_over(paths: Sequence[Path], console: Console) -> None:
    """Says how many files in these folders are no pictures by their name."""
    from gantool.pictures.find import others_below, passed_over

    if others := others_below(paths):
        console.note(passed_over(others))


def write_stdout(data: bytes) -> None:
    """Bytes to stdout, at once. Raises DataError where there is none."""
    check_stdout()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def print_path(path: Path, nul: bool) -> None:
    """Names a written file on stdout, with a line end or, for names that hold such, NUL behind it."""
    if nul:
        write_stdout(os.fsencode(path) + b"\0")
    elif is_terminal("stdout"):
        write_stdout(f"{visible(str(path))}\n".encode())
    else:
        write_stdout(os.fsencode(f"{path}\n"))  # as bytes: a file's name need not be text


def read_stdin(count: int = -1) -> bytes:
    """All of stdin, or so many bytes, and fewer at its end alone. Raises DataError where there is none."""
    if sys.stdin is None:  # as under a service
        raise DataError("there is no stdin: it is closed. Name a file")
    try:
        return sys.stdin.buffer.read(count)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read stdin: {getattr(error, 'strerror', None) or error}") from error


def read_lines() -> list[str]:
    """The lines of stdin, which is text. Raises DataError."""
    try:
        return text_of(read_stdin()).splitlines()
    except ValueError as error:
        raise DataError(f"cannot read stdin: {error}") from None


def is_terminal(name: Literal["stdin", "stdout"]) -> bool:
    """Whether the stream is a terminal."""
    stream = getattr(sys, name)
    return stream is not None and bool(stream.isatty())


def check_stdout() -> None:
    """Raises DataError where there is no stdout: for verbs that write there, before their work."""
    if sys.stdout is None:
        raise DataError("there is no stdout: it is closed")


def refuse_terminal() -> None:
    """Raises UsageError where stdout, to which a picture shall go, is a terminal, and DataError where it is closed."""
    check_stdout()
    if is_terminal("stdout"):
        raise UsageError("a picture is not for a terminal: redirect it (> picture.png) or name OUT")


def two_files(text: str | None) -> tuple[Path, Path] | None:
    """The backbone and the heads of `--lpips`: "FILE,FILE", or one file that holds both."""
    if text is None:
        return None
    first, comma, second = text.partition(",")
    return (Path(text), Path(text)) if Path(text).is_file() or not comma else (Path(first), Path(second))
