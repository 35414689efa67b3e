"""What one whole training step of each model asks of a GPU, counted without one: launches, waits, bytes, arithmetic.

    python benchmarks/launches.py                          # every model, preset paper
    python benchmarks/launches.py cyclegan --preset smoke -v

It prints JSON, `{model: {launches, waits, gigabytes, gflop}}`, and where the waits are on stderr. The exit code is 1 if
a tensor of the CPU came among those of the GPU, 3 where this torch lacks what `pretended_gpu` needs.

A whole step is one in which everything learns: the generator as well where it waits for its critic, and with every
penalty that is not taken in each step. It is the second such step, as the first makes the optimisers' memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from pretended_gpu import LeakError, PretendedGPU, Report, missing

from gantool import registry
from gantool.checking.pictures import training_pictures
from gantool.checking.subject import Subject
from gantool.data import loader
from gantool.errors import GantoolError
from gantool.model import Progress
from gantool.runs.skeleton import skeleton
from gantool.training.building import opened
from gantool.training.ema import Averages
from gantool.training.request import Plan
from gantool.training.run import TrainingRun


def main() -> None:
    """What the module says."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("models", nargs="*", help="all of them by default")
    words.add_argument("--preset", default="paper")
    words.add_argument("--precision", default="fp32", choices=["fp32", "bf16", "fp16"])
    words.add_argument("-v", "--verbose", action="store_true", help="launches by operator, on stderr")
    given = words.parse_args()
    warnings.filterwarnings("ignore", "Accessing the data pointer of FakeTensor")  # torch's own copy of a module does
    if lack := missing():
        print(lack, file=sys.stderr)
        sys.exit(3)
    counts: dict[str, Any] = {}
    for name in given.models or sorted(registry.plugins()):
        try:
            report = counted(name, given.preset, given.precision)
        except LeakError as error:
            print(f"{name}: {error}", file=sys.stderr)
            sys.exit(1)
        except GantoolError as error:  # a preset that needs a file
            print(f"{name}: {error.text}", file=sys.stderr)
            continue
        counts[name] = told(report)
        for wait, times in report.waits.items():
            print(f"{name}: {times} x {wait}", file=sys.stderr)
        if given.verbose:
            print(f"{name}: {counts[name]}, {dict(report.operators.most_common())}", file=sys.stderr, flush=True)
    print(json.dumps(counts, indent=1))


def told(report: Report) -> dict[str, float]:
    """A report in the figures of the JSON."""
    return {
        "launches": report.operators.total(),
        "waits": report.waits.total(),
        "gigabytes": round(report.bytes / 1e9, 2),
        "gflop": round(report.flop / 1e9, 1),
    }


def counted(name: str, preset: str, precision: str) -> Report:
    """Trains two whole steps on a pretended GPU, as the trainer would, and reports the second."""
    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(registry.plugin(name), lambda data: training_pictures(data, Path(folder)), Path(folder))
        plan = subject.plan(preset)
        with PretendedGPU() as gpu, torch.random.fork_rng(devices=[]):
            return _trained(plan, gpu, precision)


def _trained(plan: Plan, gpu: PretendedGPU, precision: str) -> Report:
    (batch,) = islice(loader.batches(opened(plan), batch=plan.settings.batch, first=0, pinned=True), 1)
    model = skeleton(plan.kind, plan.options, plan.spec, 10**6)
    model.prepare_training()
    model = model.to_empty(device=gpu.device).train()
    averages = Averages(model)
    run = TrainingRun(model, model.optimizers(), precision=precision)
    for step in _whole_steps(plan.options):
        now = Progress(step, 10 * step, pass_steps=10.0, schedule=1.0, batch=plan.settings.batch)
        gpu.report = Report()
        run.begin(now, model.rate_factor(now))
        for _ in run.batches():
            model.training_step(loader.to_device(batch, run.device), run)
        run.end()
        averages.update(model, now, run.applied())
    return gpu.report


def _whole_steps(options: Any) -> tuple[int, int]:
    """The numbers of two steps in which everything learns."""
    critic = getattr(options, "n_critic", 0) or getattr(options, "d_iter", 0)
    if critic:  # the last of a round; WGAN's first rounds are longer
        first = 25 * getattr(options, "early_critic", 0)
        return first + 10 * critic - 1, first + 20 * critic - 1
    return 240, 480  # StyleGAN's penalties come every 4 and 16 steps


if __name__ == "__main__":
    main()
