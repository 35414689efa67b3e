"""Flags of `gantool train`: sweeps, pictures, the machine, what is saved, and how saves are measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from gantool.cli.common import flag

_RUN, _DATA, _MACHINE, _FILES, _BEST = "Run", "Pictures", "Machine", "Saves and samples", "The best save"

Sweep = Annotated[
    list[str] | None,
    flag("--sweep", "A run for each value, below -o; may be repeated: all combinations.", _RUN, metavar="KEY=V,V,..."),
]
Shard = Annotated[
    str | None, flag("--shard", "Of a sweep only the i-th of n parts, on this machine.", _RUN, metavar="I/N")
]

Size = Annotated[int | None, flag("--size", "Resize pictures to this (default: 286).", _DATA)]
Crop = Annotated[int | None, flag("--crop", "Side of the training crops (default: 256).", _DATA)]
Preprocess = Annotated[
    str | None,
    flag(
        "--preprocess",
        "resize_and_crop (default), crop, scale_width, scale_width_and_crop, shorter_side_and_crop,"
        " center_crop_and_resize, random_resized_crop or none.",
        _DATA,
        metavar="MODE",
    ),
]
Aligned = Annotated[
    str | None,
    flag("--aligned", "One folder of side-by-side pairs, A on the left or B.", _DATA, metavar="AB|BA"),
]

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
Track = Annotated[
    list[str] | None,
    flag("--track", "Tell tensorboard, trackio, wandb or mlflow as well; may be repeated.", _FILES, metavar="NAME"),
]

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
