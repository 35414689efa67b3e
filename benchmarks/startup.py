"""CPU time of whole processes: what a person waits for before gantool does anything."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Sequence

COMMANDS: dict[str, Sequence[str]] = {
    "`python -c pass`": ("-c", "pass"),
    "`gantool --version`": ("-m", "gantool", "--version"),
    "`gantool --help`": ("-m", "gantool", "--help"),
    "`gantool train --help`": ("-m", "gantool", "train", "--help"),
    "`gantool models`": ("-m", "gantool", "models"),
    "`python -c 'import torch'`": ("-c", "import torch"),
}


def startup(rounds: int) -> dict[str, float]:
    """CPU seconds (user and system) of each command: the least of `rounds`, which take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, words in COMMANDS.items():
            seconds[name].append(_cpu_seconds([sys.executable, *words]))
    return {name: min(times) for name, times in seconds.items()}


def _cpu_seconds(command: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
