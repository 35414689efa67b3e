"""Does an unpaired model learn? Trains it on two drawing styles of emoji, and measures emoji it has not seen.

    python benchmarks/learning.py --data emoji --model cyclegan --preset small --picture docs/images/cyclegan.png

`--data` holds trainA, trainB (unpaired) and testA, testB (the same emoji in both styles, under the same names). `--run
RUN` measures a run that is there already. The figures are printed as a Markdown table:

- sliced Wasserstein distance (x1000) to the true testB, of the untranslated testA and of its translations: lower is
  better. A model with styles translates each picture in a style of its own: drawn, and that of a picture of trainB. As
  a yardstick, what as many pictures drawn from trainB have: the mean of four draws, the lowest and the highest;
- L1 and SSIM to the true picture of the same emoji;
- the share of pictures that a small classifier, trained here on the training pictures alone, takes for style B;
- for models with styles, how much the results of one picture in five styles differ (mean absolute difference).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from learned import (
    SIDE,
    Pixels,
    diversity,
    draw_sheet,
    folder,
    in_styles_of,
    swd,
    taken_for,
    train_classifier,
    translated,
)
from torch import nn

import gantool
from gantool.evaluation.measure import measure

STYLES = 5


def measured(pictures: Sequence[Pixels], truth: Sequence[Pixels], classifier: nn.Module) -> dict[str, float]:
    """The figures of one set of pictures against the true ones in the same order."""
    pairs = [(index, index) for index in range(len(truth))]
    metrics = measure(list(truth), list(pictures), pairs=pairs).metrics
    return {
        **{name: metrics[name] for name in ("swd", "l1", "ssim")},
        "taken for B": taken_for(classifier, pictures, 1),
    }


def distances_of_real(pictures: Sequence[Pixels], truth: Sequence[Pixels]) -> list[float]:
    """The distances of four samples of real pictures, each as large as the truth, to it."""
    draws = [np.random.default_rng(seed).permutation(len(pictures))[: len(truth)] for seed in range(4)]
    samples = [[pictures[number] for number in draw] for draw in draws]
    return [swd(truth, sample) for sample in samples]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="cyclegan")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--run", type=Path, help="measure this run instead of training one")
    parser.add_argument("--picture", type=Path, help="where to draw a sheet of examples")
    arguments = parser.parse_args()

    sets = {name: folder(arguments.data / name) for name in ("trainA", "trainB", "testA", "testB")}
    names = sorted(sets["testA"].keys() & sets["testB"].keys())
    inputs, truth = ([sets[side][name] for name in names] for side in ("testA", "testB"))
    run = arguments.run or gantool.train(
        arguments.model,
        [arguments.data / "trainA", arguments.data / "trainB"],
        preset=arguments.preset,
        device=arguments.device,
        **({"steps": arguments.steps} if arguments.steps else {}),
    )
    translator = gantool.load(run, device=arguments.device)
    styles = STYLES if "code" in translator.facts.can else 1
    results = [translated(translator, inputs, translator.facts.spec.domains[-1], seed) for seed in range(styles)]

    classifier = train_classifier([list(sets["trainA"].values()), list(sets["trainB"].values())])
    rows = {"testA as it is": measured(inputs, truth, classifier)}
    if styles > 1:
        guided = in_styles_of(translator, inputs, list(sets["trainB"].values()))
        rows["translated, styles drawn"] = measured(results[0], truth, classifier)
        rows["translated, styles of trainB"] = measured(guided, truth, classifier)
    else:
        rows["testA translated"] = measured(results[0], truth, classifier)
    rows["the true testB"] = {"taken for B": taken_for(classifier, truth, 1)}
    yardstick = distances_of_real(list(sets["trainB"].values()), truth)
    write = sys.stdout.write
    write(f"{arguments.model}, {run}, {len(names)} unseen pictures of {SIDE} pixels\n\n")
    write("| pictures | SWD x1000 | L1 | SSIM | taken for B |\n| --- | --- | --- | --- | --- |\n")
    for name, row in rows.items():
        cells = [f"{row[key]:.{digits}f}" if key in row else "" for key, digits in (("swd", 1), ("l1", 4), ("ssim", 3))]
        write(f"| {name} | {' | '.join(cells)} | {row['taken for B']:.1%} |\n")
    write(f"\nreal pictures of B: {np.mean(yardstick):.1f} ({min(yardstick):.1f} to {max(yardstick):.1f})\n")
    if styles > 1:
        write(f"\ndiversity: {diversity(results):.4f} (mean absolute difference of two styles, in [-1, 1])\n")

    if arguments.picture:
        shown = results[:3] if styles > 1 else results
        header = ["input", *([f"style {k + 1}" for k in range(3)] if styles > 1 else ["translated"]), "true"]
        draw_sheet(arguments.picture, [inputs, *shown, truth], header, 24, 3 if styles > 1 else 4)
        write(f"\nexamples: {arguments.picture}\n")


if __name__ == "__main__":
    main()
