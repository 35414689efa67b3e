"""A model made ready for pictures, and left as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from gantool.inference.devices import kernels
from gantool.model import Model
from gantool.networks.winograd import KEPT_BYTES, Winograd


def networks_of(model: Model[Any]) -> list[nn.Module]:
    """Those that pictures go through: all but what only training needs."""
    return [network for name, network in model.named_children() if name not in model.roles.training_only]


def fast_convolutions(
    networks: Iterable[nn.Module], device: torch.device, precision: str, kept_bytes: int = KEPT_BYTES
) -> Winograd | None:
    """What computes wide convolutions of these networks in fewer products, where it may: in "fp32" on a CPU."""
    return Winograd(networks, kept_bytes) if precision == "fp32" and device.type == "cpu" else None


@contextmanager
def ready(
    model: Model[Any],
    device: torch.device,
    *,
    half: bool = False,
    seed: int = 0,
    convolutions: AbstractContextManager[Any] | None = None,
) -> Iterator[None]:
    """Inside, the model is in evaluation mode, without gradients, with random numbers of its own; with `half` its
    arithmetic is in bfloat16, otherwise in single precision without TF32. `convolutions` are computed as
    `fast_convolutions` says.
    """
    with (
        convolutions or nullcontext(),
        torch.no_grad(),
        evaluating(model),
        kernels(),
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        torch.autocast(device.type, torch.bfloat16, enabled=half),
    ):
        torch.manual_seed(seed)
        yield


@contextmanager
def evaluating(model: Model[Any]) -> Iterator[None]:
    """Inside, all layers are in evaluation mode; afterwards each is as it was."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
