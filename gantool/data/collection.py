"""Numbered pictures: measured once, resized once, kept in a cache."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np

from gantool.counting import and_more
from gantool.data.cache import PictureCache, open_cache, read_resized
from gantool.data.source import Source
from gantool.data.transforms import Planes, Preparation, crop_and_flip, draw, resized_size
from gantool.errors import DataError, argument
from gantool.pictures.file import picture_size


class Collection:
    """Pictures, or label maps, after the deterministic resize; safe for threads.

    Raises DataError for pictures that are too small to be cropped.
    """

    def __init__(self, sources: Sequence[Source], preparation: Preparation) -> None:
        self.sources = sources
        self.preparation = preparation
        self._cache: PictureCache | None = None
        self._no_cache: str | None = None
        if preparation.preprocess == "crop":
            _check_crop(sources, self.sizes, preparation.crop)

    def keep_in(self, folder: Path) -> None:
        """Keeps resized pictures in a file in this folder, which processes share. Label maps, which are small, are not
        kept: they are decoded each time.
        """
        if not self.sources[0].classes:
            self._cache, self._no_cache = open_cache(folder, self.sources, self.resized_sizes(), self.preparation)

    @cached_property
    def sizes(self) -> list[tuple[int, int]]:
        """(width, height) of every picture on file, from the files' headers, each read once. Raises DataError."""
        files = list(dict.fromkeys(source.path for source in self.sources))
        with ThreadPoolExecutor() as pool:
            measured = dict(zip(files, pool.map(picture_size, files), strict=True))
        return [source.size(measured[source.path]) for source in self.sources]

    def resized_sizes(self) -> list[tuple[int, int]]:
        """(width, height) of every picture after the resize. Raises DataError."""
        if self.preparation.common_size is not None:
            return [self.preparation.common_size] * len(self.sources)
        return [resized_size(*size, self.preparation) for size in self.sizes]

    @property
    def note(self) -> str | None:
        """Why pictures are decoded anew although a cache was asked for; None where all is well."""
        return self._cache.note if self._cache is not None else self._no_cache

    @property
    def kept_in(self) -> Path | None:
        """The file that keeps resized pictures, if there is one."""
        return self._cache.path if self._cache is not None else None

    def resized(self, number: int) -> Planes:
        """Picture `number`, from 0, resized (C, H, W), perhaps read-only. Raises DataError."""
        if self._cache is not None:
            return self._cache.get(number)
        return read_resized(self.sources[number], self.preparation)

    def augmented(self, number: int, rng: np.random.Generator) -> Planes:
        """Picture `number` with a crop and a mirror of its own (C, H, W). Raises DataError."""
        return self.augmented_alike((number,), rng)[0]

    def augmented_alike(self, numbers: Sequence[int], rng: np.random.Generator) -> list[Planes]:
        """Pictures of one size with one crop and one mirror for all, each (C, H, W). Raises DataError."""
        pictures = [self.resized(number) for number in numbers]
        augmentation = draw(rng, pictures[0].shape[2], pictures[0].shape[1], self.preparation)
        return [crop_and_flip(planes, self.preparation, augmentation) for planes in pictures]

    def close(self, *, remove: bool = False) -> None:
        """Lets go of the cache; `remove` deletes its file."""
        if self._cache is not None:
            self._cache.close(remove=remove)


def _check_crop(sources: Sequence[Source], sizes: Sequence[tuple[int, int]], crop: int) -> None:
    small = [(source.path, size) for source, size in zip(sources, sizes, strict=True) if min(size) < crop]
    if small:
        path, (width, height) = small[0]
        least = min(min(size) for _, size in small)
        raise DataError(
            f"{path} is {width}x{height} pixels{and_more(small)}: too small for a crop of {crop}; "
            f"lower the crop to {least}, or resize with {argument('preprocess', 'resize_and_crop')}"
        )
