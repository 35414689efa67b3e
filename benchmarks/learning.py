"""Does a model learn? Trains it on two drawing styles of emoji, translates emoji it has not seen, and measures them.

    python benchmarks/learning.py --data emoji --model cyclegan --preset small --picture docs/images/cyclegan.png

`--data` holds trainA, trainB (unpaired) and testA, testB (the same emoji in both styles, under the same names). `--run
RUN` measures a run that is there already. The figures are printed as a Markdown table:

- sliced Wasserstein distance (x1000) to the true testB, of the untranslated testA and of its translations: lower is
better;
- L1 and SSIM to the true picture of the same emoji;
- the share of pictures that a small classifier, trained here on the training pictures alone, takes for style B.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

import gantool
from gantool.data.find import find_pictures
from gantool.data.pictures import read_pixels
from gantool.evaluation.compare import compare
from gantool.report.grids import grid

SIDE = 64
Pixels = NDArray[np.uint8]


def folder(path: Path) -> dict[str, Pixels]:
    """The pictures of a folder by name, (SIDE, SIDE, 3), transparency on white."""

    def sized(file: Path) -> Pixels:
        return np.asarray(Image.fromarray(read_pixels(file, 3)).resize((SIDE, SIDE), Image.Resampling.BICUBIC))

    return {file.name: sized(file) for file in find_pictures(path)}


def unit(pictures: Sequence[Pixels]) -> Tensor:
    """(N, 3, SIDE, SIDE) in [-1, 1]."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def train_classifier(a: Sequence[Pixels], b: Sequence[Pixels], epochs: int = 30) -> nn.Module:
    """A small network whose logit says "style B". Sees the training pictures shifted and mirrored."""
    torch.manual_seed(0)
    widths = (3, 32, 64, 128)
    layers: list[nn.Module] = []
    for inside, outside in pairwise(widths):
        layers += [nn.Conv2d(inside, outside, 3, stride=2, padding=1), nn.BatchNorm2d(outside), nn.ReLU()]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(widths[-1], 1))
    pictures, labels = torch.cat([unit(a), unit(b)]), torch.cat([torch.zeros(len(a)), torch.ones(len(b))])
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, epochs)
    for _ in range(epochs):
        for part in torch.randperm(len(pictures)).split(32):
            x = F.pad(pictures[part], (4, 4, 4, 4), value=1.0)
            dx, dy = (int(torch.randint(9, ())) for _ in range(2))
            x = x[..., dy : dy + SIDE, dx : dx + SIDE]
            x = x.flip(-1) if torch.rand(()) > 0.5 else x
            loss = F.binary_cross_entropy_with_logits(network(x).squeeze(1), labels[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def share_of_b(network: nn.Module, pictures: Sequence[Pixels]) -> float:
    """How many of these pictures the classifier takes for style B."""
    return float((network(unit(pictures)) > 0).float().mean())


def measured(pictures: Sequence[Pixels], truth: Sequence[Pixels], classifier: nn.Module) -> dict[str, float]:
    """The figures of one set of pictures against the true ones in the same order."""
    pairs = [(index, index) for index in range(len(truth))]
    metrics = compare(list(truth), list(pictures), pairs=pairs).metrics
    return {**{name: metrics[name] for name in ("swd", "l1", "ssim")}, "taken for B": share_of_b(classifier, pictures)}


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
    translated = [
        np.asarray(translator.translate(Image.fromarray(picture), to="B").convert("RGB")) for picture in inputs
    ]

    classifier = train_classifier(list(sets["trainA"].values()), list(sets["trainB"].values()))
    rows = {
        "testA as it is": measured(inputs, truth, classifier),
        "testA translated": measured(translated, truth, classifier),
        "the true testB": {"taken for B": share_of_b(classifier, truth)},
    }
    write = sys.stdout.write
    write(f"{arguments.model}, {run}, {len(names)} unseen pictures of {SIDE} pixels\n\n")
    write("| pictures | SWD x1000 | L1 | SSIM | taken for B |\n| --- | --- | --- | --- | --- |\n")
    for name, row in rows.items():
        cells = [f"{row[key]:.{digits}f}" if key in row else "" for key, digits in (("swd", 1), ("l1", 4), ("ssim", 3))]
        write(f"| {name} | {' | '.join(cells)} | {row['taken for B']:.1%} |\n")

    if arguments.picture:
        chosen = [index * len(names) // 24 for index in range(24)]
        lines = [chosen[start : start + 4] for start in range(0, 24, 4)]
        cells = [[cell for i in line for cell in (inputs[i], translated[i], truth[i])] for line in lines]
        sheet = grid(cells, ["input", "translated", "true"] * 4)
        arguments.picture.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(arguments.picture)
        write(f"\nexamples: {arguments.picture}\n")


if __name__ == "__main__":
    main()
