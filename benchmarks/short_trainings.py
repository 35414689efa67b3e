"""What options bring a short training: the same model with several sets of them, measured on emoji it has not seen.

    python benchmarks/short_trainings.py --data emoji "" "upsample=bilinear" "upsample=bilinear ema=0.99" --seeds 3

The words in each pair of quotes are one set of options, on top of the preset `small`. `--data` holds trainA, trainB,
testA and testB, as for learning.py. A row of the Markdown table is one set and one direction, the mean over the seeds
and, in brackets, the distance of the highest from the lowest:

- sliced Wasserstein distance (x1000) to the true pictures: lower is better;
- KID on the features of the small classifier (times 1000): lower is better;
- the share of pictures that this classifier takes for the style asked for;
- L1 to the true picture of the same emoji;
- checkerboards: energy of the grey values at the Nyquist frequencies (times 1e6), of rows, of columns, and of both;
- CPU seconds of the training.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import torch
from learned import Pixels, folder, swd, taken_for, train_classifier, translated, unit
from torch import Tensor, nn

import gantool
from gantool.evaluation.kid import squared_mmd

COLUMNS = {"SWD x1000": 1, "KID x1000": 0, "taken": 3, "L1": 4, "checkerboards": 1, "CPU s": 0}


def checkerboards(pictures: Tensor) -> float:
    """Mean energy of grey values (N, 3, H, W) in [-1, 1] at the three highest frequencies, where sides are even."""
    grey = pictures.mean(1)
    height, width = grey.shape[1:]
    power = torch.fft.fft2(grey).abs().square() / (height * width) ** 2
    return float((power[:, height // 2, 0] + power[:, 0, width // 2] + power[:, height // 2, width // 2]).mean())


def measured(made: Sequence[Pixels], truth: Sequence[Pixels], classifier: nn.Sequential, style: int) -> list[float]:
    """The columns of one direction but the last."""
    a, b = unit(made), unit(truth)
    with torch.no_grad():
        features = [classifier[:-1](x).double().numpy() for x in (b, a)]
    kid, taken = 1000 * squared_mmd(*features), taken_for(classifier, made, style)
    return [swd(truth, made), kid, taken, float((a - b).abs().mean()) / 2, 1e6 * checkerboards(a)]


def trained(model: str, data: Path, options: dict[str, str], steps: int, seed: int, out: Path, precision: str) -> float:
    """Trains, and returns the CPU seconds that it took."""
    begun = time.process_time()
    gantool.train(
        model,
        [data / "trainA", data / "trainB"],
        preset="small",
        steps=steps,
        seed=seed,
        out=out,
        set=options,
        device="cpu",
        workers=1,
        precision=precision,
        sample_every=10**6,
    )
    return time.process_time() - begun


def in_words(values: Sequence[float], digits: int) -> str:
    """A mean, and the spread where there are several."""
    spread = f" ({max(values) - min(values):.{digits}f})" if len(values) > 1 else ""
    return f"{fmean(values):.{digits}f}{spread}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("options", nargs="+", metavar='"KEY=VALUE ..."')
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="cyclegan")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--precision", default="fp32")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    sets = {name: folder(arguments.data / name) for name in ("trainA", "trainB", "testA", "testB")}
    classifier = train_classifier([list(sets["trainA"].values()), list(sets["trainB"].values())])
    assert isinstance(classifier, nn.Sequential)
    names = sorted(sets["testA"].keys() & sets["testB"].keys())
    sides = {side: [sets[f"test{side}"][name] for name in names] for side in "AB"}
    directions = (("A", "B", 1), ("B", "A", 0))

    write = sys.stdout.write
    write(f"| options | to | {' | '.join(COLUMNS)} |\n|{' --- |' * (2 + len(COLUMNS))}\n")
    for source, target, style in directions:
        cells = measured(sides[source], sides[target], classifier, style)
        texts = [in_words([cell], digits) for cell, digits in zip(cells, COLUMNS.values(), strict=False)]
        write(f"| untranslated | {target} | {' | '.join(texts)} | |\n")
    for words in arguments.options:
        chosen = dict(word.split("=", 1) for word in words.split())
        found: dict[str, list[list[float]]] = {target: [] for _, target, _ in directions}
        for seed in range(arguments.seeds):
            with tempfile.TemporaryDirectory() as folder_of_run:
                out = Path(folder_of_run) / "run"
                took = trained(arguments.model, arguments.data, chosen, arguments.steps, seed, out, arguments.precision)
                translator = gantool.load(out, device="cpu")
                for source, target, style in directions:
                    made = translated(translator, sides[source], target)
                    found[target].append([*measured(made, sides[target], classifier, style), took])
        for target, rows in found.items():
            texts = [
                in_words(column, digits)
                for column, digits in zip(zip(*rows, strict=True), COLUMNS.values(), strict=True)
            ]
            write(f"| {words or 'none'} | {target} | {' | '.join(texts)} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
