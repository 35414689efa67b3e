"""`gantool eval`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from gantool.cli import common, completion, evaluation_report, judging, measuring, model_flag


def evaluate(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B",
            help="With --model: pictures of the source and of the target domain, or (models of any number of domains)"
            " a folder that holds one for each, and another with real pictures; of a model that makes pictures of"
            " noise real pictures alone. Without: REAL FAKE.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="M",
            help="Translate the first folder with this model, and compare with the second; or compare its pictures"
            " of noise with the one folder.",
            autocompletion=completion.model_or_run,
        ),
    ] = None,
    to: measuring.To = None,
    inception: measuring.InceptionFile = None,
    kid: measuring.Kid = "",
    kid_source: measuring.KidSource = False,
    lpips: measuring.LpipsFiles = None,
    classifier: measuring.ClassifierFile = None,
    count: measuring.Count = None,
    truncation: measuring.Truncation = 1.0,
    faces: Annotated[
        bool, typer.Option("--faces", help="Path lengths of the middle of portraits, as StyleGAN's paper has them.")
    ] = False,
    attributes: Annotated[
        str | None,
        typer.Option(
            "--attributes",
            metavar="FILE,...",
            help="A table of pictures of noise and what they have (.csv), or classifiers (.onnx): adds linear"
            " separability.",
        ),
    ] = None,
    judge: judging.JudgeFile = None,
    expect: judging.Expected = None,
    labels: judging.TrueLabels = None,
    consistency: judging.Consistency = False,
    inputs: judging.MadeOf = None,
    all_saves: Annotated[
        bool, typer.Option("--all-saves", help="Measure every save of the run, and mark the best by each metric.")
    ] = False,
    size: measuring.Size = None,
    seed: measuring.Seed = 0,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Where each metric lies with a confidence of 95 % (bootstrap).")
    ] = False,
    device: measuring.Device = "auto",
    exact: measuring.Exact = False,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Measure translations: PSNR, SSIM and L1 for pictures paired by name; sliced Wasserstein distance; diversity of
    styles; with the files of their networks KID, FID, precision, recall, LPIPS, Inception scores, and what a judge of
    one's own says. Measure pictures of noise: these, path lengths and linear separability.

    gantool eval --model runs/h2z testA testB

    gantool eval --model starganv2 afhq/val afhq/train

    gantool eval --model stylegan faces --inception inception.pth -n 50000

    gantool eval --model runs/h2z testA testB --all-saves

    gantool eval real fake --json
    """
    console = common.console(quiet, verbose, json)
    from gantool.errors import UsageError
    from gantool.evaluation.request import Request, check, check_run, holds_all_domains, of_noise, parts
    from gantool.pictures.find import Listings, passed_over
    from gantool.runs.header import read_facts

    weights = None if model is None else model_flag.weights(model, console)
    if all_saves:
        check_run(model)
    files: dict[str, Any] = {"inception": inception, "lpips": common.two_files(lpips), "classifier": classifier}
    files |= {"judge": judge, "expect": expect, "labels": labels}
    request = Request(
        folders=tuple(folders),
        weights=weights,
        to=to,
        n=count,
        truncation=truncation,
        faces=faces,
        attributes=tuple(map(Path, attributes.split(","))) if attributes else (),
        seed=seed,
        size=size,
        device=device,
        consistency=consistency,
        inputs=inputs,
        kid=kid,
        kid_source=kid_source,
        **files,
    )
    check(request)
    samples = weights is not None and of_noise(read_facts(weights), folders)
    everything = weights is not None and not samples and holds_all_domains(weights, folders[0])
    if intervals and everything:
        raise UsageError("--intervals is for one direction: name the folders of two domains and --to")
    if len(folders) != 2 and not (samples or (everything and len(folders) == 1)):
        more = "" if weights is None else ", pictures to translate and real ones of what they become"
        raise UsageError(f"eval compares two folders{more}, not {len(folders)}")
    facts = None if weights is None else read_facts(weights)
    classes = samples and facts is not None and facts.told == "class"
    listings = Listings()
    for folder in parts(folders, facts, domains=everything or classes):
        listings.pictures(folder)  # raises what is wrong with it
    from gantool.evaluation.any_model import compare_model
    from gantool.evaluation.domains import Tasks
    from gantool.evaluation.folders import compare_folders
    from gantool.evaluation.how import How
    from gantool.evaluation.judges import load_judges
    from gantool.evaluation.resampling import with_intervals
    from gantool.evaluation.subsets import subsets_of
    from gantool.inference.devices import choose
    from gantool.report.progress import stages

    if others := listings.others():
        console.note(passed_over(others))
    how = How(
        judges=load_judges(**files),
        size=size,
        kid=subsets_of(kid) if kid else None,
        kid_source=kid_source,
        seed=seed,
        device=choose(device),
        precision=common.arithmetic("fp32", exact),
        recounted=intervals,
        consistency=consistency,
        find=listings.pictures,
    )
    if all_saves:
        evaluation_report.show_saves(Path(model or ""), request, how, console)
        return
    with stages(replace(console, json=False)) as progress:
        how = replace(how, progress=progress)
        found = compare_folders(*folders, inputs=inputs, how=how) if weights is None else compare_model(request, how)
        if intervals and not isinstance(found, Tasks):
            found = with_intervals(found, seed=seed, progress=progress)
    if isinstance(found, Tasks):
        evaluation_report.show_tasks(found, console)
    else:
        evaluation_report.show(found, console)
