"""`gantool sample interpolate` and `sample mix`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantool.cli import common, completion, model_flag
from gantool.cli.common import flag
from gantool.cli.sample import FILES, WHAT, Device, Exact, Out, Overwrite, Precision, Truncation, where


def interpolate(
    model: model_flag.ModelName,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PICTURE PICTURE...] [OUT]",
            help="OUT is a folder, a film (.gif, .webp, .apng), a picture of rows (.png, .jpg, ...) or - for stdout."
            " Pictures are points of the way for a model that finds their latents (ali).",
        ),
    ] = None,
    out: Out = None,
    seeds: Annotated[str | None, flag("--seeds", "The points: seeds such as 3,7,12.", WHAT, metavar="S")] = None,
    to: Annotated[
        str | None,
        flag(
            "--to",
            "Classes of the points, with commas between: their labels mix on the way.",
            WHAT,
            metavar="CLASS",
            autocompletion=completion.domains,
        ),
    ] = None,
    text: Annotated[str | None, flag("--text", "What the pictures show, in words.", WHAT, metavar="T")] = None,
    text_file: Annotated[
        Path | None, flag("--text-file", "A file of such texts, one a line: a point each.", WHAT, metavar="FILE")
    ] = None,
    code: Annotated[
        Path | None, flag("--code", "Latents or styles as points: .npy or .npz.", WHAT, metavar="FILE")
    ] = None,
    steps: Annotated[int, flag("--steps", "Steps from one point to the next.", WHAT, min=1, metavar="K")] = 8,
    space: Annotated[
        str | None,
        flag("--space", "z: arcs between latents; w: lines between styles (default where there are).", WHAT),
    ] = None,
    truncation: Truncation = 1.0,
    ext: Annotated[str | None, flag("--ext", "Of the pictures in a folder (default: png).", FILES)] = None,
    quality: Annotated[int, flag("--quality", "Of jpg, webp and avif.", FILES, min=1, max=100)] = 95,
    overwrite: Overwrite = False,
    device: Device = "auto",
    precision: Precision = "fp32",
    exact: Exact = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Go from one picture to the next, in small steps.

    gantool sample interpolate --model stylegan --seeds 3,7,12 --steps 20 walk.gif

    gantool sample interpolate --model biggan --seeds 3 --to cat,dog row.png

    gantool sample interpolate --model ali a.png b.png frames/
    """
    console = common.console(quiet, verbose)
    pictures = list(words or ())
    target = where(pictures.pop() if pictures and out is None else None, out)
    if target == "-":
        common.refuse_terminal()
    from gantool.sampling.asked import Way, plan_way
    from gantool.sampling.request import Request

    weights = model_flag.weights(model, console)
    request = Request(
        model=model,
        output=target,
        by_name=out is not None,
        seeds=seeds,
        to=to,
        text=() if text is None else (text,),
        text_file=text_file,
        code=code,
        truncation=truncation,
        ext=ext,
        quality=quality,
        existing="overwrite" if overwrite else None,
        device=device,
        precision=common.arithmetic(precision, exact),
    )
    way = Way(pictures=tuple(map(Path, pictures)), steps=steps, space=space)
    decided = plan_way(request, way, weights)
    from gantool.sampling.interpolation import interpolate

    interpolate(decided, console, common.write_stdout)


def mix(
    model: model_flag.ModelName,
    rows: Annotated[str, flag("--rows", "Seeds of the rows, such as 85,100.", WHAT, metavar="S")],
    columns: Annotated[str, flag("--columns", "Seeds of the columns, such as 55,821.", WHAT, metavar="S")],
    word: Annotated[
        str | None, typer.Argument(metavar="[OUT]", help="A picture (.png, .jpg, ...), or - for stdout.")
    ] = None,
    out: Out = None,
    layers: Annotated[
        str | None,
        flag("--layers", "Layers whose styles are the columns', such as 0-6 (default: the coarser half).", WHAT),
    ] = None,
    to: Annotated[
        str | None, flag("--to", "Class of all pictures.", WHAT, metavar="CLASS", autocompletion=completion.domains)
    ] = None,
    truncation: Truncation = 1.0,
    overwrite: Overwrite = False,
    device: Device = "auto",
    precision: Precision = "fp32",
    exact: Exact = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Mix styles: some layers from one picture, all others from another (StyleGAN).

    gantool sample mix --model stylegan --rows 85,100 --columns 55,821 --layers 0-3 sheet.png
    """
    console = common.console(quiet, verbose)
    target = where(word, out)
    if target == "-":
        common.refuse_terminal()
    from gantool.sampling.asked import Mixture, plan_mixture
    from gantool.sampling.request import Request

    weights = model_flag.weights(model, console)
    request = Request(
        model=model,
        output=target,
        by_name=out is not None,
        to=to,
        truncation=truncation,
        existing="overwrite" if overwrite else None,
        device=device,
        precision=common.arithmetic(precision, exact),
    )
    decided = plan_mixture(request, Mixture(rows=rows, columns=columns, layers=layers), weights)
    from gantool.sampling.mixing import mix as mix_styles

    mix_styles(decided, console, common.write_stdout)
