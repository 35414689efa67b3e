"""Two folders of pictures without counterparts: the layout of CycleGAN and of every model trained without pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gantool.data.collection import Collection
from gantool.data.dataset import Dataset, Domain, Item, Layout, Order, Recipe
from gantool.data.layouts.folders import both, held_in, names
from gantool.data.layouts.parts import only_parts, pictures_of, two_below
from gantool.data.transforms import Planes
from gantool.errors import DataError, UsageError, argument


def unpaired(*, smoothed: str = "") -> Layout:
    """Two collections of pictures: items {"A": (C, H, W) uint8, "B": ...}, as many an epoch as the larger one has.

    A runs through its domain in an order that is shuffled for every epoch, again and again if B is larger; B is drawn
    uniformly. Crop and mirror of the two are independent.

    With `smoothed` items have a third picture "E", one of B with softened edges (`gantool.data.edges`): "drawn" by
    itself, with a crop and a mirror of its own, or "same", which is "B" again.
    """
    return _Unpaired(smoothed)


SMOOTHED = ("drawn", "same")
"""Which picture of B is the one with softened edges."""


@dataclass(frozen=True)
class _Unpaired:
    smoothed: str = ""

    def __post_init__(self) -> None:
        if self.smoothed not in ("", *SMOOTHED):
            raise ValueError(f"there is no way {self.smoothed!r} to smooth; known: {', '.join(SMOOTHED)}")

    name = "unpaired"
    pairs = False
    many = False

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """The domains in two folders, or in one that holds trainA and trainB, train/A and train/B, or two folders."""
        if aligned is not None:
            raise UsageError(
                f"{argument('aligned')} is for models that are trained on pairs: "
                "this one takes pictures without counterparts"
            )
        if len(paths) == 1:
            folders = _two_below(paths[0])
        elif len(paths) == 2:
            folders = (paths[0], paths[1])
        else:
            raise DataError(
                "unpaired training takes two folders of pictures, or one that holds trainA and trainB: "
                f"{len(paths)} were given"
            )
        a, b = (pictures_of(name, folder) for name, folder in zip(names(folders), folders, strict=True))
        if len(paths) == 1:
            a = replace(a, note=both(only_parts(paths[0], folders), a.note))
        if folders[0].samefile(folders[1]):
            raise DataError(f"both domains are the same folder, {folders[0]}: give one folder for each domain")
        if self.smoothed:
            told = f"pictures of {a.root} are to become like those of {b.root}, whose edges are smoothed"
            b = replace(b, note=both(b.note, told))
        return a, b

    def open(self, domains: Sequence[Domain], recipe: Recipe) -> Dataset:
        """The data set. Raises DataError for pictures that are too small to be cropped."""
        sources = [domain.sources(channels) for domain, channels in zip(domains, recipe.channels, strict=True)]
        count_a, count_b = map(len, sources)
        softened = [replace(source, smoothed=True) for source in sources[1]] if self.smoothed else []
        pictures = Collection([*sources[0], *sources[1], *softened], recipe.preparation)
        length = max(count_a, count_b)
        order = Order(length, recipe.seed)

        def draw(rng: np.random.Generator, epoch: int, index: int) -> Item:
            of_a = order.at(epoch, index) % count_a
            of_b = count_a + int(rng.integers(count_b))
            item: Item = {"A": pictures.augmented(of_a, rng)}
            if self.smoothed == "same":
                item["B"], item["E"] = pictures.augmented_alike((of_b, of_b + count_b), rng)
                return item
            item["B"] = pictures.augmented(of_b, rng)
            if self.smoothed:
                item["E"] = pictures.augmented(count_a + count_b + int(rng.integers(count_b)), rng)
            return item

        def resized(domain: int, number: int) -> Planes:
            return pictures.resized(domain * count_a + number)

        return Dataset(domains, recipe, [pictures], length=length, draw=draw, resized=resized)


def _two_below(root: Path) -> tuple[Path, Path]:
    if (found := two_below(root)) is not None:
        return found[0]
    raise DataError(
        f"{root} holds no two domains: looked for trainA and trainB, train/A and train/B, or exactly two folders; "
        f"found {held_in(root)}. Or name two folders of pictures"
    )
