"""Does a paired model learn? Trains it on outlines and their colour drawings, and measures pairs it has not seen.

    python benchmarks/learning_paired.py --data outline2color --model pix2pix --picture docs/images/pix2pix.png

`--data` holds train and test, each with the folders outline and color. `--run RUN` measures a run that is there. The
figures are printed as a Markdown table: L1 in [0, 1] and SSIM to the true colour drawing, of the outline itself, of the
mean colour drawing of the training set, and of the translation; for models with styles also those of the best of five
styles, and how much the results of one picture in five styles differ.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from learned import SIDE, diversity, draw_sheet, folder, translated

import gantool
from gantool.evaluation.pixels import l1, ssim

STYLES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="pix2pix")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--run", type=Path, help="measure this run instead of training one")
    parser.add_argument("--picture", type=Path, help="where to draw a sheet of examples")
    arguments = parser.parse_args()

    train, test = (
        {side: folder(arguments.data / part / side) for side in ("outline", "color")} for part in ("train", "test")
    )
    names = sorted(test["outline"].keys() & test["color"].keys())
    inputs, truth = ([test[side][name] for name in names] for side in ("outline", "color"))
    run = arguments.run or gantool.train(
        arguments.model,
        [arguments.data / "train" / "outline", arguments.data / "train" / "color"],
        preset=arguments.preset,
        device=arguments.device,
        **({"steps": arguments.steps} if arguments.steps else {}),
    )
    translator = gantool.load(run, device=arguments.device)
    styles = STYLES if "code" in translator.facts.can else 1
    results = [translated(translator, inputs, None, seed) for seed in range(styles)]

    mean = np.mean(list(train["color"].values()), axis=0).round().astype(np.uint8)
    rows = {"the outline itself": inputs, "the mean colour drawing": [mean] * len(names), "translated": results[0]}
    write = sys.stdout.write
    write(f"{arguments.model}, {run}, {len(names)} unseen pairs of {SIDE} pixels\n\n")
    write("| pictures | L1 | SSIM |\n| --- | --- | --- |\n")
    for name, pictures in rows.items():
        errors = [l1(a / 255, b / 255) for a, b in zip(pictures, truth, strict=True)]
        likeness = [ssim(a / 255, b / 255) for a, b in zip(pictures, truth, strict=True)]
        write(f"| {name} | {np.mean(errors):.4f} | {np.mean(likeness):.3f} |\n")
    if styles > 1:
        best = np.min([[l1(a / 255, b / 255) for a, b in zip(style, truth, strict=True)] for style in results], axis=0)
        write(f"| the best of {styles} styles | {best.mean():.4f} | |\n")
        write(f"\ndiversity: {diversity(results):.4f} (mean absolute difference of two styles, in [-1, 1])\n")

    if arguments.picture:
        shown = results[:3] if "code" in translator.facts.can and arguments.model != "pix2pix" else results[:1]
        header = ["input", *([f"style {k + 1}" for k in range(len(shown))] if len(shown) > 1 else ["translated"])]
        draw_sheet(arguments.picture, [inputs, *shown, truth], [*header, "true"], 24, 3 if len(shown) > 1 else 4)
        write(f"\nexamples: {arguments.picture}\n")


if __name__ == "__main__":
    main()
