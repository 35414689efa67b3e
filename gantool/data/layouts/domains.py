"""Any number of domains: a folder for each, or a table that says which attributes each picture has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gantool.data.collection import SPLITS, Collection, Orders, item_generator, names
from gantool.data.dataset import Dataset, Domain, Item, Layout
from gantool.data.layouts.attributes import attribute_domains
from gantool.data.transforms import Pixels, Preparation, crop_and_flip, draw
from gantool.errors import DataError, UsageError
from gantool.pictures.find import find_pictures, subfolders

_TRAIN = re.compile(r"^train(?:[_-]|[A-Z0-9])")
_REFERENCES = ("reference", "reference2")


def domains(*, references: bool = False, attributes: Sequence[str] = (), test_split: int = 0) -> Layout:
    """Several domains, each picture with its label.

    Items are {"image": (H, W, C) uint8, "label"}. Folders are classes: the label is the number of the picture's
    domain, a scalar int64. With `attributes`, a file among the paths is a table (`gantool.data.layouts.attributes`):
    its labels are vectors of 0 and 1, float32, in the order of `attributes`, and `test_split` of its pictures are kept
    back. Folders of classes beside a table are a second set, trained jointly: "image2" and "label2", numbered among
    the classes.

    Without `references` every picture of each set comes once before any comes again. With them (StarGAN v2: classes
    alone) domains are drawn evenly, whatever their sizes, then a picture of the domain: "image", and independently
    of it "reference" and "reference2", two pictures of one domain "target".
    """
    return _Domains(references, tuple(attributes), test_split)


@dataclass
class _Domains:
    references: bool
    attributes: tuple[str, ...]
    test_split: int

    name = "domains"
    pairs = False
    many = True

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """The domains in these folders, or in one that holds a folder for each, itself or below `train`.

        A file is a table of attributes; its pictures are in the folder named before it (after it, if it comes first).
        Attributes stand before classes.
        """
        if aligned is not None:
            raise UsageError("aligned is for pictures in pairs: this model takes a folder for each domain")
        for path in paths:
            if not path.exists():
                raise DataError(f"{path} does not exist")
        tables = [path for path in paths if path.is_file()]
        if tables and self.references:
            raise DataError(
                f"{tables[0]} is a file, and this model takes no table of attributes: name a folder for each domain"
            )
        if len(tables) > 1:
            raise DataError(f"one table of attributes at most: {tables[0]} and {tables[1]} were given")
        if not tables:
            if self.attributes:
                raise DataError(
                    f"attributes are named ({', '.join(self.attributes)}), but no table of them is given: name the "
                    "folder of pictures and then the table"
                )
            return _classes(paths)
        if len(paths) == 1:
            raise DataError(f"{tables[0]} is a table of attributes: name the folder of its pictures before it")
        at = list(paths).index(tables[0])
        folder = max(at - 1, 0) if at else 1
        rest = [path for place, path in enumerate(paths) if place not in (at, folder)]
        found = attribute_domains(paths[folder], tables[0], self.attributes, self.test_split)
        classes = _classes(rest) if rest else ()
        both = {domain.name for domain in found} & {domain.name for domain in classes}
        if both:
            raise DataError(
                f"{', '.join(sorted(both))}: both an attribute and a class have this name; rename the folder"
            )
        return (*found, *classes)

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
        if self.references:
            return ReferencesDataset(domains, preparation, channels, seed=seed, cache=cache)
        return DomainsDataset(domains, preparation, channels, seed=seed, cache=cache)


class _Set:
    """Pictures with labels of one kind, numbered: all classes, or all attributes of a table."""

    def __init__(
        self, domains: Sequence[Domain], preparation: Preparation, channels: int, seed: int, cache: Path | None
    ) -> None:
        self.domains, self.preparation = domains, preparation
        first = domains[0]
        if first.without is None:
            files = [file for domain in domains for file in domain.files]
            sizes = [len(domain.files) for domain in domains]
            self.labels: NDArray[np.generic] = np.repeat(np.arange(len(domains), dtype=np.int64), sizes)
            self.members = [np.flatnonzero(self.labels == number) for number in range(len(domains))]
        else:
            files = sorted({*first.files, *first.without}, key=lambda file: file.relative_to(first.root).as_posix())
            place = {file: number for number, file in enumerate(files)}
            self.members = [np.array([place[file] for file in domain.files]) for domain in domains]
            has = np.zeros((len(files), len(domains)), np.float32)
            for attribute, members in enumerate(self.members):
                has[members, attribute] = 1
            self.labels = has
        # One domain for the cache: pictures of all domains share batches, so they have the same channels.
        self.pictures = Collection([Domain("", first.root, tuple(files))], preparation, [channels], cache=cache)
        self.orders = Orders(len(files), seed)

    def __len__(self) -> int:
        return len(self.labels)

    def picture(self, number: int, rng: np.random.Generator) -> Pixels:
        """Picture `number`, augmented."""
        pixels = self.pictures.resized(0, number)
        return crop_and_flip(pixels, self.preparation, draw(rng, pixels.shape[1], pixels.shape[0], self.preparation))

    def samples(self, count: int) -> dict[str, list[Pixels]]:
        return {
            domain.name: [self.pictures.middle(0, int(of[index * len(of) // count])) for index in range(count)]
            for domain, of in zip(self.domains, self.members, strict=True)
        }


class DomainsDataset:
    """Items {"image", "label"} and, of a second set, {"image2", "label2"}: see `domains`.

    An epoch is as long as the larger set; the other goes on with its next pass. Everything is a function of (seed,
    epoch, index).
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
        self._seed = seed
        kinds = ([d for d in domains if d.without is not None], [d for d in domains if d.without is None])
        self._sets = [_Set(kind, preparation, channels[0], seed, cache) for kind in kinds if kind]

    def __len__(self) -> int:
        return max(map(len, self._sets))

    @property
    def cache_note(self) -> str | None:
        """Why pictures are decoded anew although a cache was asked for; None where all is well."""
        return next((one.pictures.note for one in self._sets if one.pictures.note), None)

    def samples(self, count: int) -> dict[str, list[Pixels]]:
        """Fixed pictures of each domain, as training sees them, cropped in the middle."""
        return {name: pictures for one in self._sets for name, pictures in one.samples(count).items()}

    def item(self, epoch: int, index: int) -> Item:
        """The item at position `index` of epoch `epoch`. Raises DataError for a picture that cannot be read."""
        rng = item_generator(self._seed, epoch, index)
        item: Item = {}
        for one, suffix in zip(self._sets, ("", "2"), strict=False):
            number = one.orders.at(*divmod(epoch * len(self) + index, len(one)))
            item["image" + suffix] = one.picture(number, rng)
            item["label" + suffix] = np.asarray(one.labels[number])
        return item

    def close(self, *, remove: bool = False) -> None:
        """Lets go of the cache; `remove` deletes its file."""
        for one in self._sets:
            one.pictures.close(remove=remove)


class ReferencesDataset(DomainsDataset):
    """Items {"image", "label", "reference", "reference2", "target"} of classes, as many an epoch as there are pictures.

    See `domains`.
    """

    def item(self, epoch: int, index: int) -> Item:
        (one,) = self._sets
        rng = item_generator(self._seed, epoch, index)

        def drawn(domain: int) -> Pixels:
            of = one.members[domain]
            return one.picture(int(of[rng.integers(len(of))]), rng)

        label, target = (int(rng.integers(len(one.domains))) for _ in range(2))
        return {
            "image": drawn(label),
            "label": np.asarray(label, np.int64),
            **{name: drawn(target) for name in _REFERENCES},
            "target": np.asarray(target, np.int64),
        }


def _classes(paths: Sequence[Path]) -> tuple[Domain, ...]:
    """A domain for each folder, in their order; or for each folder in the only one."""
    folders = _below(paths[0]) if len(paths) == 1 else list(paths)
    real: dict[Path, Path] = {}
    for folder in folders:
        same = real.setdefault(folder.resolve(), folder)
        if same is not folder:
            raise DataError(f"{same} and {folder} are the same folder: give one folder for each domain")
    found = names(folders)
    return tuple(Domain(name, folder, find_pictures(folder)) for name, folder in zip(found, folders, strict=True))


def _below(root: Path) -> list[Path]:
    """The folders of the domains in a root, sorted by name."""
    here = subfolders(root)
    if (root / "train").is_dir() and subfolders(root / "train"):
        root = root / "train"
        here = subfolders(root)
    folders = [folder for folder in here if _TRAIN.match(folder.name)] or list(here)
    splits = [folder.name for folder in folders if folder.name.lower() in SPLITS]
    if splits:
        raise DataError(
            f"{root} holds {', '.join(splits)}: parts of the data, not domains. Expected: a folder for each domain, "
            f"such as {root}/cat and {root}/dog, or {root}/train/cat and {root}/train/dog"
        )
    if len(folders) < 2:
        held = f"only the folder {folders[0].name}" if folders else "no folder"
        raise DataError(
            f"{root} holds {held}: a model of several domains needs a folder for each, at least two; "
            "give the folder above them, or name them all"
        )
    return folders
