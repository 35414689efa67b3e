"""Two folders of pictures without counterparts: the layout of CycleGAN and of every model trained without pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gantool.data.collection import SPLITS, Collection, Orders, item_generator, names
from gantool.data.dataset import Dataset, Domain, Item, Layout
from gantool.data.transforms import Pixels, Preparation, crop_and_flip, draw
from gantool.errors import DataError, UsageError
from gantool.pictures.find import find_pictures, subfolders


def unpaired() -> Layout:
    """Two collections of pictures, "A" and "B", whose items are drawn independently."""
    return _Unpaired()


class _Unpaired:
    name = "unpaired"
    pairs = False
    many = False

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """The domains in two folders, or in one that holds trainA and trainB, train/A and train/B, or two folders."""
        if aligned is not None:
            raise UsageError(
                "aligned is for models that are trained on pairs: this one takes pictures without counterparts"
            )
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
        return tuple(map(Domain, names(folders), folders, files))

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
        self._counts = [len(domain.files) for domain in domains]
        self._seed, self._preparation = seed, preparation
        self._orders = Orders(max(self._counts), seed)
        self._pictures = Collection(domains, preparation, channels, cache=cache)

    def __len__(self) -> int:
        return max(self._counts)

    @property
    def cache_note(self) -> str | None:
        """Why pictures are decoded anew although a cache was asked for; None where all is well."""
        return self._pictures.note

    def samples(self, count: int) -> dict[str, list[Pixels]]:
        """Fixed pictures (H, W, C) by domain name, as training sees them, cropped in the middle."""
        return self._pictures.samples(count)

    def item(self, epoch: int, index: int) -> Item:
        """The item at position `index` of epoch `epoch`. Raises DataError for a picture that cannot be read."""
        rng = item_generator(self._seed, epoch, index)
        of_a = self._orders.at(epoch, index) % self._counts[0]
        of_b = int(rng.integers(self._counts[1]))
        return {"A": self._prepared(0, of_a, rng), "B": self._prepared(1, of_b, rng)}

    def close(self, *, remove: bool = False) -> None:
        """Lets go of the cache; `remove` deletes its file."""
        self._pictures.close(remove=remove)

    def _prepared(self, domain: int, number: int, rng: np.random.Generator) -> Pixels:
        pixels = self._pictures.resized(domain, number)
        return crop_and_flip(pixels, self._preparation, draw(rng, pixels.shape[1], pixels.shape[0], self._preparation))


def _halves(root: Path) -> tuple[Path, Path]:
    folders = subfolders(root)
    for a, b in ((root / "trainA", root / "trainB"), (root / "train" / "A", root / "train" / "B")):
        if a.is_dir() and b.is_dir():
            return a, b
    if len(folders) == 2 and not any(folder.name.lower() in SPLITS for folder in folders):
        return folders[0], folders[1]
    held = ", ".join(folder.name for folder in folders[:6]) + (", ..." if len(folders) > 6 else "")
    raise DataError(
        f"{root} holds no two domains: looked for trainA and trainB, train/A and train/B, or exactly two folders; "
        f"found {'the folders ' + held if held else 'no folder'}. Or name two folders of pictures"
    )
