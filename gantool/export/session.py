"""From a weights file to a file that other programs run. Imports torch only when the request is known to be right."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantool import direction
from gantool.errors import CheckpointError, DataError, GantoolError, UsageError
from gantool.files import check_writable, reason, write_atomically
from gantool.runs.header import read_weights_header

if TYPE_CHECKING:
    from gantool.model import Model, Part

_NEEDS = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how it was checked."""

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
    """What height and width of the pictures must be: `multiple` (they divide by it) and `minimum`, or `exact`. Nothing
    for a part."""
    compared: tuple[tuple[int, ...], ...]
    """(N, H, W), for a part (N,), for which the file was run and compared with the model."""
    difference: float
    """The largest difference, of pictures in [-1, 1]; with `image_io` beyond what rounding to 8 bits explains."""
    bytes: int
    """Size of the file."""


def export_model(
    weights: Path,
    out: Path,
    *,
    to: str | None = None,
    part: str | None = None,
    image_io: bool = False,
    overwrite: bool = False,
    verbose: bool = False,
) -> ExportReport:
    """Writes the translation to domain `to` (None: the second one) as `out`, `.onnx` or `.pt2`, with free N, H and W.

    Pictures are float32 (N, C, H, W) in [-1, 1] both ways; with `image_io` uint8 (N, H, W, C). A model with styles has
    a second input, codes float32 (N, S); one with `label_names` the target, float32 (N, L). `part` names a network of
    `Model.parts` to write instead. The file is run and compared with the model at three sizes before it is put in
    place; whatever fails, nothing is left behind. `verbose` lets the exporter's own words through. Raises UsageError
    (file name, domain, missing packages), CheckpointError (the model cannot be exported, or the file disagrees with it)
    and DataError (the disk refuses).
    """
    format = _format(out)
    if part is not None and (to is not None or image_io):
        raise UsageError("--part is one network, not a translation of pictures: leave out --to and --image-io")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} exists already: --overwrite replaces it")
    check_writable(out)
    metadata = read_weights_header(weights).metadata
    source, target = (None, None) if part is not None else _direction(metadata, to)

    from gantool.export import check, files, graphs
    from gantool.runs.checkpoint import load_model

    model = load_model(weights)[1].requires_grad_(False)
    if source is None or target is None:
        network = _part(model, metadata["model"], str(part))
        notes = files.part_notes(metadata, model, str(part), network)
        cases = check.part_cases(network)
        capture = partial(graphs.capture_part, network)
    else:
        if to is None and not (model.style_size or model.label_names):  # with either, one file has all targets
            spec = model.spec
            direction.require_named(spec.domains, metadata.get("directions"), labels=spec.labels)
        notes = files.notes(metadata, model, source, target, image_io)
        cases = check.cases(model, source, target, image_io)
        capture = partial(graphs.capture, model, source, target, image_io)
    write, read = files.FORMATS[format]
    with graphs.quiet(verbose):
        try:
            data = write(capture(), notes, verbose)
            translate = read(data)
        except (MemoryError, GantoolError):
            raise
        except Exception as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CheckpointError(f"{metadata['model']} cannot be exported as {format}: {first}") from error
        differences = check.compare(translate, cases)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot write {out}: {reason(error, out.parent)}") from error
    write_atomically(out, data)
    return ExportReport(
        path=out,
        format=format,
        source=source,
        target=target,
        part=part,
        inputs=notes["inputs"],
        outputs=notes["outputs"],
        sizes=notes["sizes"],
        compared=tuple(differences),
        difference=max(differences.values()),
        bytes=len(data),
    )


def _direction(metadata: dict[str, Any], to: str | None) -> tuple[str, str]:
    spec, directions = metadata["spec"], metadata.get("directions")
    labels = spec.get("labels", False)
    if labels and to is None and directions == []:
        to = ",".join(spec["domains"][:2])  # an example: the target is an input
    return direction.resolve(spec["domains"], to, directions, labels=labels)


def _part(model: Model, name: str, part: str) -> Part:
    parts = model.parts()
    if part not in parts:
        able = f"it has: {', '.join(parts)}" if parts else "leave out --part"
        raise UsageError(f'{name} has no part "{part}" to export: {able}')
    if part in model.missing:
        raise CheckpointError(f"these weights came without {part}: there is nothing to export")
    return parts[part]


def _format(out: Path) -> str:
    format = out.suffix.lower().removeprefix(".")
    if format not in ("onnx", "pt2"):
        raise UsageError(f"{out}: the file's name says what is written: NAME.onnx (ONNX) or NAME.pt2 (torch.export)")
    if format == "onnx" and any(importlib.util.find_spec(name) is None for name in _NEEDS):
        raise UsageError('export to ONNX needs: pip install "gantool[onnx]"')
    return format
