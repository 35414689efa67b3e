"""`gantool data pair` and `gantool data split`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantool.cli import common
from gantool.counting import count_in_words
from gantool.errors import GantoolError, UsageError
from gantool.report.console import Console
from gantool.report.text import to_json

if TYPE_CHECKING:
    from gantool.data.care.pairing import Conversion

_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")]
_Format = Annotated[str, typer.Option("--format", help="File format of the results: png, jpg, webp, tif, ...")]


def pair(
    a: Annotated[Path, typer.Argument(help="Folder of the pictures on the left.")],
    b: Annotated[Path, typer.Argument(help="Folder of their counterparts, of the same names.")],
    out: Annotated[Path, typer.Argument(help="Folder to write the joined pictures to.")],
    format: _Format = "png",
    overwrite: _Overwrite = False,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Join pictures of the same name side by side, one file for each pair.

    gantool data pair outlines colors pairs
    """
    console = common.console(quiet, verbose, json)
    from gantool.data.care import pairing
    from gantool.report.progress import progress

    with progress(replace(console, json=False), None, what="pairs") as bar:
        done = pairing.pair(
            a, b, out, format=format, overwrite=overwrite, progress=lambda done, total: bar.advance(done)
        )
    common.say_passed_over([a, b], console)
    _tell(console, done, out)


def split(
    pairs: Annotated[Path, typer.Argument(help="Folder of pictures that hold two, side by side.")],
    out: Annotated[Path, typer.Argument(help="Folder to write the folders A and B to.")],
    aligned: Annotated[
        str, typer.Option("--aligned", metavar="AB|BA", help="AB: the left half is A. BA: the right one is.")
    ] = "AB",
    format: _Format = "png",
    overwrite: _Overwrite = False,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Cut pictures that hold two, side by side, into OUT/A and OUT/B.

    gantool data split facades/train folders
    """
    console = common.console(quiet, verbose, json)
    from gantool.data.care import pairing
    from gantool.report.progress import progress

    if aligned not in ("AB", "BA"):
        raise UsageError(f"--aligned is AB (the left half is A) or BA, not {aligned!r}")
    with progress(replace(console, json=False), None, what="pictures") as bar:
        done = pairing.split(
            pairs,
            out,
            aligned=aligned,
            format=format,
            overwrite=overwrite,
            progress=lambda done, total: bar.advance(done),
        )
    common.say_passed_over([pairs], console)
    _tell(console, done, out)


def _tell(console: Console, done: Conversion, out: Path) -> None:
    """Says how a conversion ended. Raises GantoolError where it could not do all."""
    if console.json:
        console.result(to_json(done.to_dict()))
    for file in done.left_out:
        console.note(f"without a counterpart: {file}")
    for problem in done.failed.values():
        console.error(problem)
    console.note(f"{count_in_words(done.written, 'file')} written to {out}")
    if done.failed:
        raise GantoolError(f"{count_in_words(len(done.failed), 'picture')} failed, the others are done")
