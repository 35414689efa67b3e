"""From the words of a person to what will be translated, and where to: a plan. Imports no torch, touches nothing."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from gantool import direction, registry
from gantool.errors import DataError, UsageError, argument, command
from gantool.files import check_folder, check_writable
from gantool.films.names import check_installed
from gantool.inference.devices import PRECISIONS, PRECISIONS_TEXT, check_name
from gantool.inference.jobs import check_jobs
from gantool.inference.seeds import check_seed
from gantool.inference.styles import styles
from gantool.pictures.file import writable_format
from gantool.pictures.resize import LARGEST_SIDE
from gantool.pictures.results import Results
from gantool.runs.find import find_weights
from gantool.runs.header import read_facts
from gantool.spec import Direction, Facts, Kind, Pictures
from gantool.translation.earlier import Earlier, without_earlier
from gantool.translation.inputs import STREAM, Inputs, Source, find_inputs, of_kind
from gantool.translation.jobs import Job
from gantool.translation.naming import Naming
from gantool.translation.outputs import Outputs, find_outputs
from gantool.translation.standing import Before, Existing, refuse_strangers
from gantool.translation.unfit import UnfitError
from gantool.translation.variants import Variant, variants


@dataclass(frozen=True, kw_only=True)
class Request:
    """The words of a person, before anything is checked. The fields are arguments of `gantool.translate`."""

    model: str
    """A run folder, a weights file, or a model's name: its newest run below ./runs."""
    inputs: tuple[str, ...]
    """Pictures, films, folders, @LIST (a file with one path a line), or - (a picture on stdin)."""
    output: str | None = None
    """A file, a folder, or - for stdout; None beside the input, for one picture."""
    only_last_word: bool = False
    """Whether `output` is the last of several words, not named as the output: then no file is replaced there that
    gantool did not write."""
    to: str | None = None
    """Target domains: one, several with commas between, or "all"; None for the second of two."""
    style: str | None = None
    """random, mean, a picture, a folder of pictures, or codes in a .npy file."""
    n: int | None = None
    """Results a picture, each in its own style."""
    sync: bool = False
    """The same n random styles for all pictures."""
    interpolate: tuple[Path, Path] | None = None
    """n styles from that of the first picture to that of the second."""
    save_styles: bool = False
    """Write each result's code beside it, as .npy."""
    attention: Path | None = None
    """A folder for maps of where the networks look."""
    grid: bool = False
    """The output is one picture: inputs by styles and domains."""
    frames: bool = False
    """All frames of animations and all pages, each file in one style, as the same kind of file."""
    every: int = 1
    """Of films, take one frame of so many."""
    start: float | None = None
    """Of films, where to begin, in seconds."""
    stop: float | None = None
    """Of films, where to end, in seconds."""
    raw: tuple[int, int] | None = None
    """(width, height) of raw frames (rgb24) on stdin; the results go to stdout."""
    watch: bool = False
    """Go on with whatever arrives in the folders, until a signal comes."""
    size: tuple[int, int] | None = None
    """(width, height) to resize to before the network."""
    seed: int = 0
    """All random draws follow from it and the picture's path."""
    ext: str | None = None
    """The results' extension, or "same"."""
    suffix: str = ""
    """Put behind each name's stem."""
    quality: int = 95
    """Of jpg, webp and avif, 1 to 100."""
    existing: Existing | None = None
    """The policy for results that exist; None: "fail" for one picture, "skip" for folders and lists. "newer" replaces
    those that are older than their input or were made otherwise."""
    shard: tuple[int, int] = (1, 1)
    """(i, n): do the i-th of n parts."""
    device: str = "auto"
    precision: str = "fp32"
    batch: int | None = None
    """Pictures of one size that share a pass; None for the device's choice."""
    jobs: int | None = None
    """Processes of one thread each that share the work of a CPU; None for as many as the machine gains from."""
    memory: int | None = None
    """Bytes that pictures may take at one time; None for what is free."""
    max_pixels: int | None = None
    """Pixels that a picture may have; None for as many as Pillow allows."""
    nul: bool = False
    """Paths in lists end with NUL. Where a list has one, they do so anyway."""
    fail_fast: bool = False
    """Stop at the first picture that fails."""


_UNCHANGED = {one.name: one.default for one in dataclasses.fields(Request)}


@dataclass(frozen=True)
class Plan:
    """A translation, decided."""

    request: Request
    weights: Path
    facts: Facts
    directions: tuple[Direction, ...]
    variants: tuple[Variant, ...]
    """The results that every picture gets."""
    inputs: Inputs
    outputs: Outputs
    """Empty for a grid, which is one picture."""
    sheet_format: str | None = None
    """Pillow's name of the format of a grid."""
    earlier: Earlier = field(default_factory=Earlier)
    """What lies below the folders of inputs, and was translated before."""
    how: tuple[dict[str, str], ...] = ()
    """What decides what each variant's results look like, for the record."""

    @property
    def to_stdout(self) -> bool:
        """Whether results go to stdout."""
        return self.request.output == STREAM if self.request.grid else self.outputs.root is None

    @property
    def reads_stdin(self) -> bool:
        """Whether a picture comes from stdin."""
        if self.request.raw is not None:
            return True
        given = self.inputs.sources if self.request.grid else [job.source for job in self.outputs.jobs]
        return any(source.picture is None for source in given)


def plan(request: Request, read_stdin: Callable[[], bytes]) -> Plan:
    """`read_stdin` is called for a list on stdin. Raises UsageError, DataError or CheckpointError."""
    _check(request)
    Naming(request.ext, request.suffix, request.frames)  # raises what is wrong with them
    weights = find_weights(request.model, tuple(registry.plugins()))
    facts = read_facts(weights)
    refuse_samplers(facts, request.model)
    directions = tuple(direction.targets(facts, request.to))
    chosen = styles(request.style, request.n, request.interpolate, facts.code_size, facts.model)
    if "code" not in facts.can:
        if request.sync:
            raise UsageError(f"{facts.model} has no styles to keep in step: leave out {argument('sync')}")
        if request.save_styles:
            raise UsageError(f"{facts.model} has no styles to save: leave out {argument('save_styles')}")
    if request.attention is not None and request.frames:
        maps, frames = argument("attention"), argument("frames")
        raise UsageError(f"maps of attention are of single pictures: leave out {maps} or {frames}")
    if request.attention is not None and "attend" not in facts.can:
        raise UsageError(f"{facts.model} has no attention to show: leave out {argument('attention')}")
    results = variants(directions, chosen)
    how = tuple(_how(request, facts, result) for result in results)
    nothing = Plan(request, weights, facts, directions, results, Inputs([], single=True), Outputs([]), how=how)
    if request.raw is not None:
        _check_raw(nothing)
        return nothing
    if request.watch:
        _check_watch(request)
        return fitting(nothing)[0]
    return filled(nothing, read_stdin)


def fitting(given: Plan) -> tuple[Plan, dict[Source, str]]:
    """The same translation of folders with the inputs that are there now, but for those which make it impossible: of
    each what is wrong with it. Raises UsageError or DataError where it is not the inputs' fault.
    """
    unfit: dict[Source, str] = {}
    while True:
        try:
            return filled(given, bytes, without=unfit), unfit
        except UnfitError as error:
            if error.reasons.keys() <= unfit.keys():  # they are left out already: it would go on for ever
                raise
            unfit.update(error.reasons)


def filled(given: Plan, read_stdin: Callable[[], bytes], *, without: Collection[Source] = ()) -> Plan:
    """The same translation with the inputs that are there now, without some. Raises UsageError or DataError."""
    request, facts, directions = given.request, given.facts, given.directions
    named = request.output not in (None, STREAM)
    inputs = find_inputs(
        request.inputs,
        Path(str(request.output)) if named else None,
        read_stdin,
        nul=request.nul,
        demand=not request.watch,
    )
    inputs = replace(inputs, sources=[source for source in inputs.sources if source not in without])
    kind = facts.spec.kind(directions[0].source)
    inputs = of_kind(inputs, kind)
    made = Results()
    inputs, earlier = without_earlier(inputs, request.inputs, made)
    _check_films(request, inputs, kind)
    before = Before(made, given.how, only_last_word=request.only_last_word, maps=facts.maps)
    if request.grid:
        return replace(given, inputs=inputs, sheet_format=_sheet_format(request, before), earlier=earlier)
    naming = Naming(request.ext, request.suffix, request.frames)
    outputs = find_outputs(
        inputs,
        request.output,
        naming,
        existing=request.existing,
        shard=request.shard,
        variants=[result.suffix for result in given.variants],
        codes=request.save_styles,
        maps=request.attention,
        before=before,
    )
    if outputs.root is not None and (outputs.jobs or request.watch):
        check_folder(outputs.root)
    if request.attention is not None and outputs.jobs:
        check_folder(request.attention)
    return replace(given, inputs=inputs, outputs=outputs, earlier=earlier)


def refuse_samplers(facts: Facts, model: str) -> None:
    """Raises UsageError, which names the right verb, for weights that translate no pictures."""
    if "translate" not in facts.can:
        right = command("sample", {"output": "OUT"}, model=model)
        raise UsageError(f"{facts.model} makes pictures of noise, and translates none: {right}")


def _how(request: Request, facts: Facts, variant: Variant) -> dict[str, str]:
    style = variant.style
    given = {"model": facts.sha256[:16], "to": variant.direction.target, "size": str(request.size)}
    if style is not None:
        given["style"] = f"{style.kind} {style.number} {style.path} {style.other} {style.share:.6f} {request.sync}"
    if (request.every, request.start, request.stop) != (1, None, None):
        given["part of the film"] = f"{request.every} {request.start} {request.stop}"
    return {**given, "seed": str(request.seed)}


def _check_films(request: Request, inputs: Inputs, kind: Kind) -> None:
    """Raises UnfitError for films where none can be, and for pictures where something is asked for that is about films;
    UsageError where films cannot be read.
    """
    films = [source for source in inputs.sources if source.is_film]
    pictures = [source for source in inputs.sources if not source.is_film]
    about_films = [argument(name) for name in ("every", "start", "stop") if _given(request, name)]
    if about_films and pictures:
        wrong = f"is no film: leave out {' and '.join(about_films)}, or name films alone"
        raise UnfitError({source: f"{source.name} {wrong}" for source in pictures})
    if not films:
        return
    check_installed()
    wrong = "" if isinstance(kind, Pictures) else f", and {argument('model', request.model)} translates label maps"
    for name in ("attention", "grid"):
        if not wrong and _given(request, name):
            wrong = f": leave out {argument(name)}, which is for pictures"
    if wrong:
        raise UnfitError({source: f"{source.name} is a film{wrong}" for source in films})


def _check_raw(given: Plan) -> None:
    """Raises UsageError for what has no meaning for raw frames."""
    request, raw = given.request, argument("raw")
    if request.inputs != (STREAM,) or request.output not in (None, STREAM):
        raise UsageError(f"{raw} reads frames on stdin and writes them to stdout: the one word is -")
    for_files = (
        *("interpolate", "save_styles", "attention", "grid", "frames", "every", "start", "stop", "watch", "jobs"),
        *("ext", "suffix", "shard", "nul"),
    )
    wrong = [argument(name) for name in for_files if _given(request, name)]
    wrong += [] if request.existing is None else [argument("existing", request.existing)]
    if wrong:
        raise UsageError(f"{raw} is about frames in a pipe: leave out {', '.join(wrong)}")
    if len(given.variants) > 1:
        raise UsageError(f"{raw} has one result for a frame, not {len(given.variants)}")
    if not isinstance(given.facts.spec.kind(given.directions[0].source), Pictures):
        raise UsageError(f"{raw} is for pictures, and these weights translate label maps")


def _check_watch(request: Request) -> None:
    """Raises UsageError for what cannot be watched."""
    watch = argument("watch")
    other = next((word for word in request.inputs if not Path(word).is_dir()), None)
    if other is not None:
        raise UsageError(f"{watch} watches folders, and {other} is none")
    if request.output is None:
        raise UsageError(f"{watch} needs a folder for the results: name OUT last")
    real = [os.path.realpath(word) for word in request.inputs]
    if os.path.realpath(request.output) in real and (not request.suffix or len(real) > 1):
        raise UsageError(f"{watch} would meet its own results in {request.output}: name another folder for them")
    wrong = [argument(name) for name in ("grid", "jobs") if _given(request, name)]
    wrong += [argument("existing", "fail")] if request.existing == "fail" else []
    if wrong:
        raise UsageError(f"{watch} translates what arrives, one by one: leave out {wrong[0]}")


def _given(request: Request, name: str) -> bool:
    return bool(getattr(request, name) != _UNCHANGED[name])


def _check(request: Request) -> None:
    """Raises UsageError for a value that is none of those possible."""
    check_name(request.device)
    check_seed(request.seed)
    check_jobs(request.jobs, request.device)
    if request.jobs is not None and request.jobs > 1 and request.batch is not None and request.batch > 1:
        raise UsageError(
            f"{argument('batch')} is for pictures that share a pass, in one process: leave out it or {argument('jobs')}"
        )
    i, n = request.shard
    size = request.size or (1, 1)
    rules = {
        "precision": (request.precision in PRECISIONS, PRECISIONS_TEXT),
        "existing": (request.existing in (None, *get_args(Existing)), " or ".join(get_args(Existing))),
        "size": (all(1 <= side <= LARGEST_SIDE for side in size), f"(width, height), 1 to {LARGEST_SIDE} pixels each"),
        "quality": (1 <= request.quality <= 100, "1 to 100"),
        "shard": (1 <= i <= n, "(i, n) with i from 1 to n"),
        "every": (request.every >= 1, "at least 1"),
        "start": (request.start is None or request.start >= 0, "seconds, 0 or more"),
        "stop": (request.stop is None or request.stop > (request.start or 0), "later than the start"),
        "raw": (request.raw is None or all(1 <= side <= LARGEST_SIDE for side in request.raw), "(width, height)"),
        "batch": (request.batch is None or request.batch >= 1, "at least 1"),
        "max_pixels": (request.max_pixels is None or request.max_pixels >= 1, "at least 1"),
    }
    for name, (fits, possible) in rules.items():
        if not fits:
            raise UsageError(f"{argument(name)} is {possible}, not {getattr(request, name)}")


def _sheet_format(request: Request, before: Before) -> str:
    """The format of a grid. Raises UsageError for arguments that say nothing for it, and where OUT does not fit."""
    for_files = ("frames", "save_styles", "attention", "shard", "ext", "suffix", "batch", "jobs")
    given = [argument(name) for name in for_files if _given(request, name)]
    if request.existing in ("skip", "newer"):
        given.append(argument("existing", request.existing))
    if given:
        raise UsageError(f"{argument('grid')} makes one picture, by itself: leave out {', '.join(given)}")
    out = request.output
    if out is None or (out != STREAM and (not Path(out).suffix or Path(out).is_dir())):
        raise UsageError(f"{argument('grid')} makes one picture: name it, such as grid.png")
    if out != STREAM and Path(out).exists():
        refuse_strangers([Job(Source(None, ""), Path(out), "", may_change=False)], before)
    if out != STREAM and Path(out).exists() and request.existing != "overwrite":
        raise UsageError(f"{out} exists already: {argument('existing', 'overwrite')} replaces it")
    if out != STREAM:
        check_writable(Path(out))
    try:
        return "PNG" if out == STREAM else writable_format(Path(out).suffix)
    except DataError as error:
        raise UsageError(f"{out}: {error.text}") from None
