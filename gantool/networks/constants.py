"""Numbers of the CPU on a device, without a wait for it."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor


def constant(values: tuple[Any, ...], like: Tensor) -> Tensor:
    """These numbers (nested tuples for several dimensions) in the type and on the device of a tensor; not to be
    changed. A device gets them once: a copy from the CPU makes it wait.
    """
    return _constant(values, like.dtype, like.device)


def uploaded(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device, where it is needed once. A copy from memory that is not pinned would wait for a GPU."""
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)


@cache
def _constant(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # whoever asks first may be translating, and the next one may train
        return torch.tensor(values, dtype=dtype, device=device)
