"""Every model on the same pictures, for the same number of steps: what it costs, and how close it comes.

    python benchmarks/choosing.py --data outline2color --runs runs/choosing
    python benchmarks/choosing.py --data outline2color --runs runs/choosing --only cut munit

`--data` holds train and test, each with the folders outline and color: the same emoji as lines and in colours. Models
of pairs learn from them as pairs, the others as two domains that have nothing to do with each other. Each has its
preset `small` and a process of its own with one thread. A run that is there is not trained again, so the table can be
made in parts. It is printed in Markdown:

- CPU seconds of a step, and the most memory that the training held;
- size of the weights file, and CPU milliseconds to translate one picture;
- sliced Wasserstein distance (x1000), L1 and SSIM of the translations of unseen outlines to the true drawings. A model
  with styles draws one for each picture.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from learned import SIDE, Pixels, folder, translated

import gantool
from gantool import options, registry
from gantool.evaluation.measure import measure

DOMAINS = ("outline", "color")
COST = "cost.json"
"""Beside a run: what its training cost."""


def data(model: str, root: Path, runs: Path) -> list[Path]:
    """The training folders as the model's layout wants them: two folders, or a folder with a folder a domain."""
    entry = registry.plugin(model)
    kind = entry.load()
    chosen = options.read_yaml(entry.presets()["small"]).get("options", {})
    if kind.data(options.restore(kind.Options, chosen, where=model)).layout.name != "domains":
        return [root / "train" / name for name in DOMAINS]
    parent = runs / "domains"
    parent.mkdir(parents=True, exist_ok=True)
    for name in DOMAINS:
        if not (parent / name).exists():
            (parent / name).symlink_to((root / "train" / name).resolve())
    return [parent]


def train(model: str, root: Path, runs: Path, steps: int) -> None:
    """Trains in this process, and writes down what it cost."""
    out = runs / model
    paths = data(model, root, runs)
    before = time.process_time()
    gantool.train(model, paths, out=out, preset="small", steps=steps, device="cpu", sample_every=steps, workers=0)
    cost = {
        "steps": steps,
        "seconds": (time.process_time() - before) / steps,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    (out / COST).write_text(json.dumps(cost))


def row(model: str, runs: Path, inputs: list[Pixels], truth: list[Pixels]) -> list[str]:
    """The cells of a trained model."""
    cost = json.loads((runs / model / COST).read_text())
    translator = gantool.load(runs / model, device="cpu")
    weights = max((runs / model).rglob("weights.safetensors"), key=lambda path: path.parent.name)
    before = time.process_time()
    results = translated(translator, inputs, "color" if "color" in translator.domains else None)
    each = (time.process_time() - before) / len(inputs)
    return [
        model,
        f"{cost['seconds']:.2f}",
        f"{cost['megabytes']:.0f}",
        f"{weights.stat().st_size / 1e6:.1f}",
        f"{each * 1000:.0f}",
        *figures(results, truth),
    ]


def figures(pictures: list[Pixels], truth: list[Pixels]) -> list[str]:
    """SWD, L1 and SSIM, in words."""
    metrics = measure(truth, pictures, pairs=[(index, index) for index in range(len(truth))]).metrics
    return [f"{metrics[key]:.{digits}f}" for key, digits in (("swd", 1), ("l1", 4), ("ssim", 3))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True, help="where the runs are, or are made")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--only", nargs="+", default=sorted(registry.plugins()), help="these models")
    parser.add_argument("--train", help=argparse.SUPPRESS)  # this process trains one model
    arguments = parser.parse_args()
    if arguments.train:
        train(arguments.train, arguments.data, arguments.runs, arguments.steps)
        return

    for model in arguments.only:
        if not (arguments.runs / model / COST).exists():
            words = [sys.executable, __file__, *sys.argv[1:], "--train", model]
            subprocess.run(words, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    sets = {part: {name: folder(arguments.data / part / name) for name in DOMAINS} for part in ("train", "test")}
    names = sorted(sets["test"]["outline"].keys() & sets["test"]["color"].keys())
    inputs, truth = ([sets["test"][side][name] for name in names] for side in DOMAINS)
    mean = np.mean(list(sets["train"]["color"].values()), axis=0).round().astype(np.uint8)

    write = sys.stdout.write
    write(f"{arguments.steps} steps of the preset small, {len(names)} unseen outlines of {SIDE} pixels\n\n")
    head = ["model", "s a step", "MB", "file, MB", "ms a picture", "SWD x1000", "L1", "SSIM"]
    write(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}\n")
    for words, pictures in (("the outline itself", inputs), ("the mean colour drawing", [mean] * len(truth))):
        write(f"| {' | '.join([words, '', '', '', '', *figures(pictures, truth)])} |\n")
    for model in arguments.only:
        write(f"| {' | '.join(row(model, arguments.runs, inputs, truth))} |\n")


if __name__ == "__main__":
    main()
