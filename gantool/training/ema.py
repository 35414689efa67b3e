"""Exponential moving averages of the networks that an `Averaged` model names."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gantool.capabilities import Averaged
from gantool.contract import decay_at
from gantool.model import Model, Progress


class Averages:
    """avg = decay avg + (1 - decay) parameter after every step; buffers are copied, or averaged as well where the
    model says so. Starts as the first weights.
    """

    def __init__(self, model: Model[Any]) -> None:
        names = model.averaged if isinstance(model, Averaged) else ()
        self.averages: dict[str, nn.Module] = {
            name: copy.deepcopy(model.get_submodule(name)).requires_grad_(False) for name in names
        }

    @torch.no_grad()
    def update(self, model: Model[Any], now: Progress, applied: Tensor) -> None:
        """`applied` is 1, or 0 after a step that was not applied: then nothing moves."""
        decay = decay_at(model, now) if isinstance(model, Averaged) else 1.0
        buffers = isinstance(model, Averaged) and model.averages_buffers
        means: list[Tensor] = []
        trained: list[Tensor] = []
        for name, average in self.averages.items():
            network = model.get_submodule(name)
            means += average.parameters()
            trained += network.parameters()
            copied: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
            for kept, buffer in zip(average.buffers(), network.buffers(), strict=True):
                if buffers and buffer.is_floating_point():
                    means.append(kept)
                    trained.append(buffer)
                else:
                    to, of = copied.setdefault(buffer.dtype, ([], []))
                    to.append(kept)
                    of.append(buffer)
            for to, of in copied.values():
                torch._foreach_copy_(to, of)
        if means:
            _move(means, trained, applied.to(means[0].dtype) * (1 - decay))

    @contextmanager
    def in_place_of(self, model: Model[Any]) -> Iterator[None]:
        """Inside, the model has the averages where it has the trained networks outside."""
        trained = {name: model.get_submodule(name) for name in self.averages}
        try:
            for name, average in self.averages.items():
                setattr(model, name, average)
            yield
        finally:
            for name, network in trained.items():
                setattr(model, name, network)

    def trained_weights(self, model: Model[Any]) -> dict[str, Tensor]:
        """The trained weights of the averaged networks, which only further training needs."""
        return {
            f"{name}.{key}": value
            for name in self.averages
            for key, value in model.get_submodule(name).state_dict().items()
        }


def _move(means: list[Tensor], trained: list[Tensor], part: Tensor) -> None:
    """Moves means by `part` of the way to what was trained: a few launches for all of them."""
    if part.device.type == "cpu":
        torch._foreach_lerp_(means, trained, [part] * len(means))
        return
    # On a GPU weights that are tensors make a launch each of that.
    ways = torch._foreach_sub(trained, means)
    torch._foreach_mul_(ways, part)
    torch._foreach_add_(means, ways)
