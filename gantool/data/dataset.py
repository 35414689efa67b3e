"""The data set of a run: from domains to the items of a batch. Imports no torch.

A layout finds the domains in folders (`Layout.find`) and says how an item is drawn from them (`Layout.open`). All else
is the same for every layout and stands here, once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gantool.data.cache import sweep
from gantool.data.collection import Collection
from gantool.data.source import Domain as Domain
from gantool.data.transforms import Augmentation, Pixels, Planes, Preparation, crop_and_flip

Item = dict[str, NDArray[np.generic]]
"""One training example: pictures (C, H, W) uint8 and label maps (C, H, W) int32; classes and attributes as they are.

Arrays may be views of the cache: they are copied into a batch.
"""

# Streams of random numbers that are drawn from one seed.
_ORDER, _ITEM = 0, 1


@dataclass(frozen=True)
class Recipe:
    """How files become items. Made once for a run and handed on as a whole."""

    preparation: Preparation
    channels: tuple[int, ...]
    """Channels of each domain's pictures."""
    seed: int = 0
    """Of all random draws."""


class Dataset:
    """The pictures of a run. `item` is a pure function of its arguments (and of the files): nothing to save or resume.

    A layout makes it. `draw(rng, epoch, index)` gives an item, with all its random numbers from `rng`;
    `resized(domain, number)` gives a picture of a domain, both counted from 0, after the deterministic resize.
    """

    def __init__(
        self,
        domains: Sequence[Domain],
        recipe: Recipe,
        collections: Sequence[Collection],
        *,
        length: int,
        draw: Callable[[np.random.Generator, int, int], Item],
        resized: Callable[[int, int], Planes],
    ) -> None:
        self.domains = tuple(domains)
        self.recipe = recipe
        self._collections = collections
        self._length = length
        self._draw = draw
        self._resized = resized

    def __len__(self) -> int:
        """Items of an epoch."""
        return self._length

    def item(self, epoch: int, index: int) -> Item:
        """The item at position `index` of epoch `epoch`. Raises DataError for a file that cannot be read."""
        return self._draw(_generator(self.recipe.seed, _ITEM, epoch, index), epoch, index)

    def samples(self, count: int) -> dict[str, list[Pixels]]:
        """Fixed pictures (H, W, C) of each domain, as training sees them, cropped in the middle: rows of a sample grid.

        Evenly apart, some again where there are too few. In layouts of pairs, those in one place are a pair.
        """
        return {
            domain.name: [self._middle(at, index * len(domain.files) // count) for index in range(count)]
            for at, domain in enumerate(self.domains)
        }

    def texts(self, count: int) -> list[str]:
        """So many texts that describe pictures of the first domain, evenly apart; none where they come without."""
        captions = self.domains[0].captions
        return [captions[index * len(captions) // count][0] for index in range(count)] if captions else []

    def sizes(self) -> list[tuple[Path, tuple[int, int]]]:
        """Each file with its picture's (width, height) after the resize, from headers read once. Raises DataError."""
        return [
            (source.path, size)
            for pictures in self._collections
            for source, size in zip(pictures.sources, pictures.resized_sizes(), strict=True)
        ]

    def keep_in(self, folder: Path) -> None:
        """Keeps decoded and resized pictures in this folder, which is made if need be and shared by all processes.

        Without it they are decoded each time. What was kept there of pictures that have changed since is removed.
        """
        for pictures in self._collections:
            pictures.keep_in(folder)
        sweep(folder, [pictures.kept_in for pictures in self._collections])

    @property
    def cache_note(self) -> str | None:
        """Why pictures are decoded anew although a cache was asked for; None where all is well."""
        return next((pictures.note for pictures in self._collections if pictures.note), None)

    def close(self, *, remove: bool = False) -> None:
        """Lets go of files that are kept open; `remove` deletes the cache."""
        for pictures in self._collections:
            pictures.close(remove=remove)

    def _middle(self, domain: int, number: int) -> Pixels:
        planes, preparation = self._resized(domain, number), self.recipe.preparation
        y, x = (max(0, side - preparation.crop) // 2 for side in planes.shape[1:])
        middle = crop_and_flip(planes, preparation, Augmentation(x, y, flip=False))
        pixels: Pixels = middle.transpose(1, 2, 0).copy()
        return pixels


class Layout(Protocol):
    """How a model's training pictures are arranged on disk."""

    name: str
    pairs: bool
    """Whether pictures of its domains belong together, one of each."""
    many: bool
    """Whether it takes any number of domains, a folder for each."""

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """The domains below these paths. Raises DataError with what was looked for.

        `aligned` ("AB" or "BA") is for layouts of pairs: which half of a side-by-side picture is A. Others refuse it.
        """

    def open(self, domains: Sequence[Domain], recipe: Recipe) -> Dataset:
        """The data set. Raises DataError for pictures that are too small to be cropped."""


class Order:
    """A shuffled order of an epoch's items, a function of (seed, epoch); the epoch asked for last is kept."""

    def __init__(self, length: int, seed: int) -> None:
        self._length, self._seed = length, seed
        self._kept: tuple[int, NDArray[np.int64]] | None = None
        self._lock = threading.Lock()

    def at(self, epoch: int, index: int) -> int:
        """The number, below the length, that stands at `index` in this epoch's order."""
        with self._lock:
            if self._kept is None or self._kept[0] != epoch:
                self._kept = epoch, _generator(self._seed, _ORDER, epoch).permutation(self._length)
            return int(self._kept[1][index])


def _generator(*entropy: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))
