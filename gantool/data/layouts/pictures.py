"""One folder of pictures: the layout of models that make more of a kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gantool.counting import count_in_words
from gantool.data.collection import Collection
from gantool.data.dataset import Dataset, Domain, Item, Layout, Order, Recipe
from gantool.data.layouts.folders import both, names
from gantool.data.layouts.parts import only_part, pictures_of, train
from gantool.errors import DataError, UsageError, argument

FEW = 1000
"""Fewer pictures than this are told of: a discriminator soon knows so few by heart."""


def pictures(*, augmented: bool = False) -> Layout:
    """One collection of pictures: items {"image": (C, H, W) uint8}, each once an epoch, in an order shuffled anew.

    A person is told of few pictures, unless the discriminator sees them `augmented`.
    """
    return _Pictures(augmented)


@dataclass(frozen=True)
class _Pictures:
    augmented: bool

    name = "pictures"
    pairs = False
    many = False

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """All pictures below a folder, or below its folder `train` where it has one."""
        if aligned is not None:
            raise UsageError(f"{argument('aligned')} is for pictures in pairs: this model takes one folder of pictures")
        if len(paths) != 1:
            raise DataError(
                f"this model takes one folder, with all pictures below it, and {len(paths)} were given: put them into"
                " one. Models that have an option classes take a folder for each class where it is true"
            )
        (root,) = paths
        folder = train(root)
        found = pictures_of(names([root])[0], folder)
        message = None if self.augmented else few(len(found.files))
        return (replace(found, note=both(only_part(root, folder), found.note, message)),)

    def open(self, domains: Sequence[Domain], recipe: Recipe) -> Dataset:
        """The data set. Raises DataError for pictures that are too small to be cropped."""
        (domain,) = domains
        collection = Collection(domain.sources(recipe.channels[0]), recipe.preparation)
        order = Order(len(domain.files), recipe.seed)

        def draw(rng: np.random.Generator, epoch: int, index: int) -> Item:
            return {"image": collection.augmented(order.at(epoch, index), rng)}

        return Dataset(
            domains,
            recipe,
            [collection],
            length=len(domain.files),
            draw=draw,
            resized=lambda _, number: collection.resized(number),
        )


def few(count: int) -> str | None:
    """A message about so many pictures to make more of; None where they are enough."""
    if count >= FEW:
        return None
    pictures = count_in_words(count, "picture is", "pictures are")
    return (
        f"{pictures} few to make more of: below {FEW:,} a discriminator learns them by heart, unless it"
        " sees them augmented, as that of stylegan does (augment=bgc)"
    )
