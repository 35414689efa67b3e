"""`gantool data`: what to know about pictures before training on them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantool.cli import common
from gantool.report.text import to_json

if TYPE_CHECKING:
    from gantool.data.check import CheckReport

app = typer.Typer(
    help="Look at folders of pictures before training on them.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _data() -> None:
    """Keeps `check` a verb of its own, also while it is the only one."""


@app.command("check")
def check(
    folders: Annotated[list[Path], typer.Argument(help="Two folders, or one with trainA and trainB in it.")],
    crop: Annotated[
        int | None, typer.Option("--crop", help="Also say which pictures are too small for crops of this side.")
    ] = None,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Count pictures, and find the unreadable, constant, duplicate, too small and unmatched ones.

    Ends with exit code 3 if training on them would fail.

    gantool data check trainA trainB
    """
    console = common.console(quiet, verbose, json)
    from gantool.data.check import check_folders
    from gantool.data.transforms import Preparation
    from gantool.data.unpaired import unpaired
    from gantool.report.progress import progress

    domains = unpaired().find(folders)
    preparation = None if crop is None else Preparation("crop", crop, crop)
    with progress(replace(console, json=False), sum(len(domain.files) for domain in domains), what="pictures") as bar:
        report = check_folders(domains, preparation, progress=lambda done, _: bar.advance(done))
    if json:
        console.result(to_json(report.to_dict()))
    console.table("", ["", *(domain.name for domain in report.domains)], _rows(report))
    for domain in report.domains:
        for file, reason in domain.unreadable.items():
            console.note(f"unreadable: {domain.root}/{file}: {reason}")
        for file in domain.constant:
            console.note(f"a single colour: {domain.root}/{file}")
    for group in report.duplicates:
        console.note(f"the same picture: {', '.join(group)}")
    for file in report.unmatched:
        console.note(f"without a counterpart: {file}")
    for warning in report.warnings:
        console.warn(warning)
    for reason in report.fatal:
        console.error(reason)
    if report.fatal:
        sys.exit(3)


def _rows(report: CheckReport) -> list[list[str]]:
    def span(values: tuple[int, float, int] | None) -> str:
        return "" if values is None else f"{values[0]} / {values[1]:g} / {values[2]}"

    def counts(table: dict[str, int]) -> str:
        return ", ".join(f"{key} {count}" for key, count in table.items())

    lines: dict[str, list[str]] = {
        "folder": [d.root for d in report.domains],
        "pictures": [str(d.pictures) for d in report.domains],
        "unreadable": [str(len(d.unreadable)) for d in report.domains],
        "widths (least / median / most)": [span(d.widths) for d in report.domains],
        "heights": [span(d.heights) for d in report.domains],
        "formats": [counts(d.formats) for d in report.domains],
        "modes": [counts(d.modes) for d in report.domains],
        "transparent": [str(d.transparent) for d in report.domains],
        "of a single colour": [str(len(d.constant)) for d in report.domains],
        "smaller than the crop": [str(len(d.too_small)) for d in report.domains],
    }
    return [[name, *cells] for name, cells in lines.items()]
