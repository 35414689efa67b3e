"""The way from one picture to another, and on to the next: in files, in a film, or in rows of one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantool.errors import UsageError, argument
from gantool.inference.sampler import slerp
from gantool.pictures.file import Array, encode, to_uint8
from gantool.pictures.frames import Animation, encode_frames
from gantool.pictures.results import Recorder
from gantool.report.console import Console
from gantool.report.grids import grid
from gantool.report.progress import files_progress
from gantool.sampling.asked import FILMS, WayPlan, outs
from gantool.sampling.making import Inputs
from gantool.sampling.places import is_folder, put_one
from gantool.sampling.session import ready_sampler
from gantool.translation.outbox import Outbox

FRAME = 60
"""Milliseconds that a frame of a film is shown."""


def interpolate(plan: WayPlan, console: Console, write_stdout: Callable[[bytes], object]) -> None:
    """Makes the pictures of a way: all into a folder, or as a film or as rows of one picture into a file.

    Raises UsageError, DataError and OutOfMemoryError.
    """
    request, way = plan.request, plan.way
    sampler = ready_sampler(plan.weights, request.device, request.precision, console)
    labels: Tensor | None = None
    if way.pictures:
        codes = torch.cat([sampler.invert(sampler.own_picture(path)) for path in way.pictures])
    else:
        codes, labels = Inputs(request, plan.pieces, plan.facts, sampler).points(plan.pieces)
    if codes.dim() == 3 and way.space == "z":
        raise UsageError(
            f"{request.code} holds styles, between which no latents are: leave out {argument('space', 'z')}"
        )
    if plan.in_styles and codes.dim() == 2:
        codes, labels = sampler.styles(codes, labels, request.truncation), None

    with files_progress(console, plan.count) as bar:

        def frames() -> Iterator[Array]:
            points = between(codes, labels, way.steps)
            while part := list(islice(points, sampler.together)):
                at = torch.cat([code for code, _ in part])
                told = None if labels is None else torch.cat([label for _, label in part if label is not None])
                for made in sampler.of_styles(at) if at.dim() == 3 else sampler.pictures(at, told, request.truncation):
                    bar.advance()
                    yield to_uint8(made)

        if is_folder(request.output):
            _put_frames(frames(), plan)
            console.note(f"{plan.count} written to {request.output}")
            return
        made = list(frames())
    suffix = Path(request.output).suffix.lower()
    if suffix in FILMS:
        data = encode_frames([(frame, None) for frame in made], plan.format, Animation((), (FRAME,) * plan.count, 0))
    else:
        rows = [made[first : first + way.steps + 1] for first in range(0, plan.count - 1, way.steps)]
        data = encode(np.asarray(grid(rows)), plan.format, quality=request.quality)
    put_one(data, request.output, console, write_stdout)


def between(codes: Tensor, labels: Tensor | None, steps: int) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Every point of a way from code to code (latents (N, L), or styles (N, layers, numbers)) with its label: the
    codes themselves and, between two of them, `steps` - 1 more.
    """
    last = len(codes) - 1
    for number in range(last * steps + 1):
        start = min(number // steps, last - 1)
        share = number / steps - start
        one, other = codes[start : start + 1], codes[start + 1 : start + 2]
        label = None if labels is None else torch.lerp(labels[start : start + 1], labels[start + 1 : start + 2], share)
        if share in (0, 1):  # to the bit
            yield (other if share else one), label
        else:
            yield slerp(one, other, share) if codes.dim() == 2 else torch.lerp(one, other, share), label


def _put_frames(frames: Iterator[Array], plan: WayPlan) -> None:
    request, root = plan.request, Path(plan.request.output)
    with Outbox(root) as outbox, closing(Recorder(root)) as recorder:
        for out, frame in zip(outs(root, plan.count, request), frames, strict=True):
            data = encode(frame, plan.format, quality=request.quality)
            outbox.write(out, data)
            recorder.note_other(out, data)
