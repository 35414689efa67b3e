"""What is asked of ways between pictures, of mixtures and of projections, checked and decided. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gantool.errors import DataError, UsageError, argument
from gantool.files import check_folder, missing
from gantool.films.names import is_film_name
from gantool.runs.header import read_facts
from gantool.sampling.places import check_one, check_several, format_of, is_folder
from gantool.sampling.request import (
    MOST_CELLS,
    Piece,
    Request,
    check,
    check_truncation,
    pieces_of,
    refuse_translators,
)
from gantool.sampling.seeds import MOST, check_seed, parse_seeds
from gantool.sampling.told import Told, what_is_told
from gantool.spec import Facts
from gantool.translation.inputs import STREAM
from gantool.translation.naming import FALLBACK, checked_format

STEPS = 8
"""From one point to the next, unless a person says otherwise."""
FILMS = {".gif": "GIF", ".webp": "WEBP", ".apng": "PNG"}
"""Extensions of films, and Pillow's names of their formats."""
SPACES = ("z", "w")
PROJECTION_STEPS = 1000
"""Of the search for a latent, unless a person says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """What a person asks for beside the points, which a `Request` names."""

    pictures: tuple[Path, ...] = ()
    """Pictures to go between, in place of seeds."""
    steps: int = STEPS
    """From one point to the next."""
    space: str | None = None
    """"z": along arcs between latents; "w": along lines between styles. None for w where the model has styles."""


@dataclass(frozen=True)
class WayPlan:
    """A way between pictures, decided."""

    request: Request
    way: Way
    weights: Path
    facts: Facts
    pieces: tuple[Piece, ...]
    """The points, where they are no pictures."""
    in_styles: bool
    """Whether it leads through styles."""
    count: int
    """Pictures on it."""
    format: str
    """Pillow's name of what is written."""


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """What a person asks for beside the model and the output, which a `Request` names."""

    rows: str
    """Seeds whose pictures begin the rows."""
    columns: str
    """Seeds whose pictures head the columns."""
    layers: str | None = None
    """Layers whose styles are the columns', as "0-6"; None for the coarser half."""


@dataclass(frozen=True)
class MixturePlan:
    """A mixture, decided."""

    request: Request
    weights: Path
    facts: Facts
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    layers: str | None
    format: str
    """Pillow's name of what is written."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a person asks for beside the model and the output, which a `Request` names."""

    picture: Path
    steps: int = PROJECTION_STEPS


@dataclass(frozen=True)
class ProjectionPlan:
    """A projection, decided."""

    request: Request
    wanted: Wanted
    weights: Path
    facts: Facts
    told: Told
    """What the picture is to show."""
    out: Path


def plan_way(request: Request, way: Way, weights: Path) -> WayPlan:
    """Raises UsageError, DataError and CheckpointError."""
    facts = _facts(request, weights)
    check_truncation(facts, request.truncation)
    in_styles = _in_styles(way, facts, request)
    _check_pictures(way.pictures)
    pieces = () if way.pictures else tuple(pieces_of(request, facts))
    points = len(way.pictures or pieces)
    if points < 2:
        raise UsageError(f"an interpolation goes from one point to another: {argument('seeds', '3,7')} are two")
    if not 1 <= way.steps <= MOST // (points - 1):
        raise UsageError(f"{argument('steps')} is 1 to {MOST // (points - 1):,} for {points} points, not {way.steps}")
    format = _checked_place(request, points, way.steps)
    return WayPlan(request, way, weights, facts, pieces, in_styles, (points - 1) * way.steps + 1, format)


def plan_mixture(request: Request, mixture: Mixture, weights: Path) -> MixturePlan:
    """Raises UsageError, DataError and CheckpointError."""
    facts = _facts(request, weights)
    if "mix" not in facts.can:
        raise UsageError(f"{facts.model} has no styles to mix: StyleGAN has")
    rows, columns = (parse_seeds(getattr(mixture, name), name) for name in ("rows", "columns"))
    if max(len(rows), len(columns)) >= MOST_CELLS:
        raise UsageError(
            f"a picture has fewer than {MOST_CELLS} rows and columns of seeds, not {len(rows)} and {len(columns)}"
        )
    if is_folder(request.output):
        raise UsageError(
            f"a mixture is one picture, not a folder: name a file, such as {Path(request.output, 'mix.png')}"
        )
    format = "PNG" if request.output == STREAM else format_of(request.output)
    check_one(request.output, request.existing, by_name=request.by_name)
    return MixturePlan(request, weights, facts, rows, columns, mixture.layers, format)


def plan_projection(request: Request, wanted: Wanted, weights: Path) -> ProjectionPlan:
    """Raises UsageError, DataError and CheckpointError."""
    facts = _facts(request, weights)
    out = Path(request.output)
    if out.suffix.lower() != ".npz":
        raise UsageError(f"a latent goes into a .npz file, not {out}")
    if wanted.steps < 1:
        raise UsageError(f"{argument('steps')} is at least 1, not {wanted.steps}")
    check_seed(request.seed)
    for path in (out, out.with_suffix(".png")):
        check_one(str(path), request.existing, by_name=request.by_name)
    told = what_is_told(facts, request.to, request.text, request.text_file, request.vectors)
    if facts.told == "class" and (len(told) > 1 or told[0].kind == "classes"):
        raise UsageError(f"a picture is of one class: say with {argument('to')} of which")
    if len(told) > 1 or told[0].kind == "vector":
        raise UsageError(f"a picture is described by one text: {argument('text')} is it")
    _check_pictures([wanted.picture])
    return ProjectionPlan(request, wanted, weights, facts, told[0], out)


def _facts(request: Request, weights: Path) -> Facts:
    """Of weights that make pictures. Raises UsageError, DataError and CheckpointError."""
    check(request)
    facts = read_facts(weights)
    refuse_translators(facts, request.model)
    return facts


def _check_pictures(pictures: Sequence[Path]) -> None:
    for path in pictures:
        if path.is_dir():
            raise DataError(f"{path} is a folder: name a picture")
        if not path.exists():
            raise missing(path)


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
        check_several(outs(Path(out), (points - 1) * steps + 1, request), request.existing, by_name=request.by_name)
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


def outs(root: Path, count: int, request: Request) -> list[Path]:
    """The files of a way that is written into a folder."""
    extension = (request.ext or FALLBACK).removeprefix(".")
    return [root / f"{number:04d}.{extension}" for number in range(count)]
