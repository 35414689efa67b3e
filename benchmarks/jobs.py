"""A folder through a CycleGAN by processes of one thread, against one process with as many threads.

    python benchmarks/jobs.py                        all rows: about an hour
    python benchmarks/jobs.py 32 64x64 8x256         width 32, COUNTxSIDE
    python benchmarks/jobs.py --processes 4          by four

Whole commands, from their start to their end, on the wall and in CPU seconds, in turns: a ratio is the median of the
rounds' ratios. Weights are random, which takes as long as true ones. A table in Markdown.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from evaluating import draw
from gantool_cyclegan import CycleGAN
from speed import machine, say

from gantool.runs import checkpoint, folders
from gantool.spec import Pictures, Spec

ROWS = ("16x64", "256x64", "2x256", "8x256", "16x256", "32x256", "2x1024", "4x1024")


def weights_of(width: int, root: Path) -> Path:
    """A weights file."""
    spec = Spec(("A", "B"), (Pictures(), Pictures()), 256)
    model = checkpoint.build_model(CycleGAN, CycleGAN.Options(width=width), spec, 0)
    folder = folders.save_folder(root / f"run{width}", 1)
    weights, _ = checkpoint.parted(model, model.state_dict())
    facts = checkpoint.facts_of_model(model, "cyclegan", 1, {})
    checkpoint.save(folder, facts, weights=weights, state={"x": torch.ones(1)})
    return folder / folders.WEIGHTS


def seconds(weights: Path, pictures: Path, out: Path, threads: int, *more: str) -> tuple[float, float]:
    """On the wall and of the CPU, for one command."""
    words = ["translate", "-m", weights, "--device", "cpu", "-q", "--overwrite", *more, pictures, out]
    before, begun = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "gantool", *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "XDG_STATE_HOME": str(out.parent / "state")},
        check=True,
    )
    wall, after = time.perf_counter() - begun, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="WIDTH|COUNTxSIDE", default=("32", "64", *ROWS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = [row for row in arguments.rows if "x" in row] or ROWS
    widths = [int(row) for row in arguments.rows if "x" not in row] or [32, 64]
    many = arguments.processes
    say(machine().replace("one thread", f"{many} threads against {many} processes"))
    say(
        f"\n| width | pictures | {many} threads | CPU | {many} processes | CPU | ratio on the wall |"
        " lowest and highest |"
    )
    say("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for width in widths:
            weights = weights_of(width, root)
            for row in rows:
                count, side = map(int, row.split("x"))
                if not (root / row).exists():
                    draw(root / row, count, side, 0)
                # A batch of one is what a CPU takes anyway, and keeps the work in one process.
                ways = {"threads": (many, "--batch", "1"), "processes": (1, "--jobs", str(many))}
                times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
                for _ in range(arguments.rounds):
                    for name, (threads, *more) in ways.items():
                        times[name].append(seconds(weights, root / row, root / f"out-{row}", threads, *more))
                ratios = [a[0] / b[0] for a, b in zip(*times.values(), strict=True)]
                cells = [f"{median(t[which] for t in found):.1f} s" for found in times.values() for which in (0, 1)]
                span = f"{min(ratios):.2f} to {max(ratios):.2f}"
                say(f"| {width} | {count} of {side} | {' | '.join(cells)} | x{median(ratios):.2f} | {span} |")


if __name__ == "__main__":
    main()
