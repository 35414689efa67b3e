"""`gantool eval`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gantool.cli import common
from gantool.report.text import to_json


def evaluate(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B", help="With --model: pictures of the source and of the target domain. Without: REAL FAKE."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="M",
            help="Translate the first folder with this model, and compare with the second.",
            autocompletion=common.model_or_run,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="DOMAIN", help="Target domain (default: the second).", autocompletion=common.domains
        ),
    ] = None,
    inception: Annotated[
        Path | None,
        typer.Option(
            "--inception", metavar="FILE", help="Inception weights (pt_inception-2015-12-05): adds KID and FID."
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Compare all pictures at this size (default: as stored).")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the random projections and subsets.")] = 0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Measure translations: PSNR, SSIM and L1 for pictures paired by name; sliced Wasserstein distance; KID and FID.

    gantool eval --model runs/h2z testA testB

    gantool eval real fake --json
    """
    console = common.console(quiet, verbose, json)
    from gantool.errors import UsageError

    if len(folders) != 2:
        raise UsageError(f"eval compares two folders, not {len(folders)}")
    first, second = folders
    from gantool.evaluation.folders import compare_folders
    from gantool.evaluation.models import compare_translations
    from gantool.report.progress import stages
    from gantool.training.devices import choose

    if model is None and to is not None:
        raise UsageError("--to goes with --model")
    chosen = choose(device)
    with stages(replace(console, json=False)) as progress:
        if model is None:
            found = compare_folders(
                first, second, inception=inception, size=size, seed=seed, device=chosen, progress=progress
            )
        else:
            found = compare_translations(
                common.weights(model, console),
                first,
                second,
                to=to,
                inception=inception,
                size=size,
                seed=seed,
                device=chosen,
                progress=progress,
            )
    if json:
        console.result(to_json(found.as_dict()))
        return
    console.table("", ["metric", "value", "how to read it"], found.rows())
    console.table("how it was measured", ["what", "value"], found.protocol_rows())
    for note in found.notes:
        console.note(f"note: {note}")
