"""Mix-ins for what only some models can do, and the one place that asks what a model can do.

They are methods of the model itself. A separate object would keep the old networks when averaged weights are swapped
in, or when the model is copied for an export.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gantool.errors import did_you_mean
from gantool.model import Model, Progress
from gantool.spec import ABILITIES, Direction, Sizes, Spec


class Translates:
    """Makes a picture of a picture."""

    spec: Spec
    sizes: Sizes = Sizes()
    """Sizes that `translate` accepts; an instance may narrow it (a U-Net's multiple depends on its depth)."""

    def directions(self) -> tuple[Direction, ...]:
        """Between which domains `translate` goes: all pairs, unless a model overrides it."""
        names = self.spec.domains
        return tuple(Direction(source, target) for source in names for target in names if source != target)

    @abstractmethod
    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        """Pictures (N, C, H, W) in [-1, 1] of domain number `source` as pictures of domain number `target`, in [-1, 1].

        H and W satisfy `sizes`. A model with style codes is always given a `code` (N, `code_size`), a conditioned one
        a `condition` (N, length of `condition_names`).
        """
        raise NotImplementedError


class Coded:
    """Several results for one input: a style code decides."""

    code_size: int
    """Length of a code; 0 for an instance whose options leave one result."""

    def random_code(self, target: int, generator: torch.Generator) -> Tensor:
        """A code (1, `code_size`) for pictures of domain `target`; every draw is from the CPU generator."""
        return torch.randn(1, self.code_size, generator=generator)

    def mean_code(self, target: int) -> Tensor:
        """The code (1, `code_size`) in the middle of those that `random_code` gives."""
        return torch.zeros(1, self.code_size)

    def between(self, one: Tensor, other: Tensor, share: float) -> Tensor:
        """The code (1, `code_size`) this share (0 to 1) of the way from one to another: on a line, by default.

        Both are on the CPU, which has double precision on every machine.
        """
        return torch.lerp(one, other, share)


class Encodes(Coded):
    """Finds the style code of a picture."""

    encoders: tuple[str, ...] = ()
    """The networks that `encode` needs, by name: imported weights may lack them, and options leave them out (None)."""

    @abstractmethod
    def encode(self, images: Tensor, *, domain: int) -> Tensor:
        """The codes (N, `code_size`) of pictures (N, C, H, W) in [-1, 1] of this domain."""
        raise NotImplementedError


class Conditioned:
    """Told by a vector what a picture shall become: a class, or attributes that are on or off."""

    condition_names: tuple[str, ...] = ()
    """The meaning of each number of a condition."""

    @abstractmethod
    def condition(self, target: str, images: Tensor) -> Tensor:
        """The condition (N, length of `condition_names`) that makes pictures (N, C, H, W) what `target` asks for.

        `target` is a domain's name, or an expression of attributes. Raises UsageError.
        """
        raise NotImplementedError


class Attends:
    """Shows where its networks look."""

    maps: tuple[str, ...] = ()
    """Names of the maps; none for an instance whose options leave them out."""
    masks: tuple[str, ...] = ()
    """Those that are masks: shares in [0, 1], drawn in grey as they are. All others are stretched and coloured."""

    @abstractmethod
    def attention(self, images: Tensor, *, source: int, target: int) -> dict[str, Tensor]:
        """Heat maps and masks (N, 1, h, w) by name."""
        raise NotImplementedError


class Samples:
    """Makes pictures of random numbers, and of a class or a text where it is told one."""

    spec: Spec
    latent_size: int
    """Numbers of a latent."""
    label_size: int = 0
    """Numbers of the label that says what a picture shows: one for each class (the domains of `spec`), or those of an
    encoded text; 0 for a model that is not told."""
    truncates: str = ""
    """What a truncation below 1 does, in a few words; empty for a model without one."""

    def latent(self, seed: int, truncation: float = 1.0) -> Tensor:
        """The latent (1, `latent_size`) of a seed from 0 to 2^32 - 1, standard normal: numpy's frozen RandomState, as
        in StyleGAN's code. A model that truncates latents draws those beyond `truncation` again."""
        return torch.from_numpy(np.random.RandomState(seed).standard_normal((1, self.latent_size))).float()

    @abstractmethod
    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """Pictures (N, C, H, W) in [-1, 1] of latents (N, `latent_size`).

        A model that is told something is always given `labels` (N, `label_size`): a 1 for the class and 0 for all
        others, shares of several classes, or an encoded text. A picture depends on its own row alone.
        """
        raise NotImplementedError


class Reads(Samples):
    """Is told by words what to show."""

    reads: bool = True
    """Whether this instance has an encoder of text: one that was trained on vectors has none."""

    @abstractmethod
    def read(self, texts: Sequence[str]) -> Tensor:
        """The labels (N, `label_size`) of texts."""
        raise NotImplementedError


class Mixes(Samples):
    """Makes pictures of styles, one for each layer of its generator, which it makes of latents (StyleGAN's w)."""

    style_shape: tuple[int, int]
    """(layers, numbers of a style)."""

    @abstractmethod
    def styles(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """The styles (N, *`style_shape`) of latents; other arguments as `sample`."""
        raise NotImplementedError

    @abstractmethod
    def of_styles(self, styles: Tensor) -> Tensor:
        """Pictures (N, C, H, W) in [-1, 1] of styles (N, *`style_shape`): `sample` is this of `styles`."""
        raise NotImplementedError

    def noises(self) -> list[Tensor]:
        """The maps of noise (H, W), buffers, that stay the same from picture to picture; a projection moves them."""
        return []


class Inverts(Samples):
    """Finds the latent that gives a picture, by a network (ALI's encoder)."""

    @abstractmethod
    def invert(self, images: Tensor) -> Tensor:
        """The latents (N, `latent_size`) of pictures (N, C, H, W) in [-1, 1] of the size of its own."""
        raise NotImplementedError


class Averaged:
    """Keeps an exponential moving average of some networks: translation and sampling use the average."""

    averaged: tuple[str, ...] = ()
    """The networks, by name."""
    averages_buffers: bool = False
    """Whether floating-point buffers are averaged, too; otherwise they are copied."""

    def average_decay(self, now: Progress) -> float:
        """Decay of the averages in this step."""
        return 0.999


class Grows:
    """Begins with the weights of a smaller model of its kind."""

    grown_from: str = ""
    """What a new run has to begin with, in a few words ("a run of stage 1"); empty where it can begin with none."""

    @abstractmethod
    def adopt(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The tensors of another run, with this model's own where that one has none.

        Called once with the weights that translation needs and once with those of the training-only networks.
        """
        raise NotImplementedError


class Tells:
    """Has more to say of itself than its options do."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Facts for the header of its weights and for `gantool info`, as JSON has them."""
        raise NotImplementedError


@dataclass(frozen=True)
class Graph:
    """A network to export."""

    module: nn.Module
    """Takes the inputs in their order, and gives a tensor, or a tuple of several outputs in theirs."""
    inputs: Mapping[str, Tensor]
    """Examples by name, at least three rows each: the graph is traced with them, and the file is checked with them."""
    outputs: tuple[str, ...]


class Exports:
    """Exports more than the translation or the pictures of noise, or these in a way of its own."""

    outputs: tuple[str, ...] = ("translation",)
    """Outputs of the module of `translation`, in its order: the picture first."""

    def translation(self, direction: Direction) -> nn.Module | None:
        """The module to export for a direction: forward(images), then the code or the condition where there is one.

        It gives a tensor, or a tuple of all `outputs`. None for the default, which calls `translate`.
        """
        return None

    def settled(self) -> Model[Any]:
        """The model whose `sample` is exported: itself, unless its weights follow from others, as under spectral norm:
        then a copy in which they are computed once for all.
        """
        assert isinstance(self, Model)
        return self

    def graphs(self) -> Mapping[str, Graph]:
        """Networks that are exported by themselves, by name."""
        return {}


_MIXINS = (
    Translates,
    Coded,
    Encodes,
    Conditioned,
    Attends,
    Samples,
    Reads,
    Mixes,
    Inverts,
    Averaged,
    Grows,
    Tells,
    Exports,
)
_KINDS: dict[str, type] = dict(zip(ABILITIES, _MIXINS, strict=True))


def abilities(model: Model[Any], missing: Collection[str] = ()) -> frozenset[str]:
    """The abilities of this model, by its class, its options and the networks that imported weights lack (`missing`).

    Asked once, when weights are saved or a model is loaded: the header keeps the answer for all verbs.
    """
    can = {name for name, kind in _KINDS.items() if isinstance(model, kind)}
    if isinstance(model, Coded) and not model.code_size:
        can -= {"code", "encode"}
    if isinstance(model, Encodes) and any(name in missing or getattr(model, name) is None for name in model.encoders):
        can -= {"encode"}
    if isinstance(model, Attends) and not model.maps:
        can -= {"attend"}
    if isinstance(model, Averaged) and not model.averaged:
        can -= {"average"}
    if isinstance(model, Reads) and not model.reads:
        can -= {"read"}
    return frozenset(can)


def incomplete(model: type[Model[Any]]) -> str:
    """A member that a class names in another way than the contract; empty where there is none.

    One that it lacks is no mistake by itself: a model that only translates needs no training step.
    """
    contract = [base for base in model.__mro__ if base in (Model, *_MIXINS)]
    known = {name for base in contract for name in vars(base) if not name.startswith("_")}
    plugin = [base for base in model.__mro__ if base not in (*contract, *nn.Module.__mro__)]
    own = {name for base in plugin for name in vars(base) if not name.startswith("_")}
    if not hasattr(model, "Options"):
        return f"{model.__name__} has no Options"
    lacking = [name for name in sorted(known) if getattr(getattr(model, name), "__isabstractmethod__", False)]
    for name in lacking:
        if hint := did_you_mean(name, own - known):
            return f"{model.__name__} has no {name}. {hint}"
    for name in sorted(own - known):
        if hint := did_you_mean(name, known - own, cutoff=0.85):
            return f"{model.__name__} has {name}, which is never called. {hint}"
    return ""
