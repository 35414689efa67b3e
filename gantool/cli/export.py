"""`gantool export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantool.byte_sizes import bytes_in_words
from gantool.cli import common, completion, model_flag

if TYPE_CHECKING:
    from gantool.export.session import Report
    from gantool.report.console import Console


def export(
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="File to write: NAME.onnx, NAME.pt2 (torch.export), or NAME.html, a page."),
    ],
    model: model_flag.ModelName,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="DOMAIN",
            help="Target domain; without it the second one, and in a page all.",
            autocompletion=completion.domains,
        ),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option("--part", metavar="NAME", help="Write one network of the model instead, such as style_encoder."),
    ] = None,
    image_io: Annotated[
        bool, typer.Option("--image-io", help="Pixels in and out: uint8 (N, H, W, C) instead of float32 in [-1, 1].")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Write a model as a file for other programs, or as a page that translates in a browser, after a check that it
    translates as the model does.

    gantool export --model runs/h2z h2z.onnx --image-io

    gantool export --model runs/h2z --to A z2h.onnx

    gantool export --model runs/h2z h2z.pt2

    gantool export --model runs/h2z h2z.html

    gantool export --model runs/animals --part mapping_network styles.onnx
    """
    from dataclasses import asdict

    from gantool.export.session import Request, plan, start
    from gantool.report.text import to_json

    console = common.console(quiet, verbose, json)
    request = Request(
        weights=model_flag.weights(model, console),
        out=out,
        to=to,
        part=part,
        image_io=image_io,
        overwrite=overwrite,
        verbose=verbose > 0,
    )
    decided = plan(request)
    common.load_torch(console)
    done = start(decided, console.note)
    if json:
        console.result(to_json(asdict(done)))
        return
    if done.networks:
        console.note(f"a page of {bytes_in_words(done.bytes)}, which opens from disk: {'; '.join(done.networks)}")
    else:
        _describe(done, console)
    by_number = all(len(size) == 1 for size in done.compared)
    sizes = ", ".join("x".join(map(str, size)) for size in done.compared)
    shape = "N" if by_number else "N x H x W"
    console.note(f"compared with the model at {sizes} ({shape}): it differs by {done.difference:.1g} at most")
    console.result(str(done.path))


def _describe(done: Report, console: Console) -> None:
    """What the file takes and gives."""
    from gantool.export.files import size_rule

    way = done.part or "pictures of noise"
    if done.source is not None:
        way = f"{done.source} -> {'what label says' if 'label' in done.inputs else done.target}"
    console.note(f"{way}: {bytes_in_words(done.bytes)}, {size_rule(done.sizes)}")
    for what, table in (("in", done.inputs), ("out", done.outputs)):
        for name, form in table.items():
            console.note(f"{what}: {name}, {form}")
