"""The two file formats: how each is written, and how it is read again to be checked."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

import gantool
from gantool.model import Model

Translate = Callable[[NDArray[Any]], NDArray[Any]]
"""Pictures in, pictures out: what a reader makes of a file."""

KEY = "gantool"
INPUT, OUTPUT = "image", "translation"
_OPSET = 20  # read by onnxruntime from 1.18 on (with the IR version that goes along)


def notes(metadata: Mapping[str, Any], model: Model, source: str, target: str, image_io: bool) -> dict[str, Any]:
    """What the file says of itself: one JSON object, under the key "gantool" (in a .pt2 the file "gantool.json")."""

    def pictures(domain: str) -> str:
        channels = model.spec.channels[model.spec.index(domain)]
        return f"uint8 (N, H, W, {channels}) in [0, 255]" if image_io else f"float32 (N, {channels}, H, W) in [-1, 1]"

    return {
        "gantool": gantool.__version__,
        "model": metadata["model"],
        "paper": model.paper,
        "step": metadata["step"],
        "options": metadata["options"],
        "domains": list(model.spec.domains),
        "source": source,
        "target": target,
        "input": pictures(source),
        "output": pictures(target),
        "sizes": {"multiple": model.sizes.multiple, "minimum": model.sizes.fit(1, 1)[0]},
        "licence": metadata.get("licence"),
        "weights_sha256": metadata["sha256"],
    }


def write_onnx(program: ExportedProgram, notes: Mapping[str, Any], verbose: bool) -> bytes:
    """One file with the weights in it. Its dimensions are called batch, height and width."""
    import onnx

    converted = torch.onnx.export(
        program,
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        opset_version=_OPSET,
        verbose=verbose,
    )
    assert converted is not None
    file = converted.model_proto
    file.producer_name, file.producer_version = "gantool", gantool.__version__
    file.graph.name = notes["model"]
    rule = "height and width: multiples of {multiple}, at least {minimum}".format(**notes["sizes"])
    file.graph.doc_string = f"{notes['source']} to {notes['target']}; {rule}"
    # What the exporter notes for its developers: symbols, Python's call stacks, the names of intermediate shapes.
    del file.graph.value_info[:], file.graph.metadata_props[:]
    for part in (*file.graph.node, *file.graph.initializer, *file.graph.input, *file.graph.output):
        del part.metadata_props[:]
    for value in (*file.graph.input, *file.graph.output):
        dims = value.type.tensor_type.shape.dim
        free = [dim for dim in dims if dim.dim_param]
        for dim, name in zip(free, ("batch", "height", "width"), strict=True):
            dim.dim_param = name
    onnx.helper.set_model_props(file, {KEY: _json(notes)})
    return bytes(file.SerializeToString())


def read_onnx(data: bytes) -> Translate:
    """Through onnxruntime, on the CPU."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, settings, providers=["CPUExecutionProvider"])
    return lambda pictures: np.asarray(session.run([OUTPUT], {INPUT: pictures})[0])


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

    def translate(pictures: NDArray[Any]) -> NDArray[Any]:
        with torch.no_grad():
            return np.asarray(module(torch.from_numpy(pictures)))

    return translate


FORMATS: dict[str, tuple[Callable[[ExportedProgram, Mapping[str, Any], bool], bytes], Callable[[bytes], Translate]]] = {
    "onnx": (write_onnx, read_onnx),
    "pt2": (write_pt2, read_pt2),
}
"""Writer and reader by file extension."""


def _json(notes: Mapping[str, Any]) -> str:
    return json.dumps(notes, sort_keys=True)
