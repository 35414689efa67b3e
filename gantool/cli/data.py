"""`gantool data`: what to know about pictures before training on them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantool.cli import common, completion, pairs
from gantool.errors import UsageError
from gantool.report.text import to_json

if TYPE_CHECKING:
    from gantool.data.care.check import CheckReport
    from gantool.data.dataset import Layout

app = typer.Typer(
    help="Look at folders of pictures before training on them; join and split pairs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command("pair")(pairs.pair)
app.command("split")(pairs.split)


@app.command("check")
def check(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of pictures (and tables of attributes), as for `gantool train`.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="The model to train: it decides how pictures are arranged "
            "(default: two folders without counterparts).",
            autocompletion=completion.model_names,
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="Of --model: named settings, as for `gantool train`.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="An option of --model that decides on the arrangement."),
    ] = None,
    aligned: Annotated[
        str | None,
        typer.Option("--aligned", metavar="AB|BA", help="Pictures hold both of a pair; AB: A is on the left."),
    ] = None,
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

    gantool data check --model pix2pix outlines colors

    gantool data check --model pix2pixhd labels images instances --set label_nc=20
    """
    console = common.console(quiet, verbose, json)
    from gantool.data.care.check import check_folders
    from gantool.data.transforms import Preparation
    from gantool.options import assignments
    from gantool.pictures.find import passed_over
    from gantool.report.progress import stages

    if model is None:
        if preset is not None or set_:
            raise UsageError(f"{'--preset' if preset is not None else '--set'} goes with --model")
        layout, preparation = _without_model(aligned), None
        domains = layout.find(folders, aligned=aligned)
    else:
        from gantool.training.words import Request, understood

        settings = {} if aligned is None else {"aligned": aligned}
        known = understood(
            Request(model=model, data=tuple(folders), preset=preset, settings=settings, set=assignments(set_ or ()))
        )
        common.load_torch(console)
        from gantool.training.request import plan

        training = plan(known)
        layout, preparation = training.data.layout, training.preparation
        domains = training.domains
    if crop is not None:
        preparation = Preparation("crop", crop, crop)
    with stages(replace(console, json=False)) as tell:
        report = check_folders(
            domains,
            preparation,
            pairs=layout.pairs,
            paths=folders,
            progress=lambda done, total: tell("pictures", done, total),
        )
    if json:
        console.result(to_json(report.to_dict()))
    console.table("", ["", *(domain.name for domain in report.domains)], _rows(report))
    for domain in report.domains:
        for file, reason in domain.unreadable.items():
            console.note(f"unreadable: {domain.root}/{file}: {reason}")
        for file, reason in domain.unfit.items():
            console.note(f"unfit: {domain.root}/{file}: {reason}")
        for file in domain.constant:
            console.note(f"a single colour: {domain.root}/{file}")
    for group in report.duplicates:
        console.note(f"the same picture: {', '.join(group)}")
    for file in report.unmatched:
        console.note(f"without a counterpart: {file}")
    for one, other in report.unequal:
        console.note(f"of different sizes: {one}, {other}")
    if report.passed_over:
        console.note(passed_over(report.passed_over))
    for warning in report.warnings:
        console.warn(warning)
    for reason in report.fatal:
        console.error(reason)
    if report.fatal:
        sys.exit(3)


def _without_model(aligned: str | None) -> Layout:
    if aligned is not None:
        from gantool.data.layouts.paired import paired

        return paired()
    from gantool.data.layouts.unpaired import unpaired

    return unpaired()


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
    if any(d.captions for d in report.domains):
        lines["captions"] = [str(d.captions) for d in report.domains]
        lines["captions of a picture"] = [span(d.captions_each) for d in report.domains]
    if any(d.unfit for d in report.domains):
        lines["unfit label maps"] = [str(len(d.unfit)) for d in report.domains]
    return [[name, *cells] for name, cells in lines.items()]
