"""`gantool eval`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from gantool.cli import common
from gantool.report.text import to_json


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
            autocompletion=common.model_or_run,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="DOMAIN",
            help="Target domain (default: the second of two), or one class alone.",
            autocompletion=common.domains,
        ),
    ] = None,
    inception: Annotated[
        Path | None,
        typer.Option(
            "--inception",
            metavar="FILE",
            help="Inception weights (pt_inception-2015-12-05): adds KID, FID, precision, recall and more.",
        ),
    ] = None,
    lpips: Annotated[
        str | None,
        typer.Option(
            "--lpips",
            metavar="FILE,FILE",
            help="AlexNet's weights and LPIPS's heads (alex.pth): adds LPIPS; VGG-16's (vgg.pth) also the path lengths"
            " of a model that makes pictures of noise. One file if it holds both.",
        ),
    ] = None,
    classifier: Annotated[
        Path | None,
        typer.Option(
            "--classifier", metavar="FILE", help="Inception v3 of the classes in question: adds Inception scores."
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n",
            min=1,
            help="Translations of each picture by a model with styles (default: 10): their diversity. Pictures of"
            " noise (default: as many as real ones, at most 50,000), and pairs of path lengths.",
        ),
    ] = None,
    truncation: Annotated[
        float, typer.Option("--truncation", min=0, max=1, help="Of pictures of noise, as of gantool sample.")
    ] = 1.0,
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
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            min=1,
            help="Compare all pictures at this size (default: as stored); of many domains, also translate at it.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", help="Of random projections, subsets and styles; the first of pictures of noise.")
    ] = 0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    exact: Annotated[bool, typer.Option("--exact", help=common.EXACT)] = False,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Measure translations: PSNR, SSIM and L1 for pictures paired by name; sliced Wasserstein distance; diversity of
    styles; with the files of their networks KID, FID, precision, recall, LPIPS and Inception scores. Measure pictures
    of noise: these, path lengths and linear separability.

    gantool eval --model runs/h2z testA testB

    gantool eval --model starganv2 afhq/val afhq/train

    gantool eval --model stylegan faces --inception inception.pth -n 50000

    gantool eval real fake --json
    """
    console = common.console(quiet, verbose, json)
    from gantool.errors import UsageError
    from gantool.evaluation.request import Request, check, holds_all_domains, of_noise
    from gantool.runs.header import read_facts

    weights = None if model is None else common.weights(model, console)
    files: dict[str, Any] = {"inception": inception, "lpips": _two_files(lpips), "classifier": classifier}
    noise: dict[str, Any] = {
        "truncation": truncation,
        "faces": faces,
        "attributes": tuple(map(Path, attributes.split(","))) if attributes else (),
    }
    check(Request(folders=tuple(folders), weights=weights, to=to, n=count, seed=seed, device=device, **noise, **files))
    samples = weights is not None and of_noise(read_facts(weights), folders)
    everything = weights is not None and not samples and holds_all_domains(weights, folders[0])
    if len(folders) != 2 and not (samples or (everything and len(folders) == 1)):
        more = "" if weights is None else ", pictures to translate and real ones of what they become"
        raise UsageError(f"eval compares two folders{more}, not {len(folders)}")
    first, second = folders[0], folders[-1]
    from gantool.evaluation.folders import compare_folders
    from gantool.evaluation.how import How
    from gantool.evaluation.judges import load_judges
    from gantool.evaluation.samples import compare_samples
    from gantool.evaluation.translations import compare_translations
    from gantool.inference.devices import choose
    from gantool.report.progress import stages

    common.say_passed_over([folder for folder in folders if folder.is_dir()], console)
    chosen = choose(device)
    judges = load_judges(**files)
    how = How(judges=judges, size=size, seed=seed, device=chosen, precision=common.arithmetic("fp32", exact))
    if weights is not None and everything:
        from gantool.evaluation.domains import compare_domains
        from gantool.evaluation.report import flat

        with stages(replace(console, json=False)) as progress:
            tasks = compare_domains(weights, first, second, to=to, styles=count, how=replace(how, progress=progress))
        if json:
            console.result(to_json(tasks.as_dict()))
            return
        measured = list(tasks.means[0].metrics)
        rows = [
            [task.styles, task.source, task.target, *(task.metrics[name] for name in measured)]
            for task in (*tasks.tasks, *tasks.means)
        ]
        console.table("", ["styles", "source", "target", *measured], rows)
        console.table("how it was measured", ["what", "value"], flat("", tasks.protocol))
        for note in tasks.notes:
            console.note(f"note: {note}")
        return
    with stages(replace(console, json=False)) as progress:
        if weights is None:
            found = compare_folders(first, second, how=replace(how, progress=progress))
        elif samples:
            found = compare_samples(weights, folders, n=count, to=to, **noise, how=replace(how, progress=progress))
        else:
            found = compare_translations(
                weights, first, second, to=to, styles=count, how=replace(how, progress=progress)
            )
    if json:
        console.result(to_json(replace(found, notes=[console.words(note) for note in found.notes]).as_dict()))
        return
    console.table("", ["metric", "value", "how to read it"], found.rows())
    if found.classes:
        console.table("by class", *found.class_rows())
    console.table("how it was measured", ["what", "value"], found.protocol_rows())
    for note in found.notes:
        console.note(f"note: {note}")


def _two_files(text: str | None) -> tuple[Path, Path] | None:
    """The backbone and the heads of `--lpips`: "FILE,FILE", or one file that holds both."""
    if text is None:
        return None
    first, comma, second = text.partition(",")
    return (Path(text), Path(text)) if Path(text).is_file() or not comma else (Path(first), Path(second))
