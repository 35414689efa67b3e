"""The contract between the core and a model plugin.

A plugin is one subclass of `Model`. It owns its networks, its losses and their order, its options; it never sees a
device, a file, a rank or a progress bar. The core owns those and hands a step what it needs through `Run`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from gantool.errors import DataError, UsageError

if TYPE_CHECKING:
    from gantool.data.dataset import Layout

Batch = Mapping[str, Tensor]
"""What a layout makes of the files: pictures (N, C, H, W) in [-1, 1] under its names ("A", "B"); labels as they are."""


@dataclass(frozen=True)
class Sizes:
    """Which picture sizes a model's `translate` accepts. The core pads to them and crops back."""

    multiple: int = 1
    """Height and width must divide by this."""
    minimum: int = 1
    """Neither side may be smaller."""
    exact: int | None = None
    """Where set, only squares of this side are accepted: a picture is never resized unasked."""

    def fit(self, height: int, width: int) -> tuple[int, int]:
        """The smallest accepted (height, width) that holds a picture of this size. DataError if it is not `exact`."""
        if self.exact is not None:
            if (height, width) != (self.exact, self.exact):
                raise DataError(
                    f"these weights take pictures of {self.exact}x{self.exact} only, not {width}x{height}:"
                    f" --size {self.exact} resizes"
                )
            return height, width

        def up(side: int) -> int:
            return ceil(max(side, self.minimum) / self.multiple) * self.multiple

        return up(height), up(width)


@dataclass(frozen=True)
class ImageSpec:
    """What the pictures of a run are: stored with the weights."""

    domains: tuple[str, ...]
    """The domains' names, in the order in which they were given."""
    channels: tuple[int, ...]
    """Channels of each domain's pictures: 1 (grey) or 3 (RGB)."""
    size: int
    """Side of the training crops, in pixels."""
    labels: bool = False
    """The domains are attributes: a picture may have several of them, or none."""
    kinds: tuple[str, ...] = ()
    """What each domain holds, where not all are pictures: "picture", or "labels" for label maps, whose channels are
    planes of ids: the classes and, if there are two, those of an instance map."""
    classes: int = 0
    """How many classes label maps have."""

    def index(self, domain: str) -> int:
        """Position of a domain in `domains`; raises ValueError for an unknown one.

        An expression of attributes, such as "+Male,-Young", counts as the first: their pictures are the same.
        """
        return 0 if self.labels and domain not in self.domains else self.domains.index(domain)

    def holds_labels(self, domain: str) -> bool:
        """Whether a domain holds label maps."""
        return bool(self.kinds) and self.kinds[self.index(domain)] == "labels"


@dataclass(frozen=True)
class Progress:
    """Where training stands: all that a learning rate or a decaying weight may depend on."""

    step: int
    """Steps done before this one, from 0."""
    total_steps: int
    epoch: float
    """Passes over the data done before this step: 2.5 is the middle of the third."""


OfficialTensors: TypeAlias = "Mapping[str, Tensor | OfficialTensors]"
"""What an official file holds: tensors by key, mappings within mappings where the authors have them."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What a plugin makes of official files (see `Model.from_official`)."""

    options: Any
    """The model's `Options`, as far as the files tell them."""
    spec: ImageSpec
    """With the plugin's own names for the domains; a person may choose others."""
    tensors: Mapping[str, Tensor]
    """By the model's own keys: every sub-module that the files hold, whole."""
    used: Mapping[tuple[str, str], str]
    """(file, official key) -> the model's key, or what became of it. Keys within mappings are joined by dots."""
    dropped: Mapping[tuple[str, str], str]
    """(file, official key) -> why it is not needed. Together with `used`: every key of every file."""
    directions: tuple[tuple[str, str], ...]
    """(source, target) domains between which the files' networks translate; they may be less than the whole model."""
    licence: str = ""
    """The licence of the authors' weights, where they released them under one: kept in the header."""


@dataclass(frozen=True)
class Part:
    """A network that is exported by itself (see `Model.parts`)."""

    module: nn.Module
    """One tensor of the tensors in `inputs`, in their order; row n of it of row n of each."""
    inputs: Mapping[str, Tensor]
    """Examples by name, at least three rows each: the graph is traced with them, and the file is checked with them."""
    output: str
    """What the result is called."""


class Run(Protocol):
    """All that a training step sees of the outside."""

    step: int
    """Steps done before this one, from 0."""
    total_steps: int
    epoch: float
    """Passes over the data done before this step."""
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
        """Standard normal draws on the device; the first dimension is this process's batch, its own part of all."""

    def gather(self, images: Tensor) -> Tensor:
        """The images of all processes, one after the other by rank (this one's own where there is one process)."""

    def mine(self, images: Tensor) -> Tensor:
        """The inverse of `gather`: this process's share."""

    def log(self, **losses: Tensor) -> None:
        """Keeps losses for the report. They stay on the device until somebody looks."""


class Model(nn.Module):
    """A translation model: networks, pools and everything that a run has to remember are sub-modules.

    Class variables say what the core needs to know without reading the code; the three methods are the model.
    """

    layout: ClassVar[Layout]
    """How pictures become batches: `unpaired()`, and others as they come."""
    paper: ClassVar[str] = ""
    """Authors, title, venue and arXiv number."""
    averaged: ClassVar[tuple[str, ...]] = ()
    """Sub-modules of which an exponential moving average is kept; translation uses the average."""
    frozen: ClassVar[tuple[str, ...]] = ()
    """Sub-modules with somebody else's weights, such as a VGG: never trained, never saved. See `prepare_training`."""
    exported_outputs: ClassVar[tuple[str, ...]] = ("translation",)
    """What `exported` gives, the picture first."""
    training_only: tuple[str, ...] = ()
    """Sub-modules that translation does not need: they are saved with the training state, not with the weights. An
    instance may name more."""

    default_batch: ClassVar[int] = 1
    """Pictures a domain and a step where nobody says: the authors'."""
    smallest_batch: ClassVar[int] = 1
    """Fewer pictures a process and a step would teach nothing, such as one alone where labels change places."""

    average_decay: float = 0.999
    """Decay of the averages per step; an instance may change it."""
    sizes: Sizes = Sizes()
    """What `translate` accepts; an instance may narrow it (a U-Net's multiple depends on its depth)."""
    style_size: int = 0
    """Length of the style codes that `translate` takes; 0 for a model with one output for one input."""
    label_names: tuple[str, ...] = ()
    """What the numbers of a label say, where exported files take the target as a second input, `label`: see
    `target_label`. Without them, or with styles, a file has one target."""
    missing: tuple[str, ...] = ()
    """Sub-modules that imported weights came without: they hold what they began with. None of a trained model."""
    options: Any
    """The `Options` this model was built from."""
    spec: ImageSpec

    @dataclass(frozen=True, kw_only=True)
    class Options:
        """Every hyper-parameter of the model, each declared with `gantool.options.option`."""

    @classmethod
    def layout_for(cls, options: Any) -> Layout:
        """The layout with these options, where they decide how pictures are arranged."""
        return cls.layout

    @classmethod
    def channels(cls, options: Any, domains: int) -> tuple[int, ...]:
        """Channels of each domain's pictures. Models for grey pictures override it."""
        return (3,) * domains

    @classmethod
    def spec_for(cls, options: Any, domains: tuple[str, ...], size: int) -> ImageSpec:
        """What the pictures of a run with these options, domains and crops are."""
        return ImageSpec(domains, cls.channels(options, len(domains)), size)

    @classmethod
    def default_epochs(cls, options: Any) -> float | None:
        """Length of a training when neither `--steps` nor `--epochs` is given; None where the model counts steps."""
        return None

    @classmethod
    def default_steps(cls, options: Any) -> int:
        """Length of a training for models that count steps (asked only if `default_epochs` is None)."""
        raise NotImplementedError(f"{cls.__name__} gives neither default_epochs nor default_steps")

    @classmethod
    def from_official(cls, files: Mapping[str, OfficialTensors]) -> Imported | None:
        """The authors' own checkpoint files, by name, as this model's: what `gantool import` asks every plugin.

        None if they are not this model's. Raises CheckpointError if they are, but do not fit each other or lack keys.
        """
        return None

    def __init__(self, options: Any, spec: ImageSpec) -> None:
        super().__init__()
        self.options = options
        self.spec = spec

    def directions(self) -> tuple[tuple[str, str], ...]:
        """The (source, target) domains that `translate` can do: all pairs, unless a model overrides it."""
        names = self.spec.domains
        return tuple((source, target) for source in names for target in names if source != target)

    def smallest_crop(self) -> int:
        """The least side of training crops, in pixels, that all networks can take."""
        return self.sizes.minimum

    def prepare_training(self) -> None:
        """Called once before a training begins or goes on, on the CPU: fills `frozen` networks from files that options
        name. Raises UsageError or CheckpointError for a file that is not what it should be.
        """

    def adopt(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """What `--from` puts into this model of another run's tensors: all of them, and they have to fit.

        A model that can grow out of a smaller one fills in its own tensors where that one has none. Called once with
        the weights that translation needs and once with those of the networks that only training needs.
        """
        return tensors

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by name. Their learning rates are the base rates; the core multiplies by `rate_factor`."""
        raise NotImplementedError

    def rate_factor(self, progress: Progress) -> float:
        """Learning rate at this point as a share of the base rate: a pure function, so that resuming is exact."""
        return 1.0

    def training_step(self, batch: Batch, run: Run) -> None:
        """One iteration, in the paper's order. `batch` is on the device."""
        raise NotImplementedError

    def translate(self, images: Tensor, *, source: str, target: str, style: Tensor | None = None) -> Tensor:
        """Pictures (N, C, H, W) in [-1, 1] of domain `source` as pictures of domain `target`, in [-1, 1].

        H and W satisfy `sizes`. `style` (N, `style_size`) is always given to a model that has styles.
        """
        raise NotImplementedError

    def random_style(self, target: str, generator: torch.Generator) -> Tensor:
        """A style code (1, `style_size`) for pictures of domain `target`; every draw is from the CPU generator."""
        return torch.randn(1, self.style_size, generator=generator).to(next(self.parameters()).device)

    def mean_style(self, target: str) -> Tensor:
        """The style code (1, `style_size`) in the middle of those that `random_style` gives."""
        return torch.zeros(1, self.style_size, device=next(self.parameters()).device)

    def encode_style(self, images: Tensor, *, domain: str) -> Tensor:
        """The style codes (N, `style_size`) of pictures (N, C, H, W) in [-1, 1] of this domain."""
        raise UsageError("this model takes no style from a picture: --style random, mean, or a FILE.npy of codes")

    def style_between(self, one: Tensor, other: Tensor, share: float) -> Tensor:
        """The style code (1, `style_size`) this share (0 to 1) of the way from one to another. A line, by default."""
        return torch.lerp(one, other, share)

    def attention(self, images: Tensor, *, source: str, target: str) -> dict[str, Tensor]:
        """Where the networks look, by name: heat maps (N, 1, h, w). None for most models."""
        return {}

    def facts(self) -> dict[str, Any]:
        """What else the weights' header and `gantool info` should say, as JSON has it."""
        return {}

    def target_label(self, images: Tensor, *, target: str) -> Tensor:
        """The labels (N, length of `label_names`) that let an exported file make of pictures what `translate` makes."""
        raise NotImplementedError(f"{type(self).__name__} has label_names, but no target_label")

    def parts(self) -> Mapping[str, Part]:
        """Networks besides the translation that `gantool export --part NAME` writes: none for most models."""
        return {}

    def exported(self, *, source: str, target: str) -> nn.Module:
        """The module that goes into an exported file: forward(images), or forward(images, style) if there are styles,
        or forward(images, label) if there are `label_names`.

        It gives what `exported_outputs` names: a tensor, or a tuple of several. The default wraps `translate`.
        """
        return _StyledTranslation(self, source, target) if self.style_size else _Translation(self, source, target)


class _Translation(nn.Module):
    def __init__(self, model: Model, source: str, target: str) -> None:
        super().__init__()
        self.model, self.source, self.target = model, source, target

    def forward(self, images: Tensor) -> Tensor:
        return self.model.translate(images, source=self.source, target=self.target)


class _StyledTranslation(_Translation):
    def forward(self, images: Tensor, style: Tensor) -> Tensor:  # type: ignore[override]
        return self.model.translate(images, source=self.source, target=self.target, style=style)
