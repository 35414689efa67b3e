"""Two folders of pictures without counterparts: the layout of CycleGAN and of every model trained without pairs."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gantool.data.cache import PictureCache, Source, open_cache
from gantool.data.find import find_pictures, subfolders
from gantool.data.layout import Dataset, Domain, Item, Layout
from gantool.data.pictures import picture_size, read_pixels
from gantool.data.transforms import Pixels, Preparation, crop_and_flip, draw, resize_crop, resized_size
from gantool.errors import DataError

# What precedes a domain's name in the name of its folder: trainA, train_horse, test-A. "trains" is a name of its own.
_SPLIT = re.compile(r"^(?:train|test|val)(?:[_-]+|(?=[A-Z0-9])|$)")
_SPLIT_FOLDERS = ("train", "test", "val", "valid", "validation")

# Streams of random numbers that are drawn from one seed.
_ORDER, _ITEM = 0, 1


def unpaired() -> Layout:
    """Two collections of pictures, "A" and "B", whose items are drawn independently."""
    return _Unpaired()


class _Unpaired:
    name = "unpaired"

    def find(self, paths: Sequence[Path]) -> tuple[Domain, ...]:
        """The domains in two folders, or in one that holds trainA and trainB, train/A and train/B, or two folders."""
        if len(paths) == 1:
            folders = _halves(paths[0])
        elif len(paths) == 2:
            folders = (paths[0], paths[1])
        else:
            raise DataError(
                "unpaired training takes two folders of pictures, or one that holds trainA and trainB: "
                f"{len(paths)} were given"
            )
        files = tuple(find_pictures(folder) for folder in folders)
        if folders[0].samefile(folders[1]):
            raise DataError(f"both domains are the same folder, {folders[0]}: give one folder for each domain")
        return tuple(map(Domain, _names(folders), folders, files))

    def open(
        self,
        domains: Sequence[Domain],
        preparation: Preparation,
        channels: Sequence[int],
        *,
        seed: int,
        cache: Path | None,
    ) -> Dataset:
        """The data set. Raises DataError for pictures that are too small to be cropped."""
        return UnpairedDataset(domains, preparation, channels, seed=seed, cache=cache)


@dataclass(frozen=True)
class _Collection:
    """One domain: its pictures, and where they begin in the cache."""

    domain: Domain
    channels: int
    first: int


class UnpairedDataset:
    """Items {"A": (H, W, C) uint8, "B": ...}, as many an epoch as the larger domain has pictures.

    A runs through its domain in an order that is shuffled for every epoch, again and again if B is larger; B is drawn
    uniformly. Crop and mirror of the two are independent. Everything is a function of (seed, epoch, index).
    """

    domains: tuple[Domain, ...]

    def __init__(
        self,
        domains: Sequence[Domain],
        preparation: Preparation,
        channels: Sequence[int],
        *,
        seed: int,
        cache: Path | None = None,
    ) -> None:
        self.domains = tuple(domains)
        a, b = self.domains
        self._a = _Collection(a, channels[0], 0)
        self._b = _Collection(b, channels[1], len(a.files))
        self._preparation = preparation
        self._seed = seed
        self._length = max(len(a.files), len(b.files))
        self._order: tuple[int, NDArray[np.int64]] | None = None  # of the epoch asked for last
        self._lock = threading.Lock()

        sources = [Source(file, c.channels) for c in (self._a, self._b) for file in c.domain.files]
        on_file = None  # resize_and_crop makes every picture the same size, so nobody has to look
        if preparation.preprocess == "crop" or (cache is not None and preparation.preprocess != "resize_and_crop"):
            with ThreadPoolExecutor() as pool:
                on_file = list(pool.map(picture_size, (source.path for source in sources)))
        if on_file is not None and preparation.preprocess == "crop":
            _check_crop(sources, on_file, preparation.crop)
        self._cache: PictureCache | None = None
        self._no_cache: str | None = None
        if cache is not None:
            sizes = [resized_size(*size, preparation) for size in on_file or [(1, 1)] * len(sources)]
            self._cache, self._no_cache = open_cache(cache, sources, sizes, preparation)

    def __len__(self) -> int:
        return self._length

    @property
    def cache_note(self) -> str | None:
        """Why pictures are decoded anew although a cache was asked for; None where all is well."""
        return self._cache.note if self._cache is not None else self._no_cache

    def item(self, epoch: int, index: int) -> Item:
        """The item at position `index` of epoch `epoch`. Raises DataError for a picture that cannot be read."""
        rng = _generator(self._seed, _ITEM, epoch, index)
        of_a = int(self._permutation(epoch)[index]) % len(self._a.domain.files)
        of_b = int(rng.integers(len(self._b.domain.files)))
        return {"A": self._prepared(self._a, of_a, rng), "B": self._prepared(self._b, of_b, rng)}

    def close(self, *, remove: bool = False) -> None:
        """Lets go of the cache; `remove` deletes its file."""
        if self._cache is not None:
            self._cache.close(remove=remove)

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        with self._lock:
            if self._order is None or self._order[0] != epoch:
                self._order = epoch, _generator(self._seed, _ORDER, epoch).permutation(self._length)
            return self._order[1]

    def _prepared(self, collection: _Collection, number: int, rng: np.random.Generator) -> Pixels:
        preparation = self._preparation
        if self._cache is not None:
            pixels = self._cache.get(collection.first + number)
            return crop_and_flip(pixels, preparation, draw(rng, pixels.shape[1], pixels.shape[0], preparation))
        pixels = read_pixels(collection.domain.files[number], collection.channels)
        width, height = resized_size(pixels.shape[1], pixels.shape[0], preparation)
        return resize_crop(pixels, preparation, draw(rng, width, height, preparation))


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


def _halves(root: Path) -> tuple[Path, Path]:
    folders = subfolders(root)
    for a, b in ((root / "trainA", root / "trainB"), (root / "train" / "A", root / "train" / "B")):
        if a.is_dir() and b.is_dir():
            return a, b
    if len(folders) == 2 and not any(folder.name.lower() in _SPLIT_FOLDERS for folder in folders):
        return folders[0], folders[1]
    held = ", ".join(folder.name for folder in folders[:6]) + (", ..." if len(folders) > 6 else "")
    raise DataError(
        f"{root} holds no two domains: looked for trainA and trainB, train/A and train/B, or exactly two folders; "
        f"found {'the folders ' + held if held else 'no folder'}. Or name two folders of pictures"
    )


def _names(folders: tuple[Path, Path]) -> tuple[str, str]:
    """The folders' names without a leading train, test or val; A and B where that leaves nothing to tell them apart."""
    a, b = (_SPLIT.sub("", os.path.basename(os.path.abspath(folder))) for folder in folders)
    return (a, b) if a and b and a != b else ("A", "B")
