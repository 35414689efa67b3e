"""Exponential moving averages of the sub-modules that a model names in `averaged`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gantool.model import Model


class Averages:
    """avg = decay avg + (1 - decay) parameter after every step; buffers are copied. Starts as the first weights."""

    def __init__(self, model: Model) -> None:
        self.decay = model.average_decay
        self.averages: dict[str, nn.Module] = {
            name: copy.deepcopy(model.get_submodule(name)).requires_grad_(False) for name in model.averaged
        }

    @torch.no_grad()
    def update(self, model: Model, applied: Tensor) -> None:
        """`applied` is 1, or 0 after a step that was not applied: then nothing moves."""
        for name, average in self.averages.items():
            network = model.get_submodule(name)
            for mean, now in zip(average.parameters(), network.parameters(), strict=True):
                mean.lerp_(now, applied.to(mean.dtype) * (1 - self.decay))
            for kept, buffer in zip(average.buffers(), network.buffers(), strict=True):
                kept.copy_(buffer)

    @contextmanager
    def in_place_of(self, model: Model) -> Iterator[None]:
        """Inside, the model has the averages where it has the trained networks outside."""
        trained = {name: model.get_submodule(name) for name in self.averages}
        try:
            for name, average in self.averages.items():
                setattr(model, name, average)
            yield
        finally:
            for name, network in trained.items():
                setattr(model, name, network)

    def trained_weights(self, model: Model) -> dict[str, Tensor]:
        """The trained weights of the averaged networks, which only further training needs."""
        return {
            f"{name}.{key}": value
            for name in self.averages
            for key, value in model.get_submodule(name).state_dict().items()
        }
