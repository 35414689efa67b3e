"""The way from one picture to another, and on to the next: in files, in a film, or in rows of one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantool.errors import UsageError, argument
from gantool.files import check_folder
from gantool.films.names import is_film_name
from gantool.inference.sampler import slerp
from gantool.pictures.file import Array, encode, to_uint8
from gantool.pictures.frames import Animation, encode_frames
from gantool.pictures.results import Recorder
from gantool.report.console import Console
from gantool.report.grids import grid
from gantool.report.progress import files_progress
from gantool.runs.header import read_facts
from gantool.sampling.making import Inputs
from gantool.sampling.places import check_one, check_several, format_of, is_folder, put_one
from gantool.sampling.request import MOST_CELLS, Request, check, check_truncation, pieces_of, refuse_translators
from gantool.sampling.seeds import MOST
from gantool.sampling.session import ready_sampler
from gantool.spec import Facts
from gantool.translation.inputs import STREAM
from gantool.translation.naming import FALLBACK, checked_format
from gantool.translation.outbox import Outbox

STEPS = 8
"""From one point to the next, unless a person says otherwise."""
FILMS = {".gif": "GIF", ".webp": "WEBP", ".apng": "PNG"}
"""Extensions of films, and Pillow's names of their formats."""
FRAME = 60
"""Milliseconds that a frame of a film is shown."""
SPACES = ("z", "w")


@dataclass(frozen=True, kw_only=True)
class Way:
    """What a person asks for beside the points, which a `Request` names."""

    pictures: tuple[Path, ...] = ()
    """Pictures to go between, in place of seeds."""
    steps: int = STEPS
    """From one point to the next."""
    space: str | None = None
    """"z": along arcs between latents; "w": along lines between styles. None for w where the model has styles."""


def interpolate(
    request: Request, way: Way, weights: Path, console: Console, write_stdout: Callable[[bytes], object]
) -> None:
    """Makes the pictures of a way: all into a folder, or as a film or as rows of one picture into a file.

    Raises UsageError, DataError and OutOfMemoryError.
    """
    check(request)
    facts = read_facts(weights)
    refuse_translators(facts, request.model)
    check_truncation(facts, request.truncation)
    in_styles = _in_styles(way, facts, request)
    pieces = () if way.pictures else pieces_of(request, facts)
    points = len(way.pictures or pieces)
    if points < 2:
        raise UsageError(f"an interpolation goes from one point to another: {argument('seeds', '3,7')} are two")
    if not 1 <= way.steps <= MOST // (points - 1):
        raise UsageError(f"{argument('steps')} is 1 to {MOST // (points - 1):,} for {points} points, not {way.steps}")
    count = (points - 1) * way.steps + 1
    format = _checked_place(request, points, way.steps)
    sampler = ready_sampler(weights, request.device, request.precision, console)
    labels: Tensor | None = None
    if way.pictures:
        codes = torch.cat([sampler.invert(sampler.own_picture(path)) for path in way.pictures])
    else:
        codes, labels = Inputs(request, pieces, facts, sampler).points(pieces)
    if codes.dim() == 3 and way.space == "z":
        raise UsageError(
            f"{request.code} holds styles, between which no latents are: leave out {argument('space', 'z')}"
        )
    if in_styles and codes.dim() == 2:
        codes, labels = sampler.styles(codes, labels, request.truncation), None

    with files_progress(console, count) as bar:

        def frames() -> Iterator[Array]:
            points = between(codes, labels, way.steps)
            while part := list(islice(points, sampler.together)):
                at = torch.cat([code for code, _ in part])
                told = None if labels is None else torch.cat([label for _, label in part if label is not None])
                for made in sampler.of_styles(at) if at.dim() == 3 else sampler.pictures(at, told, request.truncation):
                    bar.advance()
                    yield to_uint8(made)

        if is_folder(request.output):
            _put_frames(frames(), Path(request.output), count, request, format)
            console.note(f"{count} written to {request.output}")
            return
        made = list(frames())
    suffix = Path(request.output).suffix.lower()
    if suffix in FILMS:
        data = encode_frames([(frame, None) for frame in made], format, Animation((), (FRAME,) * count, 0))
    else:
        rows = [made[first : first + way.steps + 1] for first in range(0, count - 1, way.steps)]
        data = encode(np.asarray(grid(rows)), format, quality=request.quality)
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


def _in_styles(way: Way, facts: Facts, request: Request) -> bool:
    """Whether the way leads through styles. Raises UsageError for what the model has not."""
    if way.space not in (None, *SPACES):
        raise UsageError(f"{argument('space')} is {' or '.join(SPACES)}, not {way.space}")
    if way.space == "w" and "mix" not in facts.can:
        raise UsageError(f"{facts.model} has no styles: leave out {argument('space')}")
    if way.pictures and "invert" not in facts.can:
        raise UsageError(f"{facts.model} finds no latent of a picture: name seeds ({argument('seeds', '3,7')})")
    for name in ("seeds", "code", "to", "text", "text_file", "vectors"):
        if way.pictures and getattr(request, name) not in (None, ()):
            raise UsageError(f"the pictures are the points: leave out {argument(name)}")
    return way.space != "z" and "mix" in facts.can


def _checked_place(request: Request, points: int, steps: int) -> str:
    """Pillow's name of the format to write. Raises UsageError and DataError where the output does not do."""
    out = request.output
    if is_folder(out):
        format = checked_format(request.ext or FALLBACK, argument("ext"))
        check_folder(Path(out))
        check_several(_outs(Path(out), (points - 1) * steps + 1, request), request.existing, by_name=request.by_name)
        return format
    format = _format_of(out, request.ext)
    check_one(out, request.existing, by_name=request.by_name)
    if Path(out).suffix.lower() not in FILMS and max(steps + 1, points - 1) > MOST_CELLS:
        raise UsageError(
            f"a picture has at most {MOST_CELLS} columns and rows, not {steps + 1} and {points - 1}: name a folder"
        )
    return format


def _format_of(out: str, ext: str | None) -> str:
    """Pillow's name of the format of a file, or of stdout. Raises UsageError."""
    if out == STREAM:
        return checked_format(ext or FALLBACK, argument("ext"))
    if ext is not None:
        raise UsageError(f"{out} names the file already: leave out {argument('ext')}")
    if film := FILMS.get(Path(out).suffix.lower()):
        return film
    if is_film_name(out):
        raise UsageError(f"{out}: a way becomes a film as {', '.join(FILMS)}, or its pictures go into a folder")
    return format_of(out)


def _outs(root: Path, count: int, request: Request) -> list[Path]:
    extension = (request.ext or FALLBACK).removeprefix(".")
    return [root / f"{number:04d}.{extension}" for number in range(count)]


def _put_frames(frames: Iterator[Array], root: Path, count: int, request: Request, format: str) -> None:
    with Outbox(root) as outbox, closing(Recorder(root)) as recorder:
        for out, frame in zip(_outs(root, count, request), frames, strict=True):
            data = encode(frame, format, quality=request.quality)
            outbox.write(out, data)
            recorder.note_other(out, data)
