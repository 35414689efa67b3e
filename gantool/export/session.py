"""A whole export: from a weights file to a file that other programs run, checked before it is written."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantool import direction
from gantool.errors import CheckpointError, DataError, UsageError, argument
from gantool.export import runtime
from gantool.files import check_writable, reason, write_atomically
from gantool.pictures.results import note_file, refuse_strangers
from gantool.runs.header import read_facts
from gantool.spec import Direction, Facts, LabelMaps

if TYPE_CHECKING:
    from gantool.capabilities import Graph
    from gantool.export.checked import Tell
    from gantool.model import Model

ONNX = ("onnx", "onnxscript", "onnxruntime")
"""The packages that an export to ONNX needs."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The words of a person, before anything is checked."""

    weights: Path
    out: Path
    """NAME.onnx, NAME.pt2 or NAME.html."""
    to: str | None = None
    """Target domain; None for the second one, and in a page for all."""
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
    """onnx, pt2 or html."""
    facts: Facts
    direction: Direction | None
    """None for a part, for pictures of noise, and for a page."""
    ways: tuple[Direction, ...] = ()
    """What a page translates; nothing for pictures of noise."""


@dataclass(frozen=True)
class Report:
    """The file that was written, and how it was checked."""

    path: Path
    format: str
    """onnx, pt2 or html."""
    source: str | None
    target: str | None
    """Of the translation; where the target is an input an example. None for a part, and for a page of several."""
    part: str | None
    """The network that was exported by itself, None for the translation."""
    inputs: dict[str, str]
    """By name: type and shape, such as "uint8 (N, H, W, 3) in [0, 255]". Nothing for a page."""
    outputs: dict[str, str]
    sizes: dict[str, int]
    """The rule for height and width of the pictures: `multiple` (they divide by it) and `minimum`, or `exact`. Nothing
    for a part, and for a page."""
    compared: tuple[tuple[int, ...], ...]
    """(N, H, W), for a part (N,), for which the file was run and compared with the model."""
    difference: float
    """The largest difference, of pictures in [-1, 1]; with `image_io` beyond what rounding to 8 bits explains."""
    bytes: int
    """Size of the file."""
    networks: tuple[str, ...] = ()
    """What is in a page, such as "horse to zebra"."""


def plan(request: Request) -> Plan:
    """Raises UsageError (file name, domain, missing packages), CheckpointError and DataError. Imports no torch."""
    format = _format(request.out)
    if format == "html":
        if request.part is not None or request.image_io:
            asked = f"{argument('part')} and {argument('image_io')}"
            raise UsageError(f"a page takes pictures, and the whole model: leave out {asked}")
        runtime.check()
    if request.part is not None and (request.to is not None or request.image_io):
        without = f"{argument('to')} and {argument('image_io')}"
        raise UsageError(f"{argument('part')} is one network, not the whole model: leave out {without}")
    if request.out.exists() and not request.overwrite:
        raise UsageError(f"{request.out} exists already: {argument('overwrite')} replaces it")
    check_writable(request.out)
    refuse_strangers(request.out)
    facts = read_facts(request.weights)
    if format == "html":
        return Plan(request, format, facts, None, _ways(facts, request.to))
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


def start(plan: Plan, tell: Tell = lambda words: None) -> Report:
    """Writes the file, with free N, H and W, after it was run and compared with the model at three sizes. In a page
    that holds for every network. `tell` gets a few words at the beginning of each stage.

    Whatever fails, nothing is left behind. Raises CheckpointError (the model cannot be exported, or the file disagrees
    with it) and DataError (the disk refuses).
    """
    from gantool.export import checked
    from gantool.export.translation import Translation
    from gantool.runs.checkpoint import load_model

    request, facts = plan.request, plan.facts
    if plan.format == "html":
        return _page(plan, tell)
    model = load_model(request.weights)[1].requires_grad_(False)
    how = (plan.format, request.image_io, request.verbose, tell)
    if plan.direction is None:
        tell(f"exporting {request.part or 'pictures of noise'} ...")
        made = checked.of_graph(_graph(model, facts, request.part), facts, model.paper, request.part, *how)
    else:
        tell(f"exporting {plan.direction.source} to {plan.direction.target} ...")
        made = checked.of_translation(Translation(model, facts, plan.direction), *how)
    _folder_for(request.out)
    write_atomically(request.out, made.data)
    note_file(request.out)
    source, target = plan.direction or (None, None)
    return Report(
        path=request.out,
        format=plan.format,
        source=source,
        target=target,
        part=request.part,
        inputs=made.notes["inputs"],
        outputs=made.notes["outputs"],
        sizes=made.notes["sizes"],
        compared=tuple(made.differences),
        difference=max(made.differences.values()),
        bytes=len(made.data),
    )


def _page(plan: Plan, tell: Tell) -> Report:
    from gantool.export import web
    from gantool.runs.checkpoint import load_model

    out, facts = plan.request.out, plan.facts
    _folder_for(out)
    networks = web.write(out, lambda: load_model(plan.request.weights)[1], facts, plan.ways, plan.request.verbose, tell)
    note_file(out)
    source, target = plan.ways[0] if len(plan.ways) == 1 else (None, None)
    differences = [network.differences for network in networks.values()]
    return Report(
        path=out,
        format="html",
        source=source,
        target=target,
        part=None,
        inputs={},
        outputs={},
        sizes={},
        compared=tuple(dict.fromkeys(size for found in differences for size in found)),
        difference=max(value for found in differences for value in found.values()),
        bytes=out.stat().st_size,
        networks=tuple(networks),
    )


def _folder_for(out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot write {out}: {reason(error, out.parent)}") from error


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


def _ways(facts: Facts, to: str | None) -> tuple[Direction, ...]:
    """What a page translates: every target, or the one that is named. Raises UsageError for what a page cannot take."""
    if "translate" not in facts.can:
        if to is not None:
            raise UsageError(f"the page has a choice of all that the model makes: leave out {argument('to')}")
        if facts.told in ("text", "vector"):
            raise UsageError(f"a page cannot read the {facts.told} that these weights are told: write NAME.onnx")
        return ()
    if any(isinstance(kind, LabelMaps) for kind in facts.spec.kinds):
        raise UsageError("a page takes pictures, and these weights translate label maps: write NAME.onnx")
    if "condition" in facts.can and to is not None:
        raise UsageError(f"the page has a choice of all targets: leave out {argument('to')}")
    if facts.spec.attributes:
        names = facts.spec.domains
        return (Direction(names[0], ",".join(f"+{name}" for name in names)),)  # all, of which the page has any choice
    if to is not None:
        return (direction.resolve(facts, to),)
    reached = {way.target for way in facts.directions}
    targets = [name for name in facts.spec.domains if name in reached]
    if len(targets) == 2:
        targets.reverse()  # the second first: what is made where nobody says
    return tuple(direction.resolve(facts, name) for name in targets)


def _format(out: Path) -> str:
    format = out.suffix.lower().removeprefix(".")
    if format not in ("onnx", "pt2", "html"):
        known = "NAME.onnx (ONNX), NAME.pt2 (torch.export) or NAME.html (a page that translates)"
        raise UsageError(f"{out}: the file's name says what is written: {known}")
    if format != "pt2" and any(importlib.util.find_spec(name) is None for name in ONNX):
        raise UsageError(f'export to {"a page" if format == "html" else "ONNX"} needs: pip install "gantool[onnx]"')
    return format
