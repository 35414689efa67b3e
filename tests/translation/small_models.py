"""Models small enough to translate in milliseconds."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gantool import registry
from gantool.capabilities import Translates
from gantool.model import Model
from gantool.runs.checkpoint import build_model
from gantool.spec import Pictures, Sizes, Spec


class Identity(Translates, Model[None]):
    """Gives back what it sees: whatever comes out otherwise, the way there and back did it."""

    contract = 2
    sizes = Sizes(multiple=8, minimum=16)

    def __init__(self, channels: int = 3) -> None:
        super().__init__(None, Spec(("A", "B"), (Pictures(channels),) * 2, 32))
        self.shapes: list[torch.Size] = []

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        self.shapes.append(images.shape)
        return images


def tiny(channels: tuple[int, int] = (3, 3), **options: object) -> Model:
    kind = registry.plugin("cyclegan").load()
    sizes = {"width": 4, "blocks": 1, "d_width": 4, "pool": 0, "channels_a": channels[0], "channels_b": channels[1]}
    choices = kind.Options(**{**sizes, "identity": 0.0, **options})
    return build_model(kind, choices, Spec(("horses", "zebras"), tuple(map(Pictures, channels)), 32))


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
