"""Learning-rate schedules: the rate in epoch `e` (from 1) as a share of the base rate. Pure: nothing to resume.

They are stepped at the start of every epoch, the first included, as in the reference implementation of CycleGAN and
pix2pix; shift `e` by one (`e - 1`) to step at its end.
"""

from __future__ import annotations

import math
from typing import Protocol

POLICIES = ("linear", "step", "cosine", "plateau", "constant")


class Schedule(Protocol):
    """The options that a schedule by epochs has."""

    lr: float
    lr_policy: str
    n_epochs: int
    n_epochs_decay: int
    lr_decay_epochs: int


def by_policy(options: Schedule, e: float) -> float:
    """The schedule that the options name (one of `POLICIES`), in epoch `e`."""
    match options.lr_policy:
        case "linear":
            return linear(e, options.n_epochs, options.n_epochs_decay)
        case "step":
            return step(e, options.lr_decay_epochs)
        case "cosine":
            return cosine(e, options.n_epochs)
        case "plateau":
            return plateau(e, options.lr)
    return 1.0


def linear(e: float, n_epochs: float, n_epochs_decay: float) -> float:
    """Constant, then a straight line to 0, which the last epoch (n_epochs + n_epochs_decay) reaches."""
    return max(0.0, 1.0 - max(0.0, e + 1 - n_epochs) / (n_epochs_decay + 1))


def step(e: float, every: float) -> float:
    """A tenth after every `every` epochs."""
    return float(0.1 ** (e // every))


def cosine(e: float, n_epochs: float) -> float:
    """Half a cosine from 1 to 0 over `n_epochs`. It would rise again afterwards: stop there.

    Raises ValueError for a schedule of no length.
    """
    if n_epochs <= 0:
        raise ValueError("a cosine schedule needs n_epochs above 0")
    return (1 + math.cos(math.pi * e / n_epochs)) / 2


def plateau(e: float, rate: float) -> float:
    """The reference's "plateau" for the base rate `rate`. It watches a constant: a fall to a fifth every 6 epochs.

    PyTorch leaves out a fall of less than 1e-8.
    """
    share = 1.0
    for _ in range(math.floor((e - 1) / 6)):
        share *= 0.2 if 0.8 * rate * share > 1e-8 else 1.0
    return share
