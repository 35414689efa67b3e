"""What all layouts share: the pictures of some domains, numbered, resized, kept; and the random numbers of an item."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gantool.data.cache import PictureCache, Source, open_cache
from gantool.data.dataset import Domain
from gantool.data.transforms import Augmentation, Pixels, Preparation, crop_and_flip, resize, resized_size
from gantool.errors import DataError

SPLITS = ("train", "test", "val", "valid", "validation")
"""Names of folders that hold a part of the data, not a domain."""

# What precedes a domain's name in the name of its folder: trainA, train_horse, test-A. "trains" is a name of its own.
_SPLIT = re.compile(r"^(?:train|test|val)(?:[_-]+|(?=[A-Z0-9])|$)")

# Streams of random numbers that are drawn from one seed.
_ORDER, _ITEM = 0, 1


class Collection:
    """The pictures of some domains after the deterministic resize; safe for threads.

    Raises DataError for pictures that are too small to be cropped. `measure`: look at every picture's size even where
    neither the crop nor the cache needs it.
    """

    sizes: list[tuple[int, int]] | None
    """(width, height) of every picture on file, domain after domain; None where nobody had to look."""

    def __init__(
        self,
        domains: Sequence[Domain],
        preparation: Preparation,
        channels: Sequence[int],
        *,
        cache: Path | None,
        measure: bool = False,
    ) -> None:
        self.domains = tuple(domains)
        self.preparation = preparation
        self._firsts = list(accumulate((len(domain.files) for domain in domains), initial=0))
        self._sources = [
            Source(file, count, domain.half)
            for domain, count in zip(domains, channels, strict=True)
            for file in domain.files
        ]
        self.sizes = None
        cropped_as_it_is = preparation.preprocess == "crop"
        if measure or cropped_as_it_is or (cache is not None and preparation.common_size is None):
            with ThreadPoolExecutor() as pool:
                self.sizes = list(pool.map(Source.size, self._sources))
        if self.sizes is not None and cropped_as_it_is:
            _check_crop(self._sources, self.sizes, preparation.crop)
        self._cache: PictureCache | None = None
        self._no_cache: str | None = None
        if cache is not None:
            sizes = [resized_size(*size, preparation) for size in self.sizes or [(1, 1)] * len(self._sources)]
            self._cache, self._no_cache = open_cache(cache, self._sources, sizes, preparation)

    @property
    def note(self) -> str | None:
        """Why pictures are decoded anew although a cache was asked for; None where all is well."""
        return self._cache.note if self._cache is not None else self._no_cache

    def resized(self, domain: int, number: int) -> Pixels:
        """Picture `number` of a domain (both from 0), resized (H, W, C), perhaps read-only. Raises DataError."""
        place = self._firsts[domain] + number
        if self._cache is not None:
            return self._cache.get(place)
        return resize(self._sources[place].read(), self.preparation)

    def samples(self, count: int) -> dict[str, list[Pixels]]:
        """So many pictures of each domain, evenly apart, cropped in the middle; some again where there are too few."""
        return {
            domain.name: [self.middle(at, index * len(domain.files) // count) for index in range(count)]
            for at, domain in enumerate(self.domains)
        }

    def close(self, *, remove: bool = False) -> None:
        """Lets go of the cache; `remove` deletes its file."""
        if self._cache is not None:
            self._cache.close(remove=remove)

    def middle(self, domain: int, number: int) -> Pixels:
        """Picture `number` of a domain as training sees it, cropped in the middle."""
        pixels, crop = self.resized(domain, number), self.preparation.crop
        height, width = pixels.shape[:2]
        where = Augmentation(max(0, width - crop) // 2, max(0, height - crop) // 2, flip=False)
        return crop_and_flip(pixels, self.preparation, where)


class Orders:
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


def item_generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """What the draws of one item come from."""
    return _generator(seed, _ITEM, epoch, index)


def names(folders: Sequence[Path]) -> tuple[str, ...]:
    """The folders' names without a leading train, test or val; A, B, ... where that does not tell all apart."""
    found = [_SPLIT.sub("", os.path.basename(os.path.abspath(folder))) for folder in folders]
    if all(found) and len(set(found)) == len(found):
        return tuple(found)
    return tuple(chr(ord("A") + number) for number in range(len(found)))


def _generator(*entropy: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def _check_crop(sources: Sequence[Source], sizes: Sequence[tuple[int, int]], crop: int) -> None:
    small = [(source.path, size) for source, size in zip(sources, sizes, strict=True) if min(size) < crop]
    if small:
        path, (width, height) = small[0]
        others = f" (and {len(small) - 1} more)" if len(small) > 1 else ""
        least = min(min(size) for _, size in small)
        raise DataError(
            f"{path} is {width}x{height} pixels{others}: too small for a crop of {crop}; "
            f"lower the crop to {least}, or resize with preprocess resize_and_crop"
        )
