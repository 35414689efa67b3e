"""From the words of a person to the pictures that will be made, and where to: a plan. Imports no torch."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from gantool import registry
from gantool.errors import UsageError, argument, command
from gantool.files import check_folder
from gantool.inference.devices import PRECISIONS, PRECISIONS_TEXT, check_name
from gantool.inference.jobs import check_jobs
from gantool.pictures.results import Results
from gantool.runs.find import find_weights
from gantool.runs.header import read_facts
from gantool.sampling.places import check_one, format_of, is_folder
from gantool.sampling.seeds import check_seed, count_on, parse_seeds
from gantool.sampling.told import Told, what_is_told
from gantool.sampling.vectors import codes_in
from gantool.spec import Facts
from gantool.translation.inputs import STREAM, Source
from gantool.translation.jobs import Job
from gantool.translation.naming import FALLBACK, checked_format
from gantool.translation.standing import Before, Existing, refuse_existing, refuse_strangers, sorted_out

MOST_CELLS = 1000
"""Columns of one picture, and rows of it, at most."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The words of a person, before anything is checked. The fields are arguments of `gantool.sample`."""

    model: str
    """A run folder, a weights file, or a model's name: its newest run below ./runs."""
    output: str
    """A folder, a file for one picture or a grid, or - for stdout."""
    by_name: bool = True
    """Whether `output` is named as the output; if it is the last word, no file is replaced there that gantool did not
    write."""
    n: int | None = None
    """Pictures: of the seeds from `seed` on."""
    seed: int = 0
    seeds: str | None = None
    """Those to make instead, as "0-7,85"."""
    to: str | None = None
    """Classes: one, several with commas between, or "all"; None for all in turns."""
    text: tuple[str, ...] = ()
    """What the pictures show, in words."""
    text_file: Path | None = None
    """The same, a line each."""
    vectors: Path | None = None
    """The same, as vectors of the kind that the model was trained on (.npy, .npz, .csv)."""
    code: Path | None = None
    """Latents or styles in place of seeds (.npy, .npz)."""
    truncation: float = 1.0
    """0 to 1: less variety for better pictures. 1 is off."""
    grid: tuple[int, int] | None = None
    """(columns, rows): all pictures in one."""
    ext: str | None = None
    """The pictures' extension; None for png."""
    quality: int = 95
    """Of jpg, webp and avif, 1 to 100."""
    existing: Existing | None = None
    """The policy for files that exist; None: "fail" for one file, "skip" for folders."""
    device: str = "auto"
    jobs: int | None = None
    """Processes of one thread each that share the work of a CPU; None for as many as the machine gains from."""
    precision: str = "fp32"


@dataclass(frozen=True)
class Piece:
    """One picture to make."""

    told: Told
    seed: int | None
    """Of its latent; None where a code is given."""
    row: int = 0
    """Of the file of codes."""

    @property
    def name(self) -> str:
        """Its name, without an extension, below the folder of pictures."""
        own = f"code{self.row:04d}" if self.seed is None else f"seed{self.seed:04d}"
        return f"{self.told.folder}/{own}" if self.told.folder else own


@dataclass(frozen=True)
class Plan:
    """Pictures to make, decided."""

    request: Request
    weights: Path
    facts: Facts
    pieces: tuple[Piece, ...]
    """All, in their order."""
    jobs: tuple[Job, ...] = ()
    """The files to write; the variant of each is the place of its piece. None for a grid, which is one picture."""
    skipped: tuple[Job, ...] = ()
    """Those that are there."""
    stale: Counter[str] = field(default_factory=Counter)
    """How many of these were made by "another model" and the like."""
    how: tuple[dict[str, str], ...] = ()
    """What decides what each piece looks like, for the record."""
    root: Path | None = None
    """The folder that pictures are written to or below; None for stdout."""
    grid_format: str = ""
    """Pillow's name of the format of a grid."""

    @property
    def to_stdout(self) -> bool:
        """Whether the picture goes to stdout."""
        return self.request.output == STREAM

    @property
    def single(self) -> bool:
        """Whether one file is named, not a folder."""
        return self.request.grid is not None or not is_folder(self.request.output)


def plan(request: Request) -> Plan:
    """Raises UsageError, DataError or CheckpointError."""
    check(request)
    weights = find_weights(request.model, tuple(registry.plugins()))
    facts = read_facts(weights)
    refuse_translators(facts, request.model)
    pieces = pieces_of(request, facts)
    if request.grid is None:  # a seed that is named twice is one picture
        pieces = tuple(dict.fromkeys(pieces))
    files = {name: _content(getattr(request, name)) for name in ("code", "vectors")}
    how = tuple(_how(request, facts, piece, files) for piece in pieces)
    before = Before(Results(), how, only_last_word=not request.by_name)
    if request.grid is not None:
        return _grid(request, weights, facts, pieces, how)
    out = request.output
    if not is_folder(out):
        if len(pieces) > 1:
            raise UsageError(
                f"{len(pieces)} pictures do not go into {'stdout' if out == STREAM else out}: name a folder, or take"
                f" {argument('grid')}"
            )
        if request.ext is not None and out != STREAM:
            raise UsageError(f"{out} names the file already: {argument('ext')} is for folders")
        format = checked_format(request.ext or FALLBACK, argument("ext")) if out == STREAM else format_of(out)
        jobs = [Job(Source(None, ""), None if out == STREAM else Path(out), format, may_change=False)]
    else:
        extension = (request.ext or FALLBACK).removeprefix(".")
        format = checked_format(extension, argument("ext"))
        jobs = [
            Job(Source(None, piece.name), Path(out, f"{piece.name}.{extension}"), format, False, variant=place)
            for place, piece in enumerate(pieces)
        ]
    if out == STREAM:
        return Plan(request, weights, facts, pieces, tuple(jobs), how=how)
    policy = request.existing or ("skip" if is_folder(out) else "fail")
    if policy == "fail":
        refuse_existing(jobs, before)
    todo, skipped, stale = sorted_out(jobs, policy, before)
    refuse_strangers([job for job in todo if job.replaces], before)
    root = Path(out) if is_folder(out) else Path(out).parent
    if todo:
        check_folder(root)
    return Plan(request, weights, facts, pieces, tuple(todo), tuple(skipped), stale, how, root)


def refuse_translators(facts: Facts, model: str) -> None:
    """Raises UsageError, which names the right verb, for weights that make no pictures of noise."""
    if "sample" not in facts.can:
        right = command("translate", {"inputs": "IN", "output": "OUT"}, model=model)
        raise UsageError(f"{facts.model} makes pictures of pictures: {right}")


def check_truncation(facts: Facts, truncation: float) -> None:
    """Raises UsageError for one that is none, or of a model without."""
    if not 0 <= truncation <= 1:
        raise UsageError(f"{argument('truncation')} is 0 to 1, not {truncation}")
    if truncation != 1 and not facts.truncates:
        raise UsageError(f"{facts.model} has no truncation: leave out {argument('truncation')}")


def pieces_of(request: Request, facts: Facts) -> tuple[Piece, ...]:
    """The pictures that are asked for. Raises UsageError, and DataError for files that are not what they should be."""
    check_truncation(facts, request.truncation)
    check_seed(request.seed)
    told = what_is_told(facts, request.to, request.text, request.text_file, request.vectors)
    if request.seed and request.seeds is not None:
        raise UsageError(f"{argument('seeds')} names the seeds: leave out {argument('seed')}")
    if request.code is not None:
        given = [argument(name) for name in ("n", "seeds") if getattr(request, name) is not None]
        if given:
            raise UsageError(f"{argument('code')} brings its own latents: leave out {', '.join(given)}")
        codes = codes_in(request.code, facts)
        if codes.styles and (request.to or request.text or request.text_file or request.vectors):
            raise UsageError(f"{request.code} holds styles, which say what a picture shows: name nothing else")
        if codes.styles and request.truncation != 1:
            raise UsageError(
                f"{request.code} holds styles, which are truncated already: leave out {argument('truncation')}"
            )
        rows = range(codes.rows)
        return tuple(Piece(one.of(row), None, row) for one in told for row in rows)
    if request.seeds is not None:
        if request.n is not None:
            raise UsageError(f"{argument('seeds')} says how many pictures: leave out {argument('n')}")
        seeds = parse_seeds(request.seeds)
    else:
        cells = math.prod(request.grid or (1, 1))
        each = -(-cells // len(told))
        seeds = count_on(request.seed, each if request.n is None else request.n)
    return tuple(Piece(one.of(seed), seed) for one in told for seed in seeds)


def _how(request: Request, facts: Facts, piece: Piece, files: Mapping[str, str]) -> dict[str, str]:
    given = {"model": facts.sha256[:16], "truncation": f"{request.truncation:g}"}
    if piece.told.kind == "vector":
        given["vector"] = f"{files['vectors']} {piece.told.number}"
    elif piece.told.words:
        given[piece.told.kind] = piece.told.words
    if piece.seed is None:
        given["code"] = f"{files['code']} {piece.row}"
    else:
        given["seed"] = str(piece.seed)
    return given


def _content(file: Path | None) -> str:
    """A file by its content."""
    return "" if file is None else hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _grid(
    request: Request, weights: Path, facts: Facts, pieces: tuple[Piece, ...], how: tuple[dict[str, str], ...]
) -> Plan:
    assert request.grid is not None
    columns, rows = request.grid
    if len(pieces) > columns * rows:
        raise UsageError(f"{len(pieces)} pictures do not fit into a grid of {columns}x{rows}")
    if request.ext is not None and request.output != STREAM:
        raise UsageError(f"{request.output} names the file already: leave out {argument('ext')}")
    if request.output == STREAM:
        format = checked_format(request.ext or FALLBACK, argument("ext"))
        return Plan(request, weights, facts, pieces, how=how, grid_format=format)
    out = Path(request.output)
    if out.is_dir() or not out.suffix:
        raise UsageError(f"{argument('grid')} makes one picture: name it, such as grid.png")
    check_one(request.output, request.existing, by_name=request.by_name)
    return Plan(request, weights, facts, pieces, how=how, root=out.parent, grid_format=format_of(request.output))


def check(request: Request) -> None:
    """Raises UsageError for a value that is none of those possible."""
    check_name(request.device)
    check_jobs(request.jobs, request.device)
    if request.jobs is not None and request.grid is not None:
        raise UsageError(f"{argument('grid')} makes one picture, by itself: leave out {argument('jobs')}")
    grid = request.grid or (1, 1)
    rules = {
        "precision": (request.precision in PRECISIONS, PRECISIONS_TEXT),
        "existing": (request.existing in (None, *get_args(Existing)), " or ".join(get_args(Existing))),
        "quality": (1 <= request.quality <= 100, "1 to 100"),
        "grid": (all(1 <= side <= MOST_CELLS for side in grid), f"(columns, rows), 1 to {MOST_CELLS} each"),
    }
    for name, (fits, possible) in rules.items():
        if not fits:
            raise UsageError(f"{argument(name)} is {possible}, not {getattr(request, name)}")
