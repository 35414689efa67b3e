"""Flags of `gantool train`: the machine, what is saved, and how saves are measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from gantool.cli.common import flag

_MACHINE, _FILES, _BEST = "Machine", "Saves and samples", "The best save"

Batch = Annotated[int | None, flag("--batch", "Pictures a domain, step and process (default: the authors').", _MACHINE)]
Accumulate = Annotated[int | None, flag("--accumulate", "Batches that make one step (default: 1).", _MACHINE)]
Precision = Annotated[
    str | None, flag("--precision", "fp32, tf32, bf16 or fp16 (default: fp32).", _MACHINE, metavar="P")
]
Device = Annotated[str | None, flag("--device", "auto, cpu, cuda, cuda:1 or mps (default: auto).", _MACHINE)]
Workers = Annotated[int | None, flag("--workers", "Threads that decode pictures (default: 2).", _MACHINE)]
Compile = Annotated[bool | None, flag("--compile", "Compile the networks.", _MACHINE)]
Deterministic = Annotated[bool | None, flag("--deterministic", "Repeat bit for bit on a GPU, too.", _MACHINE)]

SaveEvery = Annotated[int | None, flag("--save-every", "Steps between saves.", _FILES)]
SampleEvery = Annotated[int | None, flag("--sample-every", "Steps between sample grids.", _FILES)]
Keep = Annotated[int | None, flag("--keep", "Saves kept beside the best, 0 for all (default: 3).", _FILES)]

Validate = Annotated[
    Path | None,
    flag("--validate", "Measure each save on the pictures of this folder; RUN/best is the best.", _BEST, metavar="DIR"),
]
Metric = Annotated[
    str | None,
    flag("--metric", "What says which is best: swd (default), or another of gantool eval.", _BEST, metavar="NAME"),
]
Patience = Annotated[
    int | None,
    flag("--patience", "Stop after N validations without a better save (default: 0, never).", _BEST, metavar="N"),
]
Inception = Annotated[
    Path | None, flag("--inception", "As of gantool eval, for kid, fid and others.", _BEST, metavar="FILE")
]
Lpips = Annotated[str | None, flag("--lpips", "As of gantool eval, for lpips.", _BEST, metavar="FILE,FILE")]
