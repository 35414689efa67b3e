"""What forward passes move: the statistics of norms, and other buffers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from gantool.model import Model


class Statistics:
    """The buffers of a model that a step may move (batch norm's, spectral norm's): they must not outlive a step that
    is not applied.

    Networks none of whose parameters is in `trained` (ids) have none: a VGG that only judges. Buffers of one type go
    as one, since each copy of its own is a launch.
    """

    def __init__(self, model: Model[Any], trained: Collection[int]) -> None:
        never = {
            id(buffer)
            for network in model.children()
            if (own := {id(p) for p in network.parameters()}) and not own.intersection(trained)
            for buffer in network.buffers()
        }
        self._buffers: dict[torch.dtype, list[Tensor]] = {}
        for buffer in model.buffers():
            if id(buffer) not in never:
                self._buffers.setdefault(buffer.dtype, []).append(buffer)
        self._before: dict[torch.dtype, Tensor] = {}

    def note(self) -> None:
        """Before a step."""
        self._before = {dtype: _flat(buffers) for dtype, buffers in self._buffers.items()}

    @torch.no_grad()
    def take_back(self, bad: Tensor) -> None:
        """After a step: what was noted, where `bad` is true."""
        for dtype, buffers in self._buffers.items():
            kept = torch.where(bad, self._before[dtype], _flat(buffers)).split([buffer.numel() for buffer in buffers])
            torch._foreach_copy_(buffers, [part.view_as(one) for part, one in zip(kept, buffers, strict=True)])
        self._before = {}


def _flat(buffers: list[Tensor]) -> Tensor:
    return torch.cat([buffer.reshape(-1) for buffer in buffers])
