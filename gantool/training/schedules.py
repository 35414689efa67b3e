"""Learning-rate schedules: the rate in epoch `e` (from 1) as a share of the base rate. Pure: nothing to resume.

They are stepped at the start of every epoch, the first included, as in the reference implementation of CycleGAN and
pix2pix; shift `e` by one (`e - 1`) to step at its end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from gantool.model import Progress
from gantool.option_groups import EpochSchedule
from gantool.options import option

POLICIES = ("linear", "step", "cosine", "plateau", "constant")


@dataclass(frozen=True, kw_only=True)
class PolicySchedule(EpochSchedule):
    """One of `POLICIES`, as CycleGAN and pix2pix have them."""

    lr_policy: str = option("linear", "learning-rate schedule", choices=POLICIES)
    lr_at: str = option(
        "start",
        "the schedule advances at the start of an epoch (as the authors') or at its end",
        choices=("start", "end"),
    )
    lr_decay_epochs: int = option(50, "lr_policy=step: a tenth after every so many epochs", low=1)

    def epoch(self, now: Progress) -> int:
        """The epoch, for `by_policy`."""
        return int(now.schedule) + (self.lr_at == "start")


class Schedule(Protocol):
    """The options that `by_policy` reads."""

    @property
    def lr(self) -> float: ...

    @property
    def lr_policy(self) -> str: ...

    @property
    def n_epochs(self) -> int: ...

    @property
    def n_epochs_decay(self) -> int: ...

    @property
    def lr_decay_epochs(self) -> int: ...


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


def falling(done: int, n_epochs: int, n_epochs_decay: int) -> float:
    """After `done` epochs: constant, then a straight line to 0, which comes after the last epoch of all."""
    fallen = done - n_epochs
    return max(0.0, 1 - fallen / (n_epochs_decay or 1)) if fallen > 0 else 1.0


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
