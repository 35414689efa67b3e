"""Pictures that come in pairs: two folders matched by name, or files that hold both pictures side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gantool.data.collection import SPLITS, Collection, Orders, item_generator, names
from gantool.data.dataset import Dataset, Domain, Item, Layout
from gantool.data.transforms import Pixels, Preparation, crop_and_flip, draw, resized_size
from gantool.errors import DataError, UsageError
from gantool.pictures.file import picture_size
from gantool.pictures.find import find_pictures, subfolders

_LOOKED_AT = 100  # so many files of a folder tell whether all are pictures side by side


def paired() -> Layout:
    """Two collections of pictures whose items belong together: the one crop and mirror of a pair is the same."""
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
            raise UsageError(f"aligned is AB (the left half is A) or BA, not {aligned!r}")
        if len(paths) == 2:
            if aligned is not None:
                raise UsageError("aligned is for one folder of pictures that hold both halves: two folders were given")
            return match((paths[0], paths[1]))
        if len(paths) != 1:
            raise DataError(
                "paired training takes two folders of pictures with the same names, or one folder of pairs: "
                f"{len(paths)} were given"
            )
        root = paths[0]
        if aligned is not None:
            return _side_by_side(_train(root), aligned)
        if (folders := _named_ab(root)) is not None:
            return match(folders)
        if (folders := _any_two(_train(root))) is not None:
            a, b = match(folders)
            order = f"{a.name} is translated to {b.name}, in order of their names: name the two folders to swap them"
            return replace(a, note=order if a.note is None else f"{a.note}; {order}"), b
        return _recognised(root)

    def open(
        self,
        domains: Sequence[Domain],
        preparation: Preparation,
        channels: Sequence[int],
        *,
        seed: int,
        cache: Path | None,
    ) -> Dataset:
        """The data set. Raises DataError for pairs that differ in size where they are not resized to one size."""
        return PairedDataset(domains, preparation, channels, seed=seed, cache=cache)


def colour_pictures() -> Layout:
    """One folder of colour pictures that are both of a pair: colouring needs no other truth."""
    return _ColourPictures()


class _ColourPictures(_Paired):
    name = "colour pictures"

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """The pictures in one folder, or below its `train`, as the domains "grey" and "colour"."""
        if aligned is not None:
            raise UsageError("aligned is for pictures that hold both of a pair: here every picture is its own truth")
        if len(paths) != 1:
            raise DataError(f"colorization takes one folder of colour pictures: {len(paths)} were given")
        folder = _train(paths[0])
        files = find_pictures(folder)
        return Domain("grey", folder, files), Domain("colour", folder, files)


class PairedDataset:
    """Items {"A": (H, W, C) uint8, "B": ...}: every pair once an epoch, in an order that is shuffled for every epoch.

    One draw of the crop's place and of the mirror for both. Everything is a function of (seed, epoch, index).
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
        if len(a.files) != len(b.files):
            raise ValueError(f"{len(a.files)} pictures in one domain, {len(b.files)} in the other: those are no pairs")
        self._seed, self._preparation = seed, preparation
        self._orders = Orders(len(a.files), seed)
        # The width of a file with two halves may be odd; and without a resize to one size the two of a pair may differ.
        measure = a.half is not None or preparation.common_size is None
        # Where both of a pair are the same picture, it is read once.
        both = (a.files, a.half, channels[0]) != (b.files, b.half, channels[1])
        self._sides = (0, 1) if both else (0, 0)
        shown = self.domains if both else self.domains[:1]
        self._pictures = Collection(shown, preparation, channels[: len(shown)], cache=cache, measure=measure)
        if both and self._pictures.sizes is not None and preparation.common_size is None:
            self._check_sizes(self._pictures.sizes)

    def __len__(self) -> int:
        return len(self.domains[0].files)

    @property
    def cache_note(self) -> str | None:
        """Why pictures are decoded anew although a cache was asked for; None where all is well."""
        return self._pictures.note

    def samples(self, count: int) -> dict[str, list[Pixels]]:
        """Fixed pairs by domain name, as training sees them, cropped in the middle; those at one place are a pair."""
        made = list(self._pictures.samples(count).values())
        return {domain.name: made[side] for domain, side in zip(self.domains, self._sides, strict=True)}

    def item(self, epoch: int, index: int) -> Item:
        """The item at position `index` of epoch `epoch`. Raises DataError for a picture that cannot be read."""
        number = self._orders.at(epoch, index)
        resized = [self._pictures.resized(side, number) for side in sorted(set(self._sides))]
        a, b = (resized[side] for side in self._sides)
        height, width = a.shape[:2]
        if b.shape[:2] != (height, width):  # a file's header may lie
            raise self._differ(number, (width, height), (b.shape[1], b.shape[0]))
        same = draw(item_generator(self._seed, epoch, index), width, height, self._preparation)
        return {"A": crop_and_flip(a, self._preparation, same), "B": crop_and_flip(b, self._preparation, same)}

    def close(self, *, remove: bool = False) -> None:
        """Lets go of the cache; `remove` deletes its file."""
        self._pictures.close(remove=remove)

    def _check_sizes(self, sizes: Sequence[tuple[int, int]]) -> None:
        for number, (a, b) in enumerate(zip(sizes[: len(self)], sizes[len(self) :], strict=True)):
            if resized_size(*a, self._preparation) != resized_size(*b, self._preparation):
                raise self._differ(number, a, b)

    def _differ(self, number: int, a: tuple[int, int], b: tuple[int, int]) -> DataError:
        files = [domain.files[number] for domain in self.domains]
        return DataError(
            f"{files[0]} is {a[0]}x{a[1]} pixels and {files[1]} {b[0]}x{b[1]}: the two of a pair must agree for "
            f"preprocess {self._preparation.preprocess}; make them one size, or use resize_and_crop"
        )


def match(folders: tuple[Path, Path]) -> tuple[Domain, Domain]:
    """The files of two folders that have the same path below them, the extension aside; others are noted.

    Raises DataError where there are as many files without a counterpart as pairs, or two files share a name.
    """
    named = [by_name(folder) for folder in folders]
    if folders[0].samefile(folders[1]):
        raise DataError(f"both domains are the same folder, {folders[0]}: give one folder for each domain")
    pairs = sorted(named[0].keys() & named[1].keys())
    alone = [tuple(files[stem] for stem in sorted(files.keys() - set(pairs))) for files in named]
    left_out = [*alone[0], *alone[1]]
    if len(left_out) >= len(pairs):
        raise DataError(
            f"{folders[0]} and {folders[1]} have {len(pairs)} names in common, and {len(left_out)} files have no "
            f"counterpart ({_listed(left_out)}): the two pictures of a pair have the same name, but for the extension"
        )
    a, b = (
        Domain(name, folder, tuple(files[stem] for stem in pairs), unmatched=rest, note=_left_out(folder, other, rest))
        for name, folder, other, files, rest in zip(
            names(folders), folders, reversed(folders), named, alone, strict=True
        )
    )
    return a, b


def by_name(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their path below it without the extension. Raises DataError where two share one."""
    files: dict[str, Path] = {}
    for file in find_pictures(folder):
        stem = file.relative_to(folder).with_suffix("").as_posix()
        if stem in files:
            raise DataError(f"{files[stem]} and {file} differ by their extension only: which belongs to the pair?")
        files[stem] = file
    return files


def _left_out(folder: Path, other: Path, files: Sequence[Path]) -> str | None:
    if not files:
        return None
    return f"{len(files)} of {folder} left out, without a counterpart in {other}: {_listed(files)}"


def _listed(files: Sequence[Path]) -> str:
    return ", ".join(str(file) for file in files[:5]) + (", ..." if len(files) > 5 else "")


def _train(root: Path) -> Path:
    return root / "train" if (root / "train").is_dir() else root


def _named_ab(root: Path) -> tuple[Path, Path] | None:
    for a, b in ((root / "trainA", root / "trainB"), (_train(root) / "A", _train(root) / "B")):
        if a.is_dir() and b.is_dir():
            return a, b
    return None


def _any_two(root: Path) -> tuple[Path, Path] | None:
    folders = subfolders(root)
    if len(folders) == 2 and not any(folder.name.lower() in SPLITS for folder in folders):
        return folders[0], folders[1]
    return None


def _recognised(root: Path) -> tuple[Domain, Domain]:
    """A folder of pictures that are all twice as wide as high."""
    folder = _train(root)
    files = find_pictures(folder)
    sizes = []
    for file in files[:: -(-len(files) // _LOOKED_AT)]:
        with contextlib.suppress(DataError):  # a picture that cannot be read is named when it is its turn
            sizes.append(picture_size(file))
    if not sizes or any(width != 2 * height for width, height in sizes):
        raise DataError(
            f"{root} holds no pairs: looked for trainA and trainB, A and B or exactly two folders (also below train), "
            "and for pictures twice as wide as high. Name two folders of pictures, or say with --aligned AB or "
            "--aligned BA that every picture holds two, side by side"
        )
    return _side_by_side(
        folder, "AB", f"{folder}: pictures twice as wide as high hold A (left) and B (right); --aligned BA swaps them"
    )


def _side_by_side(folder: Path, aligned: str, note: str | None = None) -> tuple[Domain, Domain]:
    files = find_pictures(folder)
    a, b = ("left", "right") if aligned == "AB" else ("right", "left")
    return Domain("A", folder, files, half=a, note=note), Domain("B", folder, files, half=b)
