"""The two file formats: how each is written, and how it is read again to be checked."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.export import ExportedProgram

from gantool.capabilities import Graph
from gantool.export.translation import LABEL, STYLE, Translation
from gantool.options import without_places
from gantool.spec import Facts, LabelMaps
from gantool.version import __version__

Translate = Callable[[Sequence[NDArray[Any]]], list[NDArray[Any]]]
"""Inputs in, outputs out, in their order: what a reader makes of a file."""

KEY = "gantool"
_OPSET = 20  # read by onnxruntime from 1.18 on (with the IR version that goes along)


def notes(translation: Translation, image_io: bool) -> dict[str, Any]:
    """The file's own description: one JSON object, under the key "gantool" (in a .pt2 the file "gantool.json")."""
    facts, spec = translation.facts, translation.facts.spec
    source, target = translation.direction

    def pictures(domain: str) -> str:
        kind = spec.kind(domain)
        shape = f"(N, H, W, {kind.channels})" if image_io else f"(N, {kind.channels}, H, W)"
        if isinstance(kind, LabelMaps):
            return f"int32 {shape}: classes 0 to {kind.classes - 1}" + (", instances" if kind.instances else "")
        return f"uint8 {shape} in [0, 255]" if image_io else f"float32 {shape} in [-1, 1]"

    inputs = {"image": pictures(source)}
    if translation.second == STYLE:
        inputs[STYLE] = f"float32 (N, {facts.code_size}): a style code for each picture"
    elif translation.second == LABEL:
        names = facts.condition_names
        inputs[LABEL] = f"float32 (N, {len(names)}), 0 or 1: {', '.join(names)}"
    picture, *further = translation.outputs
    sizes = facts.sizes
    return {
        **_origin(facts, translation.model.paper),
        "source": source,
        "target": target,
        "inputs": inputs,
        "outputs": {picture: pictures(target), **dict.fromkeys(further, "float32")},
        "sizes": {"exact": sizes.exact} if sizes.exact else {"multiple": sizes.multiple, "minimum": sizes.fit(1, 1)[0]},
    }


def graph_notes(facts: Facts, paper: str, part: str | None, graph: Graph, image_io: bool = False) -> dict[str, Any]:
    """The same where no picture goes in: for pictures of noise, and for a network that is exported by itself, whose
    name is `part`. There is no direction.
    """

    def form(tensor: Tensor) -> str:
        return f"{str(tensor.dtype).removeprefix('torch.')} ({', '.join(['N', *map(str, tensor.shape[1:])])})"

    with torch.no_grad():
        result = graph.module(*graph.inputs.values())
    made = form(result)
    if part is None:
        _, channels, height, width = result.shape
        made = f"uint8 (N, {height}, {width}, {channels}) in [0, 255]" if image_io else f"{made} in [-1, 1]"
    told = {"classes": list(facts.spec.domains)} if facts.told == "class" else {}
    return {
        **_origin(facts, paper),
        **({} if part is None else {"part": part}),
        **told,
        "inputs": {key: form(tensor) for key, tensor in graph.inputs.items()},
        "outputs": {graph.outputs[0]: made},
        "sizes": {},
    }


def _origin(facts: Facts, paper: str) -> dict[str, Any]:
    return {
        "gantool": __version__,
        "model": facts.model,
        "paper": paper,
        "step": facts.step,
        "options": without_places(facts.options),
        "domains": list(facts.spec.domains),
        "licence": facts.licence,
        "weights_sha256": facts.sha256,
    }


def write_onnx(program: ExportedProgram, notes: Mapping[str, Any], verbose: bool) -> bytes:
    """One file with the weights in it. Its dimensions are called batch, height and width."""
    import onnx

    converted = torch.onnx.export(
        program,
        dynamo=True,
        input_names=list(notes["inputs"]),
        output_names=list(notes["outputs"]),
        opset_version=_OPSET,
        verbose=verbose,
    )
    assert converted is not None
    file = converted.model_proto
    file.producer_name, file.producer_version = "gantool", __version__
    file.graph.name = notes["model"]
    file.graph.doc_string = f"{summary(notes)}; {size_rule(notes['sizes'])}"
    # What the exporter notes for its developers: symbols, Python's call stacks, the names of intermediate shapes.
    del file.graph.value_info[:], file.graph.metadata_props[:]
    for part in (*file.graph.node, *file.graph.initializer, *file.graph.input, *file.graph.output):
        del part.metadata_props[:]
    pictures = ("image", next(iter(notes["outputs"])))
    for value in (*file.graph.input, *file.graph.output):
        free = [dim for dim in value.type.tensor_type.shape.dim if dim.dim_param]
        sides = ("height", "width") if value.name in pictures else (f"{value.name}_height", f"{value.name}_width")
        for dim, name in zip(free, ("batch", *sides), strict=False):
            dim.dim_param = name
    onnx.helper.set_model_props(file, {KEY: _json(notes)})
    return bytes(file.SerializeToString())


def read_onnx(data: bytes) -> Translate:
    """Through onnxruntime, on the CPU."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, settings, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def translate(inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        return [np.asarray(output) for output in session.run(None, dict(zip(names, inputs, strict=True)))]

    return translate


def write_pt2(program: ExportedProgram, notes: Mapping[str, Any], verbose: bool) -> bytes:
    """`torch.export.save`; the file needs torch alone."""
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={f"{KEY}.json": _json(notes)})
    return buffer.getvalue()


def read_pt2(data: bytes) -> Translate:
    """Through `torch.export.load`."""
    module = torch.export.load(io.BytesIO(data)).module()

    def translate(inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        with torch.no_grad():
            outputs = module(*map(torch.from_numpy, inputs))
        return [np.asarray(output) for output in (outputs if isinstance(outputs, tuple) else (outputs,))]

    return translate


FORMATS: dict[str, tuple[Callable[[ExportedProgram, Mapping[str, Any], bool], bytes], Callable[[bytes], Translate]]] = {
    "onnx": (write_onnx, read_onnx),
    "pt2": (write_pt2, read_pt2),
}
"""Writer and reader by file extension."""


def summary(notes: Mapping[str, Any]) -> str:
    """A file's direction, or the name of a part."""
    if "source" not in notes:
        return str(notes.get("part", "pictures of noise"))
    return f"{notes['source']} to {'what label says' if 'label' in notes['inputs'] else notes['target']}"


def size_rule(sizes: Mapping[str, int]) -> str:
    """The sizes that a file takes, in words."""
    if not sizes:
        return "the batch alone is free"
    if "exact" in sizes:
        return "height and width: {exact}".format(**sizes)
    return "height and width: multiples of {multiple}, at least {minimum}".format(**sizes)


def _json(notes: Mapping[str, Any]) -> str:
    return json.dumps(notes, sort_keys=True)
