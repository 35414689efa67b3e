"""Pictures that come in pairs: two folders matched by name, or files that hold both pictures side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gantool.data.collection import Collection
from gantool.data.dataset import Dataset, Domain, Item, Layout, Order, Recipe
from gantool.data.layouts.folders import both, left_out, matched, names
from gantool.data.layouts.parts import only_part, only_parts, train, training_parts, two_below, without_held_back
from gantool.data.transforms import Planes, crop_and_flip, draw, resized_size
from gantool.errors import DataError, UsageError, argument
from gantool.pictures.file import picture_size
from gantool.pictures.find import find_pictures
from gantool.pictures.ids import PICTURE_KINDS, key

_LOOKED_AT = 100  # so many files of a folder tell whether all are pictures side by side


def paired() -> Layout:
    """Two collections of pictures whose items belong together: items {"A": (C, H, W) uint8, "B": ...}.

    The crop and the mirror of a pair are the same.
    """
    return _Paired()


class _Paired:
    name = "paired"
    pairs = True
    many = False

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """The two domains in two folders (matched by the path below them, the extension aside), or in one folder.

        One folder holds trainA and trainB, train/A and train/B, A and B, or two folders of any name, itself or below
        train; or pictures with both halves side by side. `aligned` ("AB" or "BA") says which half is A; without it,
        pictures twice as wide as high are taken for AB, and the note of the first domain says so. Files without a
        counterpart are left out and noted; where they are half of all or more, DataError.
        """
        if aligned not in (None, "AB", "BA"):
            raise UsageError(f"{argument('aligned')} is AB (the left half is A) or BA, not {aligned!r}")
        if len(paths) == 2:
            if aligned is not None:
                raise UsageError(
                    f"{argument('aligned')} is for one folder of pictures that hold both halves: two folders were given"
                )
            return _match_training((paths[0], paths[1]))
        if len(paths) != 1:
            raise DataError(
                "paired training takes two folders of pictures with the same names, or one folder of pairs: "
                f"{len(paths)} were given"
            )
        if aligned is not None:
            part = train(paths[0])
            return _side_by_side(part, aligned, only_part(paths[0], part))
        if (found := two_below(paths[0])) is not None:
            folders, named = found
            a, b = _match_training(folders)
            order = f"{a.name} is translated to {b.name}, in order of their names: name the two folders to swap them"
            return replace(a, note=both(only_parts(paths[0], folders), a.note, None if named else order)), b
        return _recognised(paths[0], train(paths[0]))

    def open(self, domains: Sequence[Domain], recipe: Recipe) -> Dataset:
        """The data set. Raises DataError for pairs that differ in size where they are not resized to one size."""
        a, b = (domain.sources(channels) for domain, channels in zip(domains, recipe.channels, strict=True))
        if len(a) != len(b):
            raise ValueError(f"{len(a)} pictures in one domain, {len(b)} in the other: those are no pairs")
        once = a == b  # both of a pair are the same picture
        pictures = Collection(a if once else [*a, *b], recipe.preparation)
        # The width of a file with two halves may be odd; and without a resize to one size the two of a pair may differ.
        if not once and (a[0].half is not None or recipe.preparation.common_size is None):
            for number, (one, other) in enumerate(zip(pictures.sizes[: len(a)], pictures.sizes[len(a) :], strict=True)):
                if resized_size(*one, recipe.preparation) != resized_size(*other, recipe.preparation):
                    raise _differ(domains, number, one, other, recipe)

        def both(number: int) -> tuple[Planes, Planes]:
            one = pictures.resized(number)
            return one, one if once else pictures.resized(len(a) + number)

        return pairs(domains, recipe, [pictures], both)


def colour_pictures() -> Layout:
    """One folder of colour pictures, each of which is both of its pair: a model learns to colour the grey one."""
    return _ColourPictures()


class _ColourPictures(_Paired):
    name = "colour pictures"

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """The pictures in one folder, or below its `train`, as the domains "grey" and "colour"."""
        if aligned is not None:
            raise UsageError(
                f"{argument('aligned')} is for pictures that hold both of a pair: here every picture is its own truth"
            )
        if len(paths) != 1:
            raise DataError(f"colorization takes one folder of colour pictures: {len(paths)} were given")
        folder = train(paths[0])
        files, held = without_held_back(folder, find_pictures(folder))
        note = both(only_part(paths[0], folder), held)
        return Domain("grey", folder, files, note=note), Domain("colour", folder, files)


def pairs(
    domains: Sequence[Domain],
    recipe: Recipe,
    collections: Sequence[Collection],
    both: Callable[[int], tuple[Planes, Planes]],
) -> Dataset:
    """Items {"A": ..., "B": ...}: every pair once an epoch, in an order that is shuffled for every epoch.

    `both` gives pair `number`, resized. One draw of the crop's place and of the mirror is for both of a pair.
    """
    order = Order(len(domains[0].files), recipe.seed)

    def pair(number: int) -> tuple[Planes, Planes]:
        a, b = both(number)
        if a.shape[1:] != b.shape[1:]:  # a file's header may lie
            raise _differ(domains, number, (a.shape[2], a.shape[1]), (b.shape[2], b.shape[1]), recipe)
        return a, b

    def draw_pair(rng: np.random.Generator, epoch: int, index: int) -> Item:
        a, b = pair(order.at(epoch, index))
        same = draw(rng, a.shape[2], a.shape[1], recipe.preparation)
        return {"A": crop_and_flip(a, recipe.preparation, same), "B": crop_and_flip(b, recipe.preparation, same)}

    def resized(domain: int, number: int) -> Planes:
        return pair(number)[domain]

    return Dataset(domains, recipe, collections, length=len(domains[0].files), draw=draw_pair, resized=resized)


def match(folders: tuple[Path, Path]) -> tuple[Domain, Domain]:
    """The files of two folders that have the same path below them, the extension aside; others are noted.

    Raises DataError where there are as many files without a counterpart as pairs, or two files share a name.
    """
    found = matched(folders, key, (PICTURE_KINDS, PICTURE_KINDS))
    if folders[0].samefile(folders[1]):
        raise DataError(f"both domains are the same folder, {folders[0]}: give one folder for each domain")
    a, b = (
        Domain(name, folder, files, unmatched=alone, note=left_out(alone, folder, f"without a counterpart in {other}"))
        for name, folder, other, (files, alone) in zip(names(folders), folders, reversed(folders), found, strict=True)
    )
    return a, b


def _match_training(folders: tuple[Path, Path]) -> tuple[Domain, Domain]:
    """As `match`, of the `training_parts` of the two."""
    (one, other), note = training_parts(folders)
    a, b = (replace(domain, name=name) for domain, name in zip(match((one, other)), names(folders), strict=True))
    return replace(a, note=both(a.note, note)), b


def _differ(
    domains: Sequence[Domain], number: int, a: tuple[int, int], b: tuple[int, int], recipe: Recipe
) -> DataError:
    one, other = (domain.files[number] for domain in domains)
    return DataError(
        f"{one} is {a[0]}x{a[1]} pixels and {other} {b[0]}x{b[1]}: the two of a pair must agree for preprocess "
        f"{recipe.preparation.preprocess}; make them one size, or use {argument('preprocess', 'resize_and_crop')}"
    )


def _recognised(root: Path, folder: Path) -> tuple[Domain, Domain]:
    """A folder of pictures, at or below the one that was given, that are all twice as wide as high."""
    files = find_pictures(folder)
    sizes = []
    for file in files[:: -(-len(files) // _LOOKED_AT)]:
        with contextlib.suppress(DataError):  # a picture that cannot be read is named when it is its turn
            sizes.append(picture_size(file))
    if not sizes or any(width != 2 * height for width, height in sizes):
        raise DataError(
            f"{root} holds no pairs: looked for trainA and trainB, A and B or exactly two folders (also below train), "
            "and for pictures twice as wide as high. Name two folders of pictures, or say that every picture holds "
            f"two, side by side: {argument('aligned', 'AB')} or {argument('aligned', 'BA')}"
        )
    swap = f"{argument('aligned', 'BA')} swaps them"
    halves = f"{folder}: pictures twice as wide as high hold A (left) and B (right); {swap}"
    return _side_by_side(folder, "AB", both(only_part(root, folder), halves))


def _side_by_side(folder: Path, aligned: str, note: str | None = None) -> tuple[Domain, Domain]:
    files = find_pictures(folder)
    a, b = ("left", "right") if aligned == "AB" else ("right", "left")
    return Domain("A", folder, files, half=a, note=note), Domain("B", folder, files, half=b)
