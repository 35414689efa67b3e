"""How a training shares the processor between the networks and the pictures: threads, workers, batches ahead, batch.

    python benchmarks/splitting.py                                  # CycleGAN small and fast, DCGAN small
    python benchmarks/splitting.py cyclegan:small --steps 8 --rounds 3

A Markdown table a model and preset, in pictures (of a domain) a second on the clock and CPU time a picture. The splits
take turns within one process, so that other work on the machine falls on all of them; figures against today's split,
the first row, are medians of the rounds' ratios, above 1 where it is better than that. "Anew" decodes each picture from
a JPEG file of 600 x 400 as in the first pass over the data, "kept" takes it from the cache as in all later ones.

Times on the clock mean something on a machine that does nothing else. `load` is what the machine did at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from loading import photographs
from speed import machine, say

from gantool import registry
from gantool.checking.subject import Subject
from gantool.data import loader
from gantool.model import Data, Progress
from gantool.training.building import built, opened
from gantool.training.request import Plan
from gantool.training.run import TrainingRun

CASES = ("cyclegan:small", "cyclegan:fast", "dcgan:small")
FILES = 24  # a domain


class Split(NamedTuple):
    """One way to share the processor."""

    threads: int
    """Of torch, for the networks."""
    workers: int
    """Threads that decode ahead; 0 decodes between the steps."""
    ahead: int
    """Batches in advance, a worker."""
    batch: int
    kept: bool


def splits(batch: int) -> list[Split]:
    """Today's split first; then what may be better. `batch` is the preset's."""
    cores, ahead = torch.get_num_threads(), loader._AHEAD
    today = Split(cores, 2, ahead, batch, True)
    grid = [Split(t, w, ahead, batch, kept) for kept, t, w in product((True, False), sorted({1, cores}), (0, 1, 2))]
    deep = [Split(cores, 2, depth, batch, False) for depth in (1, 4)]
    other = [Split(t, 2, ahead, 4, True) for t in sorted({1, cores}) if batch != 4]
    return list(dict.fromkeys([today, *grid, *deep, *other]))


def compared(plan: Plan, folder: Path, steps: int, rounds: int) -> dict[Split, list[tuple[float, float]]]:
    """Seconds on the clock and CPU seconds a picture, of each split in each round."""
    kept, anew = opened(plan), opened(plan)
    kept.keep_in(folder / "cache")
    for index in range(4 * FILES):  # until each picture has come
        kept.item(*divmod(index, len(kept)))
    model = built(plan).train()
    run = TrainingRun(model, model.optimizers())

    def turn(split: Split) -> tuple[float, float]:
        torch.set_num_threads(split.threads)
        loader._AHEAD = split.ahead
        dataset = kept if split.kept else anew
        with contextlib.closing(loader.batches(dataset, batch=split.batch, first=0, workers=split.workers)) as stream:
            for _ in range(2):  # they make threads, memory for this size of a batch, and the batches ahead
                one_step(stream.__next__)
            clock, cpu = time.perf_counter(), time.process_time()
            for _ in range(steps):
                one_step(stream.__next__)
            done = steps * split.batch
            return (time.perf_counter() - clock) / done, (time.process_time() - cpu) / done

    def one_step(batch: Callable[[], dict[str, torch.Tensor]]) -> None:
        now = Progress(0, 1000)
        run.begin(now, model.rate_factor(now))
        for _ in run.batches():
            model.training_step(loader.to_device(batch(), run.device), run)
        run.end()

    found: dict[Split, list[tuple[float, float]]] = {split: [] for split in splits(plan.settings.batch)}
    today = next(iter(found))
    for number in range(rounds):
        for split in list(found) if number % 2 else reversed(found):
            found[split].append(turn(split))
    torch.set_num_threads(today.threads)
    loader._AHEAD = today.ahead
    kept.close(remove=True)
    return found


def table(found: dict[Split, list[tuple[float, float]]]) -> str:
    """The Markdown table, today's split first."""
    today = next(iter(found.values()))
    head = ["threads", "workers", "ahead", "batch", "files", "pictures a second", "CPU a picture", "clock", "CPU time"]
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head))]
    for split, times in found.items():
        clock, cpu = (median(one) for one in zip(*times, strict=True))
        gains = [[old[i] / new[i] for old, new in zip(today, times, strict=True)] for i in (0, 1)]
        cells = [split.threads, split.workers, split.ahead if split.workers else "", split.batch]
        cells += ["kept" if split.kept else "anew", f"{1 / clock:.2f}", f"{1000 * cpu:.0f} ms"]
        cells += [f"x{median(gain):.2f} ({min(gain):.2f} to {max(gain):.2f})" for gain in gains]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    """What the module says."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("cases", nargs="*", default=CASES, metavar="MODEL:PRESET", help=", ".join(CASES))
    words.add_argument("--steps", type=int, default=12, help="a turn of a split (default: 12)")
    words.add_argument("--rounds", type=int, default=5)
    given = words.parse_args()

    say(f"{machine().replace(', one thread', '')}; {torch.get_num_threads()} threads by default")
    for case in given.cases:
        name, _, preset = case.partition(":")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            subject = Subject(registry.plugin(name), lambda data, folder=folder: drawn(data, folder), folder)
            found = compared(subject.plan(preset), folder, given.steps, given.rounds)
        say(f"\n{name}, preset {preset}; load {os.getloadavg()[0]:.1f}\n\n{table(found)}")


def drawn(data: Data, folder: Path) -> list[Path]:
    """Folders of photographs, one a domain of unpaired pictures."""
    folders = [folder / side for side in ("trainA", "trainB")[: 2 if data.layout.name == "unpaired" else 1]]
    for number, one in enumerate(folders):
        photographs(one, FILES, seed=number)
    return folders


if __name__ == "__main__":
    main()
