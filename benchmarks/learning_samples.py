"""Does a model that makes pictures of noise learn? Trains it on a folder, or on a folder for each class, and looks.

    python benchmarks/learning_samples.py --model dcgan --data emoji/trainB --picture docs/images/dcgan.jpg
    python benchmarks/learning_samples.py --model dcgan --set classes=true \\
        --data noto=emoji/trainA twemoji=emoji/trainB openmoji=outline2color/train/color

`NAME=FOLDER` is a class. `--run RUN` measures a run that is there. The figures are printed as a Markdown table:

- sliced Wasserstein distance (x1000) of 200 samples to the training pictures: lower is better; beside it what 200 of
  the training pictures themselves are from all others, and the two halves of the data from each other;
- of a model of classes, the share of samples that a small classifier, trained here on the training pictures alone,
  takes for the class that was asked for.

The sheet has samples of the seeds from 0 on (of classes, the same seeds for each); a way from one latent to another;
and the first samples, each above the training picture that is nearest to it, pixel by pixel. Of a model that finds
latents, the sheet ends with training pictures and what comes back of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from learned import SIDE, Pixels, folder, swd, taken_for, train_classifier, unit
from PIL import Image

import gantool
from gantool.api import Trained
from gantool.inference.sampler import slerp
from gantool.report.grids import grid

SAMPLES = 200
_COLUMNS = 8


def sized(pixels: Pixels) -> Pixels:
    """The picture as (SIDE, SIDE, 3)."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def sampled(trained: Trained, seeds: Sequence[int], number: int | None, truncation: float = 1.0) -> list[Pixels]:
    """The pictures of these seeds, of the class with this number where there are classes."""
    sampler = trained.sampler
    latents = torch.cat([sampler.latent(seed, truncation) for seed in seeds])
    labels = None if number is None else sampler.label(number).expand(len(seeds), -1)
    return [sized(pixels) for pixels in sampler.pictures(latents, labels, truncation)]


def between(trained: Trained, number: int | None, truncation: float = 1.0) -> list[Pixels]:
    """The way from the latent of seed 0 to that of the last seed in the first row."""
    sampler = trained.sampler
    one, other = (sampler.latent(seed, truncation) for seed in (0, _COLUMNS - 1))
    latents = torch.cat([slerp(one, other, step / (_COLUMNS - 1)) for step in range(_COLUMNS)])
    labels = None if number is None else sampler.label(number).expand(_COLUMNS, -1)
    return [sized(pixels) for pixels in sampler.pictures(latents, labels, truncation)]


def reconstructed(trained: Trained, pictures: Sequence[Pixels]) -> list[Pixels]:
    """What a model that finds latents makes of those of pictures."""
    sampler = trained.sampler
    return [sized(sampler.pictures(sampler.invert(pixels))[0]) for pixels in pictures]


def nearest(pictures: Sequence[Pixels], real: Sequence[Pixels]) -> list[Pixels]:
    """For each picture the real one at the least Euclidean distance."""
    apart = torch.cdist(unit(pictures).flatten(1), unit(real).flatten(1))
    return [real[int(place)] for place in apart.argmin(1)]


def trained_on(arguments: argparse.Namespace, places: dict[str, Path]) -> Path:
    """The run that is measured."""
    if arguments.run is not None:
        return arguments.run
    data = list(places.values())
    if "" not in places:
        root = arguments.links
        root.mkdir(parents=True, exist_ok=True)
        for name, path in places.items():
            if not (root / name).exists():
                (root / name).symlink_to(path.resolve())
        data = [root]
    return gantool.train(
        arguments.model,
        data,
        preset=arguments.preset,
        device=arguments.device,
        set=dict(word.split("=", 1) for word in arguments.set),
        **({"steps": arguments.steps} if arguments.steps else {}),
        **({"out": arguments.out} if arguments.out else {}),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--model", default="dcgan")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--truncation", type=float, default=1.0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--links", type=Path, default=Path("classes"), help="where links to the classes are made")
    parser.add_argument("--out", type=Path, help="the run folder")
    parser.add_argument("--run", type=Path, help="measure this run instead of training one")
    parser.add_argument("--picture", type=Path, help="where to draw the sheet")
    arguments = parser.parse_args()

    places = {name: Path(path) for name, _, path in (word.rpartition("=") for word in arguments.data)}
    run = trained_on(arguments, places)
    trained, truncation = gantool.load(run, device=arguments.device), arguments.truncation
    names = [] if "" in places else list(trained.domains)
    each = {name: list(folder(path).values()) for name, path in places.items()}
    real = [picture for pictures in each.values() for picture in pictures]
    numbers: list[int | None] = list(range(len(names))) if names else [None]
    made = {number: sampled(trained, range(SAMPLES), number, truncation) for number in numbers}
    # As many of each class as the others, each of its own seeds.
    mixed = [made[numbers[seed % len(numbers)]][seed] for seed in range(SAMPLES)]

    order = np.random.default_rng(0).permutation(len(real))
    shuffled = [real[index] for index in order]
    half = len(real) // 2
    write = sys.stdout.write
    write(f"{arguments.model}, {run}, {len(real)} training pictures, {SAMPLES} samples of {SIDE} pixels\n\n")
    write("| pictures | SWD x1000 to the training pictures |\n| --- | --- |\n")
    write(f"| {SAMPLES} samples | {swd(real, mixed):.1f} |\n")
    write(
        f"| {SAMPLES} of the training pictures, to the others | {swd(shuffled[SAMPLES:], shuffled[:SAMPLES]):.1f} |\n"
    )
    write(f"| one half of them, to the other half | {swd(shuffled[half:], shuffled[:half]):.1f} |\n")
    if names:
        classifier = train_classifier([each[name] for name in names])
        write("\n| class | samples taken for it | training pictures taken for it |\n| --- | --- | --- |\n")
        for number, name in enumerate(names):
            shares = [taken_for(classifier, pictures, number) for pictures in (made[number], each[name])]
            write(f"| {name} | {shares[0]:.1%} | {shares[1]:.1%} |\n")

    if arguments.picture:
        per_class = max(1, 3 // len(numbers))
        rows = [made[n][row * _COLUMNS :][:_COLUMNS] for n in numbers for row in range(per_class)]
        shown = mixed[:_COLUMNS]
        rows += [between(trained, numbers[0], truncation), shown, nearest(shown, real)]
        if "invert" in trained.facts.can:
            given = shuffled[:_COLUMNS]
            rows += [given, reconstructed(trained, given)]
        arguments.picture.parent.mkdir(parents=True, exist_ok=True)
        grid(rows).save(arguments.picture, **({"quality": 80} if arguments.picture.suffix == ".jpg" else {}))
        write(f"\nexamples: {arguments.picture}\n")


if __name__ == "__main__":
    main()
