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

Size = tuple[int, int, int]
"""Batch, height and width."""


@dataclass(frozen=True)
class Case:
    """Pictures as the file takes them, and what the model makes of them."""

    size: Size
    pictures: NDArray[Any]
    """uint8 (N, H, W, C), or float32 (N, C, H, W) in [-1, 1]."""
    expected: NDArray[np.float32]
    """In the same order of dimensions, always in [-1, 1]: not rounded."""
    allowed: float
    """How far the file may be from it."""


def example(sizes: Sizes, channels: int, image_io: bool) -> Tensor:
    """The pictures that the graph is traced with. A batch of one would be taken for a constant, equal sides for one."""
    side, more = _steps(sizes)
    return torch.from_numpy(_pictures((2, side + more, side + 2 * more), channels, image_io))


def cases(model: Model, source: str, target: str, image_io: bool) -> list[Case]:
    """Pictures of three sizes with the model's own translations: the smallest accepted, and two that are not square.

    Instance norm over few pixels amplifies rounding, and so do some weights. So the measure is the model itself: how
    far its float32 is from its float64. Another order of the same sums may be ten times as far.
    """
    side, more = _steps(model.sizes)
    low = model.sizes.fit(1, 1)[0]
    exact = copy.deepcopy(model).double()
    made: list[Case] = []
    for size in ((1, low, low), (2, side + more, side), (3, side, side + 2 * more)):
        pictures = _pictures(size, model.spec.channels[model.spec.index(source)], image_io)
        images = torch.from_numpy(to_unit(pictures).transpose(0, 3, 1, 2).copy() if image_io else pictures)
        with torch.no_grad():
            expected = model.translate(images, source=source, target=target)
            rounding = (expected - exact.translate(images.double(), source=source, target=target)).abs().max()
        if image_io:
            expected = expected.permute(0, 2, 3, 1)
        allowed = min(max(ALWAYS, 10 * float(rounding)), NEVER)
        made.append(Case(size, pictures, expected.numpy(), allowed))
    return made


def compare(translate: Translate, cases: Sequence[Case]) -> dict[Size, float]:
    """The largest difference at each size, of pictures in [-1, 1]; for 8-bit results what remains beyond rounding.

    Raises CheckpointError where the file fails, its result has another shape or type, or a difference is not allowed.
    """
    found: dict[Size, float] = {}
    for case in cases:
        what = _in_words(case.size)
        try:
            result = translate(case.pictures)
        except Exception as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CheckpointError(f"not written: the exported file cannot translate {what}: {first}") from error
        if result.shape != case.expected.shape or result.dtype != case.pictures.dtype:
            made, wanted = f"{result.dtype} {result.shape}", f"{case.pictures.dtype} {case.expected.shape}"
            raise CheckpointError(f"not written: the exported file makes {made} of {what}, not {wanted}")
        found[case.size] = _difference(result, case.expected)
    worst = max(cases, key=lambda case: found[case.size] / case.allowed)
    if found[worst.size] > worst.allowed:
        raise CheckpointError(
            f"not written: the exported file differs from the model by {found[worst.size]:.2g} (of pictures in [-1, 1];"
            f" {worst.allowed:.1g} is allowed) for {_in_words(worst.size)}"
        )
    return found


def _in_words(size: Size) -> str:
    """As a person reads it: "3 pictures of 96x32" (width x height)."""
    count, height, width = size
    return f"{count} picture{'s' if count > 1 else ''} of {width}x{height}"


def _steps(sizes: Sizes) -> tuple[int, int]:
    """An accepted side of at least 32 pixels, and a step of at least 32 to the next."""
    return sizes.fit(32, 32)[0], Sizes(sizes.multiple).fit(32, 32)[0]


def _pictures(size: Size, channels: int, image_io: bool) -> NDArray[Any]:
    """Noise: uint8 (N, H, W, C), or the same as float32 (N, C, H, W) in [-1, 1]."""
    pixels = np.random.default_rng(0).integers(0, 256, (*size, channels), dtype=np.uint8)
    return pixels if image_io else np.ascontiguousarray(to_unit(pixels).transpose(0, 3, 1, 2))


def _difference(result: NDArray[Any], expected: NDArray[np.float32]) -> float:
    if result.dtype == np.uint8:
        levels = np.clip((expected + 1) * 127.5, 0, 255)
        largest = max(float(np.abs(result - levels).max()) - 0.5, 0.0) / 127.5
    else:
        largest = float(np.abs(result - expected).max())
    return largest if largest == largest else float("inf")
