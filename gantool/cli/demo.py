"""`gantool demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantool.cli import common
from gantool.counting import count_in_words


def demo(
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="RUN", help="Run folder (default: next free runs/demo/NNN)."),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps to train.")] = 400,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Train a small CycleGAN on emoji that come with gantool, and translate some it has not seen. Takes two minutes.

    gantool demo
    """
    console = common.console(quiet, verbose, json)
    from gantool.files import check_folder
    from gantool.runs import folders
    from gantool.training.place import find_place

    check_folder(folders.next_run("demo") if out is None else find_place("cyclegan", out, None).folder)
    common.load_torch(console)
    import torch
    from PIL import Image

    import gantool
    from gantool import examples
    from gantool.report.gallery import write_demo
    from gantool.report.origin import origin

    folder = folders.make_run("demo") if out is None else out
    folder.mkdir(parents=True, exist_ok=True)
    folders.set_aside(folder, folders.DEMO)
    torch.set_num_threads(1)  # layers this small lose more to waiting for each other than a second core brings
    run = gantool.train(
        "cyclegan",
        [examples.EMOJI / "trainA", examples.EMOJI / "trainB"],
        preset="demo",
        steps=steps,
        out=folder,
        console=console,
    )
    translator = gantool.load(run)
    pairs = []
    for file in sorted((examples.EMOJI / "testA").glob("*.png")):
        with Image.open(file) as picture:
            translated = run / "translations" / file.name
            translated.parent.mkdir(exist_ok=True)
            translator.translate(picture, to="B").save(translated)
        word, twemoji = file.stem.replace("_", " "), examples.EMOJI / "testB" / file.name
        shown = f"Noto\n{word}", f"translated\n{word} of Noto in the manner of Twemoji", f"Twemoji\n{word}"
        pairs.append(dict(zip(shown, (file, translated, twemoji), strict=True)))
    title = f"Noto emoji as Twemoji, after {count_in_words(steps, 'step')} of training"
    page = write_demo(run, title, origin(), {"Emoji that were not trained on": pairs})
    console.note(f"how the training went: {run / 'gallery.html'}")
    console.note("the pictures it makes of emoji it has never seen, beside what Twemoji drew:")
    console.event("demo", run=str(run), page=str(page))
    if not json:
        console.result(str(page))
