"""`gantool sample project`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantool.cli import common, completion, model_flag
from gantool.cli.common import flag
from gantool.cli.sample import WHAT, Device, Out, Overwrite, where

if TYPE_CHECKING:
    from gantool.sampling.projection import Distance


def project(
    model: model_flag.ModelName,
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="The picture to find.")],
    word: Annotated[
        str | None, typer.Argument(metavar="[OUT]", help="NAME.npz for the latent; NAME.png shows what it gives.")
    ] = None,
    out: Out = None,
    steps: Annotated[int, flag("--steps", "Steps of the search.", WHAT, min=1)] = 1000,
    lpips: Annotated[
        tuple[Path, Path] | None,
        flag("--lpips", "Compare as people do, with weights of VGG-16 and heads of LPIPS.", WHAT, metavar="NET HEADS"),
    ] = None,
    to: Annotated[
        str | None, flag("--to", "Class of the picture.", WHAT, metavar="CLASS", autocompletion=completion.domains)
    ] = None,
    text: Annotated[str | None, flag("--text", "What the picture shows, in words.", WHAT, metavar="T")] = None,
    seed: Annotated[int, flag("--seed", "Of the noise in the search.", WHAT)] = 0,
    overwrite: Overwrite = False,
    device: Device = "auto",
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Find the latent that gives a picture, as far as a model can make it.

    gantool sample project --model stylegan photo.jpg photo.npz

    gantool sample --model stylegan --code photo.npz again.png
    """
    console = common.console(quiet, verbose)
    target = where(word, out)
    from gantool.sampling.asked import Wanted, plan_projection
    from gantool.sampling.request import Request

    weights = model_flag.weights(model, console)
    request = Request(
        model=model,
        output=target,
        by_name=out is not None,
        seed=seed,
        to=to,
        text=() if text is None else (text,),
        existing="overwrite" if overwrite else None,
        device=device,
    )

    def distance() -> Distance:
        from gantool.evaluation.networks.lpips import load

        assert lpips is not None
        return load(*lpips)

    chosen = None if lpips is None else distance
    decided = plan_projection(request, Wanted(picture=picture, steps=steps), weights)
    from gantool.sampling.projecting import project_file

    project_file(decided, console, chosen)
