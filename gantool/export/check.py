"""Does the exported file translate as the model does?"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gantool.data.pictures import to_unit
from gantool.errors import CheckpointError
from gantool.model import Model, Sizes

if TYPE_CHECKING:
    from gantool.export.files import Translate

ALWAYS, NEVER = 1e-4, 1e-2
"""Differences of pictures in [-1, 1], a level being 8e-3: up to the first always allowed, beyond the second never."""

_INSTANCES = 50  # objects in a made-up label map

Size = tuple[int, int, int]
"""Batch, height and width."""


@dataclass(frozen=True)
class Case:
    """What goes into the file, and what the model makes of it."""

    size: Size
    inputs: tuple[NDArray[Any], ...]
    """The pictures as `pictures` has them, then style codes (N, S) float32 for a model that takes them."""
    expected: tuple[NDArray[np.float32], ...]
    """The model's outputs in the order of `Model.exported_outputs`: pictures in the order of dimensions of those that
    went in, always in [-1, 1] and not rounded; whatever else as it is."""
    allowed: tuple[float, ...]
    """How far each of the file's outputs may be from it."""
    dtypes: tuple[str, ...]
    """What type each output has to be of."""


def inputs(model: Model, source: str, target: str, size: Size, image_io: bool) -> tuple[NDArray[Any], ...]:
    """Noise of this size for every input of an exported file.

    Pictures are uint8 (N, H, W, C) with `image_io`, else float32 (N, C, H, W) in [-1, 1]; label maps are int32, in the
    same order of dimensions. Style codes are what the model itself draws.
    """
    rng, channels = np.random.default_rng(0), model.spec.channels[model.spec.index(source)]
    pictures: NDArray[Any]
    if model.spec.holds_labels(source):
        below = [model.spec.classes, _INSTANCES][:channels]
        pictures = np.stack([rng.integers(0, high, size, dtype=np.int32) for high in below], axis=3)
    else:
        pictures = rng.integers(0, 256, (*size, channels), dtype=np.uint8)
    if not image_io:
        planar = pictures if pictures.dtype == np.int32 else to_unit(pictures)
        pictures = np.ascontiguousarray(planar.transpose(0, 3, 1, 2))
    if not model.style_size:
        return (pictures,)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        codes = torch.cat([model.random_style(target, generator) for _ in range(size[0])])
    return pictures, codes.float().cpu().numpy()


def example(model: Model, source: str, target: str, image_io: bool) -> tuple[Tensor, ...]:
    """What the graph is traced with. A batch of one would be taken for a constant, equal sides for one."""
    side, more = _steps(model.sizes)
    size = (2, side + more, side + 2 * more)
    return tuple(torch.from_numpy(array) for array in inputs(model, source, target, size, image_io))


def cases(model: Model, source: str, target: str, image_io: bool) -> list[Case]:
    """Inputs of three sizes with the model's own outputs: the smallest accepted, and two that are not square.

    Instance norm over few pixels amplifies rounding, and so do some weights. So the measure is the model itself: how
    far its float32 is from its float64. Another order of the same sums may be ten times as far.
    """
    side, more = _steps(model.sizes)
    low = model.sizes.exact or model.sizes.fit(1, 1)[0]
    exact = copy.deepcopy(model).double()
    made: list[Case] = []
    for size in ((1, low, low), (2, side + more, side), (3, side, side + 2 * more)):
        given = inputs(model, source, target, size, image_io)
        expected = _outputs(model, source, target, *_seen(given, image_io))
        doubled = [tensor.double() if tensor.is_floating_point() else tensor for tensor in _seen(given, image_io)]
        allowed = []
        for one, other in zip(expected, _outputs(exact, source, target, *doubled), strict=True):
            scale = max(1.0, float(one.abs().max()))  # of pictures 1
            rounding = float((one - other).abs().max())
            allowed.append(min(max(ALWAYS * scale, 10 * rounding), NEVER * scale))
        if image_io:
            expected[0] = expected[0].permute(0, 2, 3, 1)
        types = ("uint8" if image_io else "float32", *["float32"] * (len(expected) - 1))
        made.append(Case(size, given, tuple(one.float().numpy() for one in expected), tuple(allowed), types))
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
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
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
                problem = f"{difference:.2g}{where} (of pictures in [-1, 1]; {allowed:.1g} is allowed) for {what}"
    if problem:
        raise CheckpointError(f"not written: the exported file differs from the model by {problem}")
    return found


def _seen(given: Sequence[NDArray[Any]], image_io: bool) -> list[Tensor]:
    """A file's inputs as the model takes them."""
    pictures, *codes = given
    if image_io:
        planar = pictures if pictures.dtype == np.int32 else to_unit(pictures)
        pictures = planar.transpose(0, 3, 1, 2).copy()
    return [torch.from_numpy(array) for array in (pictures, *codes)]


@torch.no_grad()
def _outputs(model: Model, source: str, target: str, images: Tensor, style: Tensor | None = None) -> list[Tensor]:
    """Everything that `exported_outputs` names; the picture from `translate`, so that `exported` is checked, too."""
    picture = model.translate(images, source=source, target=target, style=style)
    if len(model.exported_outputs) == 1:
        return [picture]
    module = model.exported(source=source, target=target)
    return [picture, *(module(images) if style is None else module(images, style))[1:]]


def _in_words(size: Size) -> str:
    """As a person reads it: "3 pictures of 96x32" (width x height)."""
    count, height, width = size
    return f"{count} picture{'s' if count > 1 else ''} of {width}x{height}"


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
