"""Options that many models have, and the optimiser that most of them use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from gantool.model import Epochs
from gantool.options import option
from gantool.spec import Pictures

UPSAMPLINGS = ("transposed", "bilinear")
"""How a generator may enlarge its maps."""


@dataclass(frozen=True, kw_only=True)
class TwoDomains:
    """Pictures of two domains, A and B, each grey or in colour."""

    channels_a: int = option(3, "channels of the pictures of A: 3 (RGB) or 1 (grey)", low=1, high=3)
    channels_b: int = option(3, "channels of the pictures of B", low=1, high=3)

    def __post_init__(self) -> None:
        if 2 in (self.channels_a, self.channels_b):
            raise ValueError("pictures have 1 or 3 channels")

    @property
    def kinds(self) -> tuple[Pictures, Pictures]:
        """The content of A and B, for `Data`."""
        return Pictures(self.channels_a), Pictures(self.channels_b)


@dataclass(frozen=True, kw_only=True)
class OneKind:
    """Pictures of one kind, grey or in colour."""

    channels: int = option(3, "channels of the pictures: 3 (RGB) or 1 (grey)", low=1, high=3)

    def __post_init__(self) -> None:
        if self.channels == 2:
            raise ValueError("pictures have 1 or 3 channels")

    @property
    def kinds(self) -> tuple[Pictures]:
        """Their content, for `Data`."""
        return (Pictures(self.channels),)


@dataclass(frozen=True, kw_only=True)
class EpochSchedule:
    """A training of so many epochs at the base learning rate, and so many in which it falls."""

    n_epochs: int = option(100, "epochs at the base learning rate", low=0)
    n_epochs_decay: int = option(100, "epochs of linear decay after them", low=0)

    def length(self) -> Epochs:
        """The length of the training, for `Model.length`."""
        return Epochs(self.n_epochs + self.n_epochs_decay)


@dataclass(frozen=True, kw_only=True)
class AdamOptions:
    """Options that every Adam of a model shares."""

    lr: float = option(2e-4, "base learning rate of every Adam", low=0)
    beta1: float = option(0.5, "first moment's decay of every Adam", low=0, below=1)


@dataclass(frozen=True, kw_only=True)
class Averaging:
    """An average of weights that may make the pictures, for `Averaged`."""

    ema: float = option(
        0.0, "decay of an average of the generators' weights, which then makes the pictures; 0 for none", low=0, below=1
    )

    def average_decay(self, updates: int) -> float:
        """The decay after so many updates of the generators, for `Averaged.average_decay`."""
        # It rises: first weights and statistics that have not seen much yet are soon forgotten.
        return min(self.ema, updates / (updates + 10))


@dataclass(frozen=True, kw_only=True)
class Enlarging:
    """How generators enlarge their maps."""

    upsample: str = option(
        "transposed",
        "transposed convolutions as the authors', or bilinear interpolation and a convolution: no checkerboards",
        choices=UPSAMPLINGS,
    )


class HasAdam(Protocol):
    """Options that name the decay of the first moment, and perhaps `beta2` and `weight_decay`."""

    @property
    def lr(self) -> float: ...

    @property
    def beta1(self) -> float: ...


def adam(o: HasAdam, *networks: nn.Module | None, **other: Any) -> torch.optim.Adam:
    """One Adam over all parameters of these networks (None is passed over), with the options' rate and moments.

    `other` arguments of torch.optim.Adam, such as `lr` or `weight_decay`, replace what the options say. The fused form
    leaves a step out without reading the device, where a gradient is not finite.
    """
    parameters = [p for network in networks if network is not None for p in network.parameters()]
    betas = (o.beta1, getattr(o, "beta2", 0.999))
    return torch.optim.Adam(parameters, **{"lr": o.lr, "betas": betas, "fused": True, **other})
