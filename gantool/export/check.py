"""Does the exported file translate as the model does?"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gantool.capabilities import Graph
from gantool.counting import count_in_words
from gantool.errors import CheckpointError
from gantool.export.translation import Translation
from gantool.pictures.resize import to_unit
from gantool.schema import first_line
from gantool.spec import LabelMaps, Sizes

if TYPE_CHECKING:
    from gantool.export.files import Translate

ALWAYS, NEVER = 1e-4, 1e-2
"""Differences of pictures in [-1, 1], a level being 8e-3: up to the first always allowed, beyond the second never."""

_INSTANCES = 50  # objects in a made-up label map

Size = tuple[int, ...]
"""Batch, height and width; of networks that are no translation the batch alone."""


@dataclass(frozen=True)
class Case:
    """Inputs for the file, and the model's outputs for them."""

    size: Size
    inputs: tuple[NDArray[Any], ...]
    """The pictures, then style codes (N, S) or labels (N, L), float32, for a model that takes them."""
    expected: tuple[NDArray[np.float32], ...]
    """The model's outputs in their order: pictures in the order of dimensions of those that
    went in, always in [-1, 1] and not rounded; whatever else as it is."""
    allowed: tuple[float, ...]
    """How far each of the file's outputs may be from it."""
    dtypes: tuple[str, ...]
    """The type of each output."""


def inputs(translation: Translation, size: Size, image_io: bool) -> tuple[NDArray[Any], ...]:
    """Noise of this size for every input of an exported file.

    Pictures are uint8 (N, H, W, C) with `image_io`, else float32 (N, C, H, W) in [-1, 1]; label maps are int32, in the
    same order of dimensions. Style codes are those that the model itself draws, labels those of the target.
    """
    rng, kind = np.random.default_rng(0), translation.source
    pictures: NDArray[Any]
    if isinstance(kind, LabelMaps):
        below = [kind.classes, _INSTANCES][: kind.channels]
        pictures = np.stack([rng.integers(0, high, size, dtype=np.int32) for high in below], axis=3)
    else:
        pictures = rng.integers(0, 256, (*size, kind.channels), dtype=np.uint8)
    if not image_io:
        planar = pictures if pictures.dtype == np.int32 else to_unit(pictures.astype(np.float32))
        pictures = np.ascontiguousarray(planar.transpose(0, 3, 1, 2))
    second = translation.second_input(_seen([pictures], image_io)[0])
    return (pictures,) if second is None else (pictures, second.float().cpu().numpy())


def example(translation: Translation, image_io: bool) -> tuple[Tensor, ...]:
    """Inputs to trace the graph with. A batch of one would be taken for a constant, equal sides for one."""
    side, more = _steps(translation.sizes)
    size = (2, side + more, side + 2 * more)
    return tuple(torch.from_numpy(array) for array in inputs(translation, size, image_io))


def cases(translation: Translation, image_io: bool) -> list[Case]:
    """Inputs of three sizes with the model's own outputs: the smallest accepted, and two that are not square.

    Where the target is an input, each has another one, as far as there are.

    Instance norm over few pixels amplifies rounding, and so do some weights. So the measure is the model itself: how
    far its float32 is from its float64. Another order of the same sums may be ten times as far.
    """
    side, more = _steps(translation.sizes)
    low = translation.sizes.exact or translation.sizes.fit(1, 1)[0]
    exact = copy.deepcopy(translation.model).double()
    targets = translation.targets()
    made: list[Case] = []
    for number, size in enumerate(((1, low, low), (2, side + more, side), (3, side, side + 2 * more))):
        one = targets[number % len(targets)]
        given = inputs(one, size, image_io)
        expected = one.results(*_both(_seen(given, image_io)))
        doubled = replace(one, model=exact).results(*_both(_doubled(_seen(given, image_io))))
        allowed = [tolerance(single, double) for single, double in zip(expected, doubled, strict=True)]
        if image_io:
            expected[0] = expected[0].permute(0, 2, 3, 1)
        types = ("uint8" if image_io else "float32", *["float32"] * (len(expected) - 1))
        made.append(Case(size, given, tuple(output.float().numpy() for output in expected), tuple(allowed), types))
    return made


@torch.no_grad()
def graph_cases(graph: Graph, image_io: bool = False) -> list[Case]:
    """The examples of a network into which no picture goes, in batches of 1, 2 and 3, with its own results. With
    `image_io` these are pictures, and the file's are of 8 bits.
    """
    exact = copy.deepcopy(graph.module).double()
    made = []
    for count in (1, 2, 3):
        given = [tensor[:count] for tensor in graph.inputs.values()]
        expected: Tensor = graph.module(*given)
        allowed = tolerance(expected, exact(*_doubled(given)))
        arrays = tuple(tensor.numpy() for tensor in given)
        if image_io:
            expected = expected.permute(0, 2, 3, 1)
        made.append(Case((count,), arrays, (expected.numpy(),), (allowed,), ("uint8" if image_io else "float32",)))
    return made


def compare(translate: Translate, cases: Sequence[Case]) -> dict[Size, float]:
    """The largest difference at each size, of pictures in [-1, 1]; for 8-bit results what remains beyond rounding.

    Raises CheckpointError where the file fails, an output has another shape or type, or a difference is not allowed.
    """
    found: dict[Size, float] = {}
    worst, problem = 1.0, ""
    for case in cases:
        what = _in_words(case.size)
        try:
            results = translate(case.inputs)
        except Exception as error:
            first = first_line(error)
            raise CheckpointError(f"not written: the exported file cannot translate {what}: {first}") from error
        for result, expected, dtype in zip(results, case.expected, case.dtypes, strict=True):
            if result.shape != expected.shape or result.dtype != dtype:
                made, wanted = f"{result.dtype} {result.shape}", f"{dtype} {expected.shape}"
                raise CheckpointError(f"not written: the exported file makes {made} of {what}, not {wanted}")
        differences = [_difference(result, one) for result, one in zip(results, case.expected, strict=True)]
        found[case.size] = differences[0]
        for number, (difference, allowed) in enumerate(zip(differences, case.allowed, strict=True)):
            if difference / allowed > worst:
                worst = difference / allowed
                where = f" in output {number + 1}" if number else ""
                kind = "of pictures in [-1, 1]; " if len(case.size) == 3 else ""
                problem = f"{difference:.2g}{where} ({kind}{allowed:.1g} is allowed) for {what}"
    if problem:
        raise CheckpointError(f"not written: the exported file differs from the model by {problem}")
    return found


def _seen(given: Sequence[NDArray[Any]], image_io: bool) -> list[Tensor]:
    """A file's inputs as the model takes them."""
    pictures, *codes = given
    if image_io:
        planar = pictures if pictures.dtype == np.int32 else to_unit(pictures.astype(np.float32))
        pictures = planar.transpose(0, 3, 1, 2).copy()
    return [torch.from_numpy(array) for array in (pictures, *codes)]


def _doubled(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.double() if tensor.is_floating_point() else tensor for tensor in tensors]


def tolerance(one: Tensor, exact: Tensor) -> float:
    """How far a result may be from the model's, by how far that is from the one in double precision."""
    scale = max(1.0, float(one.abs().max()))  # of pictures 1
    rounding = float((one - exact).abs().max())
    return min(max(ALWAYS * scale, 10 * rounding), NEVER * scale)


def _both(given: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """The pictures, and the second input if there is one."""
    return given[0], given[1] if len(given) > 1 else None


def _in_words(size: Size) -> str:
    """As a person reads it: "3 pictures of 96x32" (width x height)."""
    if len(size) == 1:
        return f"a batch of {size[0]}"
    count, height, width = size
    return f"{count_in_words(count, 'picture')} of {width}x{height}"


def _steps(sizes: Sizes) -> tuple[int, int]:
    """An accepted side of at least 32 pixels, and a step of at least 32 to the next; of an exact size itself and 0."""
    if sizes.exact is not None:
        return sizes.exact, 0
    return sizes.fit(32, 32)[0], Sizes(sizes.multiple).fit(32, 32)[0]


def _difference(result: NDArray[Any], expected: NDArray[np.float32]) -> float:
    if result.dtype == np.uint8:
        levels = np.clip((expected + 1) * 127.5, 0, 255)
        largest = max(float(np.abs(result - levels).max()) - 0.5, 0.0) / 127.5
    else:
        largest = float(np.abs(result - expected).max())
    return largest if largest == largest else float("inf")
