"""Does a model that is told by words learn? Trains it on emoji with captions, and looks at what it makes of words.

    python benchmarks/learning_words.py --data captioned --picture docs/images/stackgan.jpg

`captioned` is a folder as benchmarks/captions_of_emoji.py makes it. `--run RUN` measures a run that is there. The
figures are printed as a Markdown table:

- sliced Wasserstein distance (x1000) of 200 samples, each of a caption of a training picture, to the training pictures:
  lower is better; beside it what the two halves of the data are from each other;
- how often a sample has the colour that it is asked for, where the caption is one of the training ("blue car"), and
  where name and colour are put together at random, so that most of them never occurred; beside it how often a training
  picture has the colour of its caption, and how often a sample has that of another one's caption, which is chance.

The sheet has a row for each of some texts, with the seeds from 0 on; a way from one text to another; and the first
samples of captions, each above the training picture that is nearest to it, pixel by pixel.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from captions_of_emoji import COLOURS, NONE, colour_of
from learned import Pixels, swd
from learning_samples import nearest, sized
from PIL import Image

import gantool
from gantool.api import Trained
from gantool.data.layouts.captioned import captioned
from gantool.pictures.file import read_pixels
from gantool.report.grids import grid

SAMPLES = 200
_COLUMNS = 8
TEXTS = ("red heart", "yellow face", "blue car", "green leaves", "grey building", "orange animal")


def sampled(trained: Trained, texts: Sequence[str], seeds: Sequence[int]) -> list[Pixels]:
    """A picture for each text, of the seed in its place."""
    sampler = trained.sampler
    return [sized(p) for p in sampler.pictures(torch.cat([*map(sampler.latent, seeds)]), sampler.read(texts))]


def between(trained: Trained, one: str, other: str) -> list[Pixels]:
    """The way from one text to another, with seed 0."""
    sampler = trained.sampler
    ends = sampler.read([one, other])
    labels = torch.stack([torch.lerp(*ends, step / (_COLUMNS - 1)) for step in range(_COLUMNS)])
    return [sized(p) for p in sampler.pictures(sampler.latent(0).expand(_COLUMNS, -1), labels)]


def right(pictures: Sequence[Pixels], colours: Sequence[str]) -> float:
    """The share of pictures that have their colour."""
    found = [colour_of(Image.fromarray(picture)) for picture in pictures]
    return float(np.mean([one == other for one, other in zip(found, colours, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="stackgan")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--run", type=Path, help="measure this run instead of training one")
    parser.add_argument("--picture", type=Path, help="where to draw the sheet")
    arguments = parser.parse_args()

    (domain,) = captioned().find([arguments.data])
    real = [sized(read_pixels(file, 3)) for file in domain.files]
    run = arguments.run or gantool.train(
        arguments.model, [arguments.data], preset=arguments.preset, device=arguments.device
    )
    trained = gantool.load(run, device=arguments.device)

    rng = np.random.default_rng(0)
    order = rng.permutation(len(real))
    told = [domain.captions[place][1] for place in order]  # with the colour before the name
    colours = [text.partition(" ")[0] for text in told]
    made = sampled(trained, told[:SAMPLES], range(SAMPLES))
    drawn = [(*COLOURS, NONE)[int(number)] for number in rng.integers(len(COLOURS) + 1, size=SAMPLES)]
    names = [domain.captions[place][0] for place in order[:SAMPLES]]
    mixed = sampled(trained, [f"{c} {name}" for c, name in zip(drawn, names, strict=True)], range(SAMPLES))
    shuffled = [real[place] for place in order]
    half = len(real) // 2
    write = sys.stdout.write
    write(f"{arguments.model}, {run}, {len(real)} training pictures, {SAMPLES} samples\n\n")
    write("| pictures | SWD x1000 to the training pictures | have the colour asked for |\n| --- | --- | --- |\n")
    write(f"| samples of captions | {swd(real, made):.1f} | {right(made, colours[:SAMPLES]):.1%} |\n")
    write(f"| samples of names with a colour drawn for them | {swd(real, mixed):.1f} | {right(mixed, drawn):.1%} |\n")
    write(f"| samples of captions, against the next one's colour | | {right(made, colours[1 : SAMPLES + 1]):.1%} |\n")
    write(f"| training pictures | | {right(shuffled, colours):.1%} |\n")
    write(f"| one half of the training pictures, to the other half | {swd(shuffled[half:], shuffled[:half]):.1f} | |\n")

    if arguments.picture:
        rows = [sampled(trained, [text] * _COLUMNS, range(_COLUMNS)) for text in TEXTS]
        shown = made[:_COLUMNS]
        rows += [between(trained, TEXTS[0], TEXTS[2]), shown, nearest(shown, real)]
        arguments.picture.parent.mkdir(parents=True, exist_ok=True)
        grid(rows).save(arguments.picture, **({"quality": 50} if arguments.picture.suffix == ".jpg" else {}))
        write(f"\nexamples: {arguments.picture}\ncaptions of the last rows: {', '.join(told[:_COLUMNS])}\n")


if __name__ == "__main__":
    main()
