"""The contract between the core and a model plugin, version 2.

A plugin is one subclass of `Model` and of those mix-ins in `gantool.capabilities` that say what it can do. It owns its
networks, its losses and their order, its options. It never sees a device, a file, a rank or a progress bar: the core
owns those and hands a step what it needs through `Run`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Protocol, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.spec import Kind, LabelMaps, Pictures, Sizes, Spec, check_domains

if TYPE_CHECKING:
    from gantool.data.dataset import Layout

CONTRACT = 2
"""The version of this contract. docs/contract-changes.md lists what each version changed."""

OptionsT = TypeVar("OptionsT")
"""The model's options."""

Batch: TypeAlias = Mapping[str, Tensor]
"""A batch of a layout: pictures (N, C, H, W) in [-1, 1] under its names ("A", "B"); labels as they are."""


@dataclass(frozen=True)
class Roles:
    """Names of sub-modules that are treated in a way of their own."""

    training_only: tuple[str, ...] = ()
    """Translation does not need them: they are saved with the training state, not with the weights."""
    frozen: tuple[str, ...] = ()
    """Networks with weights from elsewhere, such as a VGG: never trained, never saved. See `prepare_training`."""

    def __post_init__(self) -> None:
        for role, names in (("training_only", self.training_only), ("frozen", self.frozen)):
            if isinstance(names, str):
                raise TypeError(f'{role} is a tuple of names: ("{names}",) with a comma, not "{names}"')


@dataclass(frozen=True)
class Data:
    """The training data of a model."""

    layout: Layout
    """How pictures become batches: `unpaired()`, `paired()`, `domains()`, ..."""
    kinds: tuple[Kind, ...] = (Pictures(),)
    """The content of each domain; one for all domains, or one for each."""
    attributes: bool = False
    """The domains are attributes: a picture may have several of them, or none."""
    batch: int = 1
    """Pictures a domain and a step, unless a person says otherwise: the authors' choice."""
    smallest_batch: int = 1
    """Smallest useful batch per process. StarGAN needs 2: it shuffles labels within the batch."""
    stable_batch: int = 1
    """With fewer pictures a step, those of all processes together, trainings are known to collapse: a person is told.
    """
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Other settings than those of `TrainSettings`, unless a person says otherwise: {"preprocess": "square",
    "size": 64}, as the authors prepare their pictures."""

    def __post_init__(self) -> None:
        if isinstance(self.layout, type) or not (hasattr(self.layout, "find") and hasattr(self.layout, "open")):
            raise TypeError(f"layout is what paired(), unpaired(), ... give, not {self.layout!r}")
        if not self.kinds or not all(isinstance(kind, Pictures | LabelMaps) for kind in self.kinds):
            raise TypeError(f"kinds is a tuple of Pictures or LabelMaps, not {self.kinds!r}")
        for name in ("batch", "smallest_batch", "stable_batch"):
            if not isinstance(number := getattr(self, name), int) or number < 1:
                raise ValueError(f"{name} is a whole number from 1 on, not {number!r}")

    def spec(self, domains: Sequence[str], size: int) -> Spec:
        """The spec of a run on these domains, with crops of this side. Raises UsageError for names they cannot have."""
        check_domains(domains)
        kinds = self.kinds * len(domains) if len(self.kinds) == 1 else self.kinds
        return Spec(tuple(domains), kinds, size, self.attributes)


@dataclass(frozen=True)
class Epochs:
    """The length of a training in passes over the data, as its paper counts it."""

    count: float

    def __post_init__(self) -> None:
        if not self.count > 0:
            raise ValueError(f"a training of {self.count} epochs has no length")


@dataclass(frozen=True)
class Steps:
    """The length of a training in steps, as its paper counts it."""

    count: int

    def __post_init__(self) -> None:
        if not (isinstance(self.count, int) and self.count > 0):
            raise ValueError(f"a training has a whole number of steps from 1 on, not {self.count}")


@dataclass(frozen=True)
class Progress:
    """Where training stands: all that a learning rate or a changing weight may depend on."""

    step: int
    """Steps done before this one, from 0."""
    total_steps: int
    """Steps of the whole run."""
    pass_steps: float = 1.0
    """Steps of one pass over the data."""
    schedule: float = 0.0
    """Place in the paper's schedule, in units of `Model.length`. A run of another length stretches the schedule."""
    batch: int = 1
    """Pictures of a step, those of all its batches and all processes together."""

    @property
    def pictures(self) -> int:
        """Pictures seen before this step."""
        return self.step * self.batch

    @property
    def passes(self) -> float:
        """Passes over the data done before this step: 2.5 is the middle of the third."""
        return self.step / self.pass_steps


class Run(Protocol):
    """All that a training step sees of the outside."""

    now: Progress
    """Where training stands."""
    rng: torch.Generator
    """A CPU generator seeded from (seed, step), the same on every process: all draws of a step come from it."""

    def phase(self, *names: str) -> AbstractContextManager[None]:
        """A stretch of the step in which only these optimisers' parameters need gradients, under autocast.

        Modules of no optimiser in `names` take part without gradients for their own parameters: gradients still flow
        through them to the ones named.
        """

    def backward(self, loss: Tensor, *, retain_graph: bool = False, into: Sequence[str] | None = None) -> None:
        """Adds the gradients of `loss`, a mean over the batch; `into` names the optimisers that receive them."""

    def update(self, *names: str, clip: float | None = None) -> None:
        """Averages the gradients over all processes, checks that they are finite, clips their norm, steps, and zeroes.

        Where one of them, or a loss before, is not finite, this update is not applied, nor is any later one of the
        step; buffers go back to what they were before the step, and averages stay.
        """

    def deferred(self) -> AbstractContextManager[None]:
        """A stretch whose updates are made at its end, in their order: several gradients at the same weights."""

    def rand(self, *shape: int) -> Tensor:
        """Uniform draws in [0, 1); otherwise as `randn`."""

    def randn(self, *shape: int) -> Tensor:
        """Standard normal draws on the device; the first dimension is this process's batch, its own part of all.

        On a GPU more than 16384 of them are drawn there, from a sequence of this process's own.
        """

    def gather(self, images: Tensor) -> Tensor:
        """The images of all processes, one after the other by rank (this one's own where there is one process)."""

    def mine(self, images: Tensor) -> Tensor:
        """The inverse of `gather`: this process's share."""

    def log(self, **losses: Tensor) -> None:
        """Keeps losses for the report. They stay on the device until they are read."""


class Model(nn.Module, Generic[OptionsT]):
    """A GAN: networks, replay pools and everything else that a run remembers are its sub-modules."""

    contract: ClassVar[int] = 1
    """The version of the contract that the plugin was written for: `contract = 2`. Contract 1 did not say."""
    paper: ClassVar[str] = ""
    """Authors, title, venue and arXiv number."""
    Options: ClassVar[type]
    """The dataclass of all hyper-parameters, each declared with `gantool.options.option`."""
    options: OptionsT
    """The options that this model was built from."""
    spec: Spec
    """Domains and training crops."""
    roles: Roles = Roles()
    """An instance may have other roles than its class."""
    crops: Sizes = Sizes()
    """Which training crops all networks accept."""

    @classmethod
    @abstractmethod
    def data(cls, o: OptionsT) -> Data:
        """The training data of a model with these options."""
        raise CheckpointError(f"the model {cls.__name__} does not say what it is trained on: it has no data")

    @classmethod
    @abstractmethod
    def length(cls, o: OptionsT) -> Epochs | Steps:
        """Length of a training, unless a person says otherwise."""
        raise CheckpointError(f"the model {cls.__name__} does not say how long it is trained: it has no length")

    def __init__(self, options: OptionsT, spec: Spec) -> None:
        super().__init__()
        self.options = options
        self.spec = spec

    @abstractmethod
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by name. Their learning rates are the base rates; the core multiplies by `rate_factor`."""
        raise CheckpointError(f"the model {type(self).__name__} cannot be trained: it has no optimizers")

    def rate_factor(self, now: Progress) -> float:
        """Learning rate at this point as a share of the base rate: a pure function, so that resuming is exact."""
        return 1.0

    def prepare_training(self) -> None:
        """Called once before a training begins or goes on, on the CPU: fills `frozen` networks from files that options
        name. Raises UsageError or CheckpointError for a file that is not what it should be.
        """

    @abstractmethod
    def training_step(self, batch: Batch, run: Run) -> None:
        """One iteration, in the paper's order. `batch` is on the device."""
        raise CheckpointError(f"the model {type(self).__name__} cannot be trained: it has no training_step")


_OF_CONTRACT_1 = ("ImageSpec", "Imported", "OfficialTensors", "Part")


def __getattr__(name: str) -> NoReturn:
    """A plugin of contract 1 asks for names that this module no longer has: it is told so, in one line."""
    if name in _OF_CONTRACT_1:
        raise CheckpointError(f"it was written for contract 1, and this is contract {CONTRACT}: {CHANGES}")
    raise AttributeError(f"module 'gantool.model' has no attribute {name!r}")


CHANGES = "docs/contract-changes.md says what to change"
