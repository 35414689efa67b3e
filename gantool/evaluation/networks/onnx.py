"""Networks that a person brings as ONNX files, run by onnxruntime on the CPU (the extra `onnx`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantool.errors import CheckpointError
from gantool.schema import first_line

Floats = NDArray[np.float32]

_PIXELS = 2**18  # that go through together: several small pictures, or one large one
_TOGETHER = 16


@dataclass(frozen=True)
class OnnxNetwork:
    """A network from pictures (N, C, H, W), float32, to its first output."""

    file: Path
    takes: tuple[int | None, ...]
    """N, C, H and W of the input; None for what is free."""
    gives: tuple[int | None, ...]
    """The shape of the output; None for what is free."""
    session: Any
    """onnxruntime's."""

    def answers(self, images: Iterable[Floats]) -> Iterator[NDArray[Any]]:
        """The output for each of the pictures (1, C, H, W): those of one size in a row go through together.

        Raises CheckpointError where the network fails, and for values that are not numbers.
        """
        waiting: list[Floats] = []
        for image in images:
            if waiting and (image.shape != waiting[0].shape or len(waiting) == self._together(image)):
                yield from self._run(waiting)
                waiting = []
            waiting.append(image)
        if waiting:
            yield from self._run(waiting)

    def _together(self, image: Floats) -> int:
        return 1 if self.takes[0] == 1 else max(1, min(_TOGETHER, _PIXELS // (image.shape[2] * image.shape[3])))

    def _run(self, images: Sequence[Floats]) -> NDArray[Any]:
        (image,) = self.session.get_inputs()
        output = self.session.get_outputs()[0].name
        try:
            found: NDArray[Any] = np.asarray(self.session.run([output], {image.name: np.concatenate(images)})[0])
        except Exception as error:  # onnxruntime has errors of its own for each kind of fault
            shape = ", ".join(map(str, images[0].shape[1:]))
            raise CheckpointError(f"{self.file} fails on pictures (N, {shape}): {first_line(error)}") from error
        if found.shape[:1] != (len(images),):
            raise CheckpointError(f"{self.file} gives {found.shape} for {len(images)} pictures")
        if not np.isfinite(found).all():
            raise CheckpointError(f"{self.file} gives values that are not numbers")
        return found


def open_network(file: Path) -> OnnxNetwork:
    """Raises CheckpointError for a file that holds no network which takes pictures (N, C, H, W), one or any number at
    once.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise CheckpointError(f"{file} is no network in ONNX: {first_line(error)}") from error
    inputs = session.get_inputs()
    takes = _sides(inputs[0].shape) if len(inputs) == 1 else ()
    if len(takes) != 4 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{one.type} {one.shape}" for one in inputs)
        raise CheckpointError(f"{file} has to take float pictures (N, C, H, W) and nothing else, not {found}")
    if takes[0] not in (None, 1):
        raise CheckpointError(f"{file} takes {takes[0]} pictures at once: export it for one, or for any number")
    return OnnxNetwork(file, takes, _sides(session.get_outputs()[0].shape), session)


def _sides(shape: Sequence[int | str | None] | None) -> tuple[int | None, ...]:
    return tuple(side if isinstance(side, int) and side > 0 else None for side in shape or ())
