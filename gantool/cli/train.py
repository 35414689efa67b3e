"""`gantool train`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from gantool import registry
from gantool.cli import common, dry_run_report
from gantool.files import check_folder


def _presets(context: typer.Context, incomplete: str) -> list[str]:
    # While the value of an option is being completed, arguments have not been assigned to their names yet.
    given = [context.params.get("model"), *context.args]
    entry = next((registry.plugins()[name] for name in given if name in registry.plugins()), None)
    return [name for name in (entry.presets() if entry else {}) if name.startswith(incomplete)]


def _option(*names: str, help: str, panel: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


_RUN, _DATA, _LENGTH, _MACHINE, _FILES = "Run", "Pictures", "Length", "Machine", "Saves and samples"


def train(
    model: Annotated[
        str | None, typer.Argument(help="The model: gantool models lists them.", autocompletion=common.model_names)
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of pictures, one a domain, or one that holds them (see gantool models MODEL)."),
    ] = None,
    out: Annotated[
        Path | None, _option("-o", "--out", help="Run folder (default: next free runs/MODEL/NNN).", panel=_RUN)
    ] = None,
    preset: Annotated[
        str | None,
        _option(
            "--preset", help="Named settings: paper, fast, small, demo, smoke.", panel=_RUN, autocompletion=_presets
        ),
    ] = None,
    config: Annotated[
        Path | None, _option("--config", help="YAML file of settings, such as a run.yaml.", panel=_RUN)
    ] = None,
    set_: Annotated[
        list[str] | None,
        _option(
            "--set",
            metavar="KEY=VALUE",
            help="An option of the model (gantool models MODEL), flip or filter.",
            panel=_RUN,
        ),
    ] = None,
    resume: Annotated[
        str | None,
        _option(
            "--resume", metavar="[auto|PATH]", help="Continue a run; auto: the one of -o, or the newest.", panel=_RUN
        ),
    ] = None,
    from_: Annotated[
        str | None, _option("--from", metavar="WEIGHTS", help="Begin with the weights of another run.", panel=_RUN)
    ] = None,
    seed: Annotated[
        int | None, _option("--seed", help="All random draws follow from it (default: 0).", panel=_RUN)
    ] = None,
    dry_run: Annotated[
        bool, _option("--dry-run", help="Show every value with its source, time and memory, and stop.", panel=_RUN)
    ] = False,
    steps: Annotated[int | None, _option("--steps", help="Steps to train.", panel=_LENGTH)] = None,
    epochs: Annotated[float | None, _option("--epochs", help="Passes over the larger domain.", panel=_LENGTH)] = None,
    time: Annotated[
        str | None,
        _option(
            "--time",
            metavar="7h50m",
            help="Save and stop with exit code 75 after this long; also 07:50:00, 1-12:00:00, 2d.",
            panel=_LENGTH,
        ),
    ] = None,
    size: Annotated[int | None, _option("--size", help="Resize pictures to this (default: 286).", panel=_DATA)] = None,
    crop: Annotated[
        int | None, _option("--crop", help="Side of the training crops (default: 256).", panel=_DATA)
    ] = None,
    preprocess: Annotated[
        str | None,
        _option(
            "--preprocess",
            metavar="MODE",
            help="resize_and_crop (default), crop, scale_width, scale_width_and_crop, shorter_side_and_crop,"
            " center_crop_and_resize, random_resized_crop or none.",
            panel=_DATA,
        ),
    ] = None,
    aligned: Annotated[
        str | None,
        _option(
            "--aligned", metavar="AB|BA", help="One folder of side-by-side pairs, A on the left or B.", panel=_DATA
        ),
    ] = None,
    batch: Annotated[
        int | None,
        _option("--batch", help="Pictures a domain, step and process (default: the authors').", panel=_MACHINE),
    ] = None,
    accumulate: Annotated[
        int | None, _option("--accumulate", help="Batches that make one step (default: 1).", panel=_MACHINE)
    ] = None,
    precision: Annotated[
        str | None,
        _option("--precision", metavar="P", help="fp32, tf32, bf16 or fp16 (default: fp32).", panel=_MACHINE),
    ] = None,
    device: Annotated[
        str | None, _option("--device", help="auto, cpu, cuda, cuda:1 or mps (default: auto).", panel=_MACHINE)
    ] = None,
    workers: Annotated[
        int | None, _option("--workers", help="Threads that decode pictures (default: 2).", panel=_MACHINE)
    ] = None,
    compile_: Annotated[bool | None, _option("--compile", help="Compile the networks.", panel=_MACHINE)] = None,
    deterministic: Annotated[
        bool | None, _option("--deterministic", help="Repeat bit for bit on a GPU, too.", panel=_MACHINE)
    ] = None,
    save_every: Annotated[int | None, _option("--save-every", help="Steps between saves.", panel=_FILES)] = None,
    sample_every: Annotated[
        int | None, _option("--sample-every", help="Steps between sample grids.", panel=_FILES)
    ] = None,
    keep: Annotated[int | None, _option("--keep", help="Saves kept, 0 for all (default: 3).", panel=_FILES)] = None,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Train a model on folders of pictures.

    gantool train cyclegan ./trainA ./trainB

    gantool train cyclegan horses zebras -o runs/h2z --preset fast --steps 20000

    gantool train cyclegan horses zebras -o runs/h2z --resume --time 7h50m
    """
    console = common.console(quiet, verbose, json)
    if os.environ.get("RANK", "0") != "0":
        console = replace(console, verbosity=-2)  # the first of several processes speaks
    from gantool.options import assignments
    from gantool.training.words import Request, understood

    given = {
        "steps": steps,
        "epochs": epochs,
        "time": time,
        "size": size,
        "crop": crop,
        "preprocess": preprocess,
        "aligned": aligned,
        "batch": batch,
        "accumulate": accumulate,
        "precision": precision,
        "device": device,
        "workers": workers,
        "compile": compile_,
        "deterministic": deterministic,
        "save_every": save_every,
        "sample_every": sample_every,
        "keep": keep,
        "seed": seed,
    }
    known = understood(
        Request(
            model=model,
            data=tuple(data or ()),
            out=out,
            preset=preset,
            config=config,
            resume=resume,
            start_from=from_,
            settings={key: value for key, value in given.items() if value is not None},
            set=assignments(set_ or ()),
        )
    )
    if known.place.anew:
        console.warn(known.place.anew, grave=True)
    if not dry_run:
        check_folder(known.place.folder)
    common.load_torch(console)
    from gantool.training import session
    from gantool.training.request import plan

    decided = plan(known)
    if not dry_run:
        session.start(decided, console)
        return
    dry_run_report.show(decided, console)
