"""A trainer without files of its own, and the smallest model that has everything a trainer must know about."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gantool.capabilities import Averaged, Translates
from gantool.data.layouts.unpaired import unpaired
from gantool.data.transforms import Preparation
from gantool.errors import UsageError
from gantool.model import Data, Model, Steps
from gantool.options import option
from gantool.runs import checkpoint, lock
from gantool.spec import Pictures, Spec
from gantool.training.distributed import Processes
from gantool.training.settings import TrainSettings
from gantool.training.trainer import Trainer


class Around(nn.Module):
    """A network of a class of its own: torch compiles no bare `nn.Sequential`."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x)


def is_held(run: Path) -> bool:
    """Whether a training is at work in a run folder."""
    try:
        with lock.held(run):
            return False
    except UsageError:
        return True


SPEC = Spec(("A", "B"), (Pictures(),) * 2, 8)


class Toy(Averaged, Translates, Model["Toy.Options"]):
    """One layer, its average, batch norm, a dropout, and a loss that can be poisoned at given steps."""

    contract = 2
    averaged = ("network",)

    @dataclass(frozen=True, kw_only=True)
    class Options:
        lr: float = option(1e-2, "")
        poison: tuple[int, ...] = option((), "steps whose loss is not finite")
        fused: bool = option(True, "")

    def __init__(self, options: Toy.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        self.network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.3))

    @classmethod
    def data(cls, o: Toy.Options) -> Data:
        return Data(unpaired())

    @classmethod
    def length(cls, o: Toy.Options) -> Steps:
        return Steps(10)

    def average_decay(self, now) -> float:
        return 0.5

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"G": torch.optim.Adam(self.network.parameters(), self.options.lr, fused=self.options.fused)}

    def training_step(self, batch, run) -> None:
        with run.phase("G"):
            noise = run.randn(*batch["A"].shape).to(batch["A"].dtype)
            loss = (self.network(batch["A"]) - noise).abs().mean()
            if run.now.step in self.options.poison:
                loss = loss * float("nan")
            run.backward(loss)
            run.update("G", clip=1.0)
        run.log(loss=loss)

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        return self.network(images)


@dataclass
class Noise:
    """A data set without files: items are a function of (epoch, index), as the contract asks."""

    length: int = 6
    size: int = 8
    domains: tuple = ()
    cache_note: str | None = None

    def __len__(self) -> int:
        return self.length

    def item(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([epoch, index])
        return {name: rng.integers(0, 256, (3, self.size, self.size), dtype=np.uint8) for name in "AB"}

    def samples(self, count: int) -> dict[str, list[np.ndarray]]:
        items = [self.item(0, index) for index in range(count)]
        return {name: [item[name].transpose(1, 2, 0) for item in items] for name in "AB"}

    def keep_in(self, folder: Path) -> None: ...

    def close(self, *, remove: bool = False) -> None: ...


@dataclass
class Notes:
    """An observer that remembers."""

    steps: list[tuple[int, dict | None]] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    announced: list[int] = field(default_factory=list)
    """Steps told of before each save."""
    saves: list[int] = field(default_factory=list)
    skips: list[tuple[int, int]] = field(default_factory=list)
    stops: list[float | None] = field(default_factory=list)
    on_step: object = None

    def step(self, done, losses) -> None:
        self.steps.append((done, losses))
        if callable(self.on_step):
            self.on_step(done)

    def sample(self, done, model) -> None:
        self.samples.append(done)

    def saving(self) -> None:
        self.announced.append(len(self.steps))

    def saved(self, done, folder) -> None:
        self.saves.append(done)

    def skipped(self, done, in_a_row) -> None:
        self.skips.append((done, in_a_row))

    def stopping(self, left) -> None:
        self.stops.append(left)


def trainer(
    folder: Path,
    kind: type[Model] = Toy,
    choices: object = None,
    *,
    steps: int = 10,
    size: int = 8,
    model=None,
    **settings,
) -> Trainer:
    """A trainer of `kind` on noise."""
    choices = choices if choices is not None else kind.Options()
    spec = Spec(("A", "B"), (Pictures(),) * 2, size)
    return Trainer(
        model=model or checkpoint.build_model(kind, choices, spec),
        name=kind.__name__.lower(),
        dataset=Noise(size=size),
        folder=folder,
        settings=TrainSettings(**{"workers": 0, "keep": 0, **settings}),
        total_steps=steps,
        notes={},
        observer=Notes(),
        processes=Processes(),
    )


def parameters(model: nn.Module) -> dict[str, Tensor]:
    """A copy of everything that training changes."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


PREPARATION = Preparation("resize_and_crop", 36, 32)
