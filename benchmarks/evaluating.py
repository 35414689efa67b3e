"""What `gantool eval` of two folders of pictures costs, in CPU seconds of a process, as a Markdown table.

    python benchmarks/evaluating.py                        149 and 2,000 pictures of 64 and of 256 pixels: an hour
    python benchmarks/evaluating.py 149x64 149x256         these alone, COUNTxSIDE
    python benchmarks/evaluating.py --before CHECKOUT      compared with the gantool of another checkout

Pictures are drawn: shapes at all scales, the finer the fainter. The Inception network has random weights, which take as
long as true ones. Every figure is that of one process on one thread: without an Inception file, with it, and with it
once more, when the features of all pictures are known. Nothing is kept from one row to the next.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from speed import machine, say

from gantool.evaluation.networks.inception import Inception

BICUBIC = Image.Resampling.BICUBIC
ROWS = ("149x64", "149x256", "2000x64", "2000x256")


def draw(folder: Path, count: int, side: int, seed: int) -> None:
    """PNG files of side x side pixels."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        levels = np.full((side, side, 3), 128.0)
        for scale in (side // 2, side // 4, side // 8, side // 16, 4, 2, 1):
            shape = (side // scale + 1, side // scale + 1, 3)
            noise = rng.normal(0, 40 * (scale / side) ** 0.5, shape).astype(np.float32)
            layers = [Image.fromarray(noise[..., c]).resize((side, side), BICUBIC) for c in range(3)]
            levels += np.stack([np.asarray(layer) for layer in layers], axis=-1)
        Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(folder / f"{number:05d}.png")


def random_weights(file: Path) -> None:
    """An Inception network at whose weights activations keep their scale."""
    torch.manual_seed(0)
    weights = {
        name: torch.randn_like(value) * (2 / value[0].numel()) ** 0.5 if name.endswith("conv.weight") else value
        for name, value in Inception().state_dict().items()
    }
    torch.save(weights, file)


def seconds(source: Path, folders: Path, cache: Path, *more: str) -> float:
    """CPU seconds of one evaluation by the gantool of a checkout, its start included."""
    places = os.pathsep.join([str(source), str(source / "plugins")])
    settings = {"PYTHONPATH": places, "XDG_CACHE_HOME": str(cache), "OMP_NUM_THREADS": "1"}
    before = os.times()
    words = ["eval", folders / "real", folders / "fake", "--device", "cpu", "-q", "--json", *more]
    subprocess.run(
        [sys.executable, "-m", "gantool", *map(str, words)],
        cwd=folders,
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="COUNTxSIDE", default=ROWS)
    parser.add_argument("--before", type=Path, help="another checkout of gantool")
    arguments = parser.parse_args()
    sources = {"now": Path(__file__).parents[1]}
    if arguments.before:
        sources = {"before": arguments.before.resolve(), **sources}
    say(machine())
    say("\n| pictures a side | | without Inception | with it | once more |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        weights = root / "inception.pth"
        random_weights(weights)
        for row in arguments.rows:
            count, side = map(int, row.split("x"))
            for seed, name in enumerate(("real", "fake")):
                draw(root / row / name, count, side, seed)
            for name, source in sources.items():
                cache = root / "cache" / row / name
                judged = ("--inception", str(weights))
                cells = [seconds(source, root / row, cache, *more) for more in ((), judged, judged)]
                say(f"| {count} of {side} pixels | {name} | {' | '.join(f'{cell:.1f} s' for cell in cells)} |")


if __name__ == "__main__":
    main()
