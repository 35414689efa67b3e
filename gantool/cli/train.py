"""`gantool train`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gantool import registry
from gantool.cli import common, completion, dry_run_report, model_flag, sweeping, train_flags
from gantool.errors import UsageError
from gantool.files import check_folder


def _presets(context: typer.Context, incomplete: str) -> list[str]:
    # While the value of an option is being completed, arguments have not been assigned to their names yet.
    given = [context.params.get("model"), *context.args]
    entry = next((registry.plugins()[name] for name in given if name in registry.plugins()), None)
    return [name for name in (entry.presets() if entry else {}) if name.startswith(incomplete)]


_RUN, _LENGTH = "Run", "Length"


def train(
    model: Annotated[
        str | None, typer.Argument(help="The model: gantool models lists them.", autocompletion=completion.model_names)
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of pictures, one a domain, or one that holds them (see gantool models MODEL)."),
    ] = None,
    out: Annotated[
        Path | None, common.flag("-o --out", help="Run folder (default: next free runs/MODEL/NNN).", panel=_RUN)
    ] = None,
    preset: Annotated[
        str | None,
        common.flag(
            "--preset", help="Named settings: gantool models MODEL lists them.", panel=_RUN, autocompletion=_presets
        ),
    ] = None,
    config: Annotated[
        Path | None, common.flag("--config", help="YAML file of settings, such as a run.yaml.", panel=_RUN)
    ] = None,
    set_: Annotated[
        list[str] | None,
        common.flag(
            "--set",
            metavar="KEY=VALUE",
            help="An option of the model (gantool models MODEL), flip or filter.",
            panel=_RUN,
        ),
    ] = None,
    resume: Annotated[
        str | None,
        common.flag(
            "--resume", metavar="[auto|PATH]", help="Continue a run; auto: the one of -o, or the newest.", panel=_RUN
        ),
    ] = None,
    from_: Annotated[
        str | None, common.flag("--from", metavar="WEIGHTS", help="Begin with the weights of another run.", panel=_RUN)
    ] = None,
    seed: Annotated[
        int | None, common.flag("--seed", help="All random draws follow from it (default: 0).", panel=_RUN)
    ] = None,
    sweep: train_flags.Sweep = None,
    shard: train_flags.Shard = None,
    dry_run: Annotated[
        bool, common.flag("--dry-run", help="Show every value with its source, time and memory, and stop.", panel=_RUN)
    ] = False,
    steps: Annotated[int | None, common.flag("--steps", help="Steps to train.", panel=_LENGTH)] = None,
    epochs: Annotated[
        float | None, common.flag("--epochs", help="Passes over the larger domain.", panel=_LENGTH)
    ] = None,
    time: Annotated[
        str | None,
        common.flag(
            "--time",
            metavar="7h50m",
            help="Save and stop with exit code 75 after this long; also 07:50:00, 1-12:00:00, 2d.",
            panel=_LENGTH,
        ),
    ] = None,
    size: train_flags.Size = None,
    crop: train_flags.Crop = None,
    preprocess: train_flags.Preprocess = None,
    aligned: train_flags.Aligned = None,
    batch: train_flags.Batch = None,
    accumulate: train_flags.Accumulate = None,
    precision: train_flags.Precision = None,
    device: train_flags.Device = None,
    workers: train_flags.Workers = None,
    compile_: train_flags.Compile = None,
    deterministic: train_flags.Deterministic = None,
    save_every: train_flags.SaveEvery = None,
    sample_every: train_flags.SampleEvery = None,
    keep: train_flags.Keep = None,
    track: train_flags.Track = None,
    validate: train_flags.Validate = None,
    metric: train_flags.Metric = None,
    patience: train_flags.Patience = None,
    inception: train_flags.Inception = None,
    lpips: train_flags.Lpips = None,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Train a model on folders of pictures.

    gantool train cyclegan ./trainA ./trainB

    gantool train cyclegan horses zebras -o runs/h2z --preset fast --steps 20000

    gantool train cyclegan horses zebras -o runs/h2z --resume --time 7h50m

    gantool train pix2pix pairs --validate held-back --metric psnr --patience 5

    gantool train cyclegan A B -o runs/sweep --sweep cycle_a=5,10 --sweep lr=1e-4,2e-4
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
        "track": ",".join(track) if track else None,
        "validate": validate,
        "metric": metric,
        "patience": patience,
        "inception": inception,
        "lpips": common.two_files(lpips),
        "seed": seed,
    }
    model_flag.fetch([from_ or ""], console, state=True)
    request = Request(
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
    if sweep:
        sweeping.sweep(request, sweep, shard, dry_run, console)
        return
    if shard is not None:
        raise UsageError("--shard goes with --sweep")
    known = understood(request)
    if known.place.anew:
        console.warn(known.place.anew, grave=True)
    check_folder(known.place.folder)
    common.load_torch(console)
    from gantool.evaluation import validation
    from gantool.training import session
    from gantool.training.request import plan

    decided = plan(known)
    if not dry_run:
        session.start(decided, console, validation.validator)
        return
    if decided.settings.validate:
        pictures = validation.check(decided)
        console.note(f"each save would be measured on {pictures.on}")
        if warning := validation.trained_on(decided, pictures):
            console.warn(warning)
    dry_run_report.show(decided, console)
