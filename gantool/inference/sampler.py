"""Pictures of latents. Training's samples, `sample`, evaluation and the Python interface all come through here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantool.capabilities import Inverts, Mixes, Reads, Samples, abilities
from gantool.contract import images_of
from gantool.errors import CheckpointError, DataError, OutOfMemoryError, UsageError, argument, ran_out
from gantool.inference import memory
from gantool.inference.pixels import as_pictures, moved, prepared
from gantool.inference.ready import fast_convolutions, networks_of, ready
from gantool.model import Model
from gantool.pictures.file import Array, read_picture, to_uint8
from gantool.pictures.resize import to_unit
from gantool.schema import first_line

_READ_TOGETHER = 64  # texts


class Sampler:
    """A model on a device, ready to make pictures. The model's own training or evaluation mode is left as it is.

    `precision` is "bf16", "fp32", or "exact": the same arithmetic, with convolutions computed by their definition.

    `can` are the abilities that its header names; None asks the model. Raises CheckpointError for a model that makes
    no pictures of noise.
    """

    def __init__(
        self,
        model: Model[Any],
        device: torch.device | str = "cpu",
        precision: str = "fp32",
        can: frozenset[str] | None = None,
    ) -> None:
        if not isinstance(model, Samples):
            raise CheckpointError(f"a {type(model).__name__} makes no pictures of noise")
        self.model = model.to(device)
        self.can = abilities(model) if can is None else can
        self.device = torch.device(device)
        self.half = precision == "bf16"
        self._convolutions = fast_convolutions(networks_of(model), self.device, precision)
        # On a CPU a batch leaves its cache. Passes are always full: so a picture never depends on its neighbours.
        self.together = 16 if self.device.type == "cuda" else 1
        """How many pictures fill a pass, if the memory suffices."""
        self.fitting = self.together
        """How many have fitted into the memory so far."""

    @property
    def _samples(self) -> Samples:
        assert isinstance(self.model, Samples)
        return self.model

    def _ready(self) -> AbstractContextManager[None]:
        return ready(self.model, self.device, half=self.half, convolutions=self._convolutions)

    def latent(self, seed: int, truncation: float = 1.0) -> Tensor:
        """The latent (1, L) of a seed from 0 to 2^32 - 1."""
        return self._samples.latent(seed, truncation)

    def label(self, *classes: int) -> Tensor:
        """The label (1, classes) of a class, by its number, or of equal shares of several."""
        label = torch.zeros(1, self._samples.label_size)
        label[0, list(classes)] = 1 / len(classes)
        return label

    def read(self, texts: Sequence[str]) -> Tensor:
        """The labels (N, label_size) of texts. Raises UsageError for a model that does not read."""
        if "read" not in self.can or not isinstance(self.model, Reads):
            raise UsageError(f"these weights read no text: leave out {argument('text')}")
        parts = [texts[first : first + _READ_TOGETHER] for first in range(0, len(texts), _READ_TOGETHER)]
        with self._explained(), ready(self.model, self.device):
            return torch.cat([self.model.read(part).float().cpu() for part in parts])

    def own_picture(self, path: Path) -> Array:
        """A file as a picture (H, W, C) of the model's own size and channels. Raises DataError."""
        spec = self.model.spec
        return prepared(read_picture(path), spec.channels[0], (spec.size, spec.size))[0]

    def pictures(self, latents: Tensor, labels: Tensor | None = None, truncation: float = 1.0) -> list[Array]:
        """Pictures (H, W, C) uint8 of latents (N, L), and of labels (N, label_size) where the model is told something.

        A picture is the same whatever stands in the other rows. Raises DataError and OutOfMemoryError.
        """
        return [one for images in self._made(latents, labels, truncation) for one in as_pictures(images)]

    def images(self, latents: Tensor, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """As `pictures`, but as the network gives them: (N, C, H, W) in [-1, 1], on the device, not rounded."""
        return torch.cat(list(self._made(latents, labels, truncation)))

    def styles(self, latents: Tensor, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """The styles (N, layers, numbers) of latents. Raises UsageError for a model without."""
        model = self._mixes

        def make(latents: Tensor, labels: Tensor | None = None) -> Tensor:
            return model.styles(latents, labels=labels, truncation=truncation)

        return torch.cat([styles.float().cpu() for styles in self._passes(make, latents, labels)])

    def of_styles(self, styles: Tensor) -> list[Array]:
        """Pictures (H, W, C) uint8 of styles (N, layers, numbers), as `pictures`."""
        return [one for images in self._passes(self._mixes.of_styles, styles) for one in as_pictures(images)]

    def invert(self, pixels: Array) -> Tensor:
        """The latent (1, L) of a picture (H, W, C) of the size of the model's own. Raises UsageError for a model that
        finds none."""
        if "invert" not in self.can or not isinstance(self.model, Inverts):
            raise UsageError("these weights find no latent of a picture")
        with self._explained(), self._ready():
            return self.model.invert(moved(as_images(pixels), self.device)).float().cpu()

    def images_of_styles(self, styles: Tensor) -> Tensor:
        """As `of_styles`, but as the network gives them: (N, C, H, W) in [-1, 1], on the device, not rounded."""
        return torch.cat(list(self._passes(self._mixes.of_styles, styles)))

    def _made(self, latents: Tensor, labels: Tensor | None, truncation: float) -> Iterator[Tensor]:
        def make(latents: Tensor, labels: Tensor | None = None) -> Tensor:
            made = self._samples.sample(latents, labels=labels, truncation=truncation)
            return images_of(made, len(latents), "sample")

        return self._passes(make, latents, labels)

    @property
    def _mixes(self) -> Mixes:
        if "mix" not in self.can or not isinstance(self.model, Mixes):
            raise UsageError("these weights have no styles, one for each layer: StyleGAN has such")
        return self.model

    def _passes(self, make: Callable[..., Tensor], *tables: Tensor | None) -> Iterator[Tensor]:
        """What `make` gives for the rows of tables (N, ...), pass by pass; the last row fills the last pass up.

        Where the memory runs out, this pass and all later ones take half as many rows.
        """
        rows = [table for table in tables if table is not None]
        done = 0
        while done < len(rows[0]):
            parts = [table[done : done + self.fitting] for table in rows]
            with self._explained():
                made = self._pass(make, parts)
            if made is None:
                memory.release(self.device)
                self.fitting //= 2
            else:
                done += len(made)
                yield made

    def _pass(self, make: Callable[..., Tensor], parts: Sequence[Tensor]) -> Tensor | None:
        """What `make` gives for these rows; None where fewer might fit into the memory."""
        count = len(parts[0])
        full = [torch.cat([part, part[-1:].expand(self.fitting - count, *part.shape[1:])]) for part in parts]
        try:
            with self._ready():
                return make(*(moved(part, self.device) for part in full))[:count]
        except (MemoryError, RuntimeError) as error:
            if self.fitting > 1 and ran_out(error):
                return None
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Inside, what torch raises becomes OutOfMemoryError or DataError."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            memory.let_go(error, self.device)
            if ran_out(error):
                remedies = [] if self.half else [argument("precision", "bf16")]
                remedies += [] if self.device.type == "cpu" else [argument("device", "cpu")]
                advice = f": try {' or '.join(remedies)}" if remedies else ""
                raise OutOfMemoryError(f"the memory does not suffice for a picture{advice}") from error
            raise DataError(f"the model fails on its latents: {first_line(error)}") from error


def as_images(pixels: Array) -> Tensor:
    """A picture (H, W, C) as a network takes it: (1, C, H, W) in [-1, 1]."""
    return to_unit(torch.from_numpy(np.ascontiguousarray(to_uint8(pixels).transpose(2, 0, 1)))[None].float())


def slerp(one: Tensor, other: Tensor, share: float) -> Tensor:
    """The latent (1, L) this share (0 to 1) of the way from one to another, on the arc between them: so it is as long
    as normally distributed ones are (White 2016, arXiv 1609.04468).
    """
    cosine = torch.nn.functional.cosine_similarity(one, other).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if float(angle.sin()) < 1e-6:  # the same direction, or opposite ones
        return torch.lerp(one, other, share)
    return (one * ((1 - share) * angle).sin() + other * (share * angle).sin()) / angle.sin()
