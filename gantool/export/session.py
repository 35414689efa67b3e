"""A whole export: from a weights file to a file that other programs run, checked before it is written."""

from __future__ import annotations

import importlib.util
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantool import direction
from gantool.errors import CheckpointError, DataError, GantoolError, UsageError, argument
from gantool.files import check_writable, reason, write_atomically
from gantool.pictures.results import Recorder, Results
from gantool.runs.header import read_facts
from gantool.schema import first_line
from gantool.spec import Direction, Facts

if TYPE_CHECKING:
    from gantool.capabilities import Graph
    from gantool.model import Model

ONNX = ("onnx", "onnxscript", "onnxruntime")
"""The packages that an export to ONNX needs."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The words of a person, before anything is checked."""

    weights: Path
    out: Path
    """NAME.onnx or NAME.pt2."""
    to: str | None = None
    """Target domain; None for the second one."""
    part: str | None = None
    """A network of the model to write instead of the whole."""
    image_io: bool = False
    """Pixels in and out, uint8 (N, H, W, C), instead of float32 (N, C, H, W) in [-1, 1]."""
    overwrite: bool = False
    verbose: bool = False
    """Let the exporter's own words through."""


@dataclass(frozen=True)
class Plan:
    """An export, decided."""

    request: Request
    format: str
    """onnx or pt2."""
    facts: Facts
    direction: Direction | None
    """None for a part, and for pictures of noise."""


@dataclass(frozen=True)
class Report:
    """The file that was written, and how it was checked."""

    path: Path
    format: str
    """onnx or pt2."""
    source: str | None
    target: str | None
    """Of the translation; where the target is an input an example. None for a part."""
    part: str | None
    """The network that was exported by itself, None for the translation."""
    inputs: dict[str, str]
    """By name: type and shape, such as "uint8 (N, H, W, 3) in [0, 255]"."""
    outputs: dict[str, str]
    sizes: dict[str, int]
    """The rule for height and width of the pictures: `multiple` (they divide by it) and `minimum`, or `exact`. Nothing
    for a part."""
    compared: tuple[tuple[int, ...], ...]
    """(N, H, W), for a part (N,), for which the file was run and compared with the model."""
    difference: float
    """The largest difference, of pictures in [-1, 1]; with `image_io` beyond what rounding to 8 bits explains."""
    bytes: int
    """Size of the file."""


def plan(request: Request) -> Plan:
    """Raises UsageError (file name, domain, missing packages), CheckpointError and DataError. Imports no torch."""
    format = _format(request.out)
    if request.part is not None and (request.to is not None or request.image_io):
        without = f"{argument('to')} and {argument('image_io')}"
        raise UsageError(f"{argument('part')} is one network, not the whole model: leave out {without}")
    if request.out.exists() and not request.overwrite:
        raise UsageError(f"{request.out} exists already: {argument('overwrite')} replaces it")
    check_writable(request.out)
    if Results().strangers([request.out]):
        raise UsageError(f"{request.out} exists, and gantool did not write it: remove it, or name another file")
    facts = read_facts(request.weights)
    if request.part is not None or "translate" not in facts.can:
        if request.to is not None:
            raise UsageError(f"the label is an input of the file: leave out {argument('to')}")
        return Plan(request, format, facts, None)
    to = request.to
    if to is None and not facts.can & {"code", "condition"}:  # with either, one file has all targets
        direction.require_named(facts)
    if to is None and facts.spec.attributes and not facts.directions:
        to = ",".join(facts.spec.domains[:2])  # an example: the target is an input
    return Plan(request, format, facts, direction.resolve(facts, to))


def start(plan: Plan) -> Report:
    """Writes the file, with free N, H and W, after it was run and compared with the model at three sizes.

    Whatever fails, nothing is left behind. Raises CheckpointError (the model cannot be exported, or the file disagrees
    with it) and DataError (the disk refuses).
    """
    from gantool.export import check, files, graphs
    from gantool.export.translation import Translation
    from gantool.runs.checkpoint import load_model

    request, facts = plan.request, plan.facts
    model = load_model(request.weights)[1].requires_grad_(False)
    if plan.direction is None:
        graph = _graph(model, facts, request.part)
        notes = files.graph_notes(facts, model.paper, request.part, graph, request.image_io)
        cases = check.graph_cases(graph, request.image_io)
        capture = partial(graphs.capture_graph, graph, request.image_io)
    else:
        translation = Translation(model, facts, plan.direction)
        notes = files.notes(translation, request.image_io)
        cases = check.cases(translation, request.image_io)
        capture = partial(graphs.capture, translation, request.image_io)
    write, read = files.FORMATS[plan.format]
    with graphs.quiet(request.verbose):
        try:
            data = write(capture(), notes, request.verbose)
            translate = read(data)
        except (MemoryError, GantoolError):
            raise
        except Exception as error:
            first = first_line(error)
            raise CheckpointError(f"{facts.model} cannot be exported as {plan.format}: {first}") from error
        differences = check.compare(translate, cases)
    out = request.out
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot write {out}: {reason(error, out.parent)}") from error
    write_atomically(out, data)
    with closing(Recorder(out.parent)) as recorder:
        recorder.note_other(out, data)
    source, target = plan.direction or (None, None)
    return Report(
        path=out,
        format=plan.format,
        source=source,
        target=target,
        part=request.part,
        inputs=notes["inputs"],
        outputs=notes["outputs"],
        sizes=notes["sizes"],
        compared=tuple(differences),
        difference=max(differences.values()),
        bytes=len(data),
    )


def _graph(model: Model[Any], facts: Facts, part: str | None) -> Graph:
    from gantool.export.sampling import parts, picture_graph

    if part is None:
        return picture_graph(model)
    graphs = parts(model)
    if part not in graphs:
        able = f"it has: {', '.join(graphs)}" if graphs else f"leave out {argument('part')}"
        raise UsageError(f'{facts.model} has no part "{part}" to export: {able}')
    if part in facts.missing:
        raise CheckpointError(f"these weights came without {part}: there is nothing to export")
    return graphs[part]


def _format(out: Path) -> str:
    format = out.suffix.lower().removeprefix(".")
    if format not in ("onnx", "pt2"):
        raise UsageError(f"{out}: the file's name says what is written: NAME.onnx (ONNX) or NAME.pt2 (torch.export)")
    if format == "onnx" and any(importlib.util.find_spec(name) is None for name in ONNX):
        raise UsageError('export to ONNX needs: pip install "gantool[onnx]"')
    return format
