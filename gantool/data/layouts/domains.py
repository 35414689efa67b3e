"""Any number of domains: a folder for each, or a table that says which attributes each picture has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gantool.data.collection import Collection
from gantool.data.dataset import Dataset, Domain, Item, Layout, Order, Recipe
from gantool.data.layouts.attributes import attribute_domains
from gantool.data.layouts.folders import both, held_in, levels, names, parts_among
from gantool.data.layouts.part_names import part_before
from gantool.data.layouts.parts import only_parts, pictures_of, train
from gantool.data.layouts.pictures import few
from gantool.data.source import Source
from gantool.data.transforms import Planes
from gantool.errors import DataError, UsageError, argument
from gantool.files import missing
from gantool.pictures.find import subfolders
from gantool.pictures.strays import is_stray_folder

_REFERENCES = ("reference", "reference2")


def domains(
    *, references: bool = False, attributes: Sequence[str] = (), test_split: int = 0, to_make_more: bool = False
) -> Layout:
    """Several domains: items {"image": (C, H, W) uint8, "label"}, where the label says what the picture shows.

    Folders are classes: the label is the number of the picture's domain, a scalar int64. With `attributes`, a file
    among the paths is a table (`gantool.data.layouts.attributes`): the label is a vector of 0 and 1, float32, in the
    order of `attributes`, and `test_split` of the table's pictures are kept back. Folders of classes beside a table are
    a second set, trained jointly: "image2" and "label2", numbered among the classes. An epoch is as long as the larger
    set; the other goes on with its next pass.

    Without `references` every picture of each set comes once before any comes again. With them (StarGAN v2: classes
    alone) domains are drawn evenly, whatever their sizes, then a picture of the domain: "image", and independently
    of it "reference" and "reference2", two pictures of one domain "target".

    `to_make_more`: the model makes pictures of these classes of noise, so a person is told of a class that has few.
    """
    return _Domains(references, tuple(attributes), test_split, to_make_more)


@dataclass
class _Domains:
    references: bool
    attributes: tuple[str, ...]
    test_split: int
    to_make_more: bool = False

    name = "domains"
    pairs = False
    many = True

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """The domains in these folders, or in one that holds a folder for each, itself or below `train`.

        A file is a table of attributes; its pictures are in the folder named before it (after it, if it comes first).
        Attributes stand before classes.
        """
        if aligned is not None:
            raise UsageError(
                f"{argument('aligned')} is for pictures in pairs: this model takes a folder for each domain"
            )
        for path in paths:
            if not path.exists():
                raise missing(path)
            if not path.is_dir() and not path.is_file():
                raise DataError(f"{path} is no file: save what it gives as one, which a resumed training reads again")
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
            found = _classes(paths)
            return _told_of_few(found) if self.to_make_more else found
        if len(paths) == 1:
            raise DataError(f"{tables[0]} is a table of attributes: name the folder of its pictures before it")
        at = list(paths).index(tables[0])
        folder = max(at - 1, 0) if at else 1
        rest = [path for place, path in enumerate(paths) if place not in (at, folder)]
        found = attribute_domains(paths[folder], tables[0], self.attributes, self.test_split)
        classes = _classes(rest) if rest else ()
        shared = {domain.name for domain in found} & {domain.name for domain in classes}
        if shared:
            raise DataError(
                f"{', '.join(sorted(shared))}: both an attribute and a class have this name; rename the folder"
            )
        return (*found, *classes)

    def open(self, domains: Sequence[Domain], recipe: Recipe) -> Dataset:
        """The data set. Raises DataError for pictures that are too small to be cropped."""
        attributes = [domain for domain in domains if domain.without is not None]
        classes = [domain for domain in domains if domain.without is None]
        sets = []
        if attributes:
            sets.append(_of_attributes(attributes, recipe))
        if classes:
            sets.append(_of_classes(classes, recipe))
        length = max(len(one.labels) for one in sets)

        def every_picture(rng: np.random.Generator, epoch: int, index: int) -> Item:
            item: Item = {}
            for one, suffix in zip(sets, ("", "2"), strict=False):
                number = one.order.at(*divmod(epoch * length + index, len(one.labels)))
                item["image" + suffix] = one.pictures.augmented(number, rng)
                item["label" + suffix] = np.asarray(one.labels[number])
            return item

        def with_references(rng: np.random.Generator, epoch: int, index: int) -> Item:
            (one,) = sets

            def drawn(domain: int) -> Planes:
                of = one.members[domain]
                return one.pictures.augmented(int(of[rng.integers(len(of))]), rng)

            label, target = (int(rng.integers(len(domains))) for _ in range(2))
            return {
                "image": drawn(label),
                "label": np.asarray(label, np.int64),
                **{name: drawn(target) for name in _REFERENCES},
                "target": np.asarray(target, np.int64),
            }

        owners = [(one, members) for one in sets for members in one.members]

        def resized(domain: int, number: int) -> Planes:
            one, members = owners[domain]
            return one.pictures.resized(int(members[number]))

        draw = with_references if self.references else every_picture
        collections = [one.pictures for one in sets]
        return Dataset(domains, recipe, collections, length=length, draw=draw, resized=resized)


@dataclass(frozen=True)
class _Set:
    """Numbered pictures: those of all classes, or those of a table of attributes."""

    pictures: Collection
    labels: NDArray[np.generic]
    """Class (N,) or attributes (N, A) of each picture."""
    members: Sequence[NDArray[np.int64]]
    """For each domain the numbers of its pictures, in the order of `Domain.files`."""
    order: Order


def _of_classes(domains: Sequence[Domain], recipe: Recipe) -> _Set:
    sources = [source for domain in domains for source in domain.sources(recipe.channels[0])]
    labels = np.repeat(np.arange(len(domains), dtype=np.int64), [len(domain.files) for domain in domains])
    members = [np.flatnonzero(labels == number) for number in range(len(domains))]
    return _set(sources, labels, members, recipe)


def _of_attributes(domains: Sequence[Domain], recipe: Recipe) -> _Set:
    first = domains[0]
    files = sorted({*first.files, *(first.without or ())}, key=lambda file: file.relative_to(first.root).as_posix())
    place = {file: number for number, file in enumerate(files)}
    members = [np.array([place[file] for file in domain.files]) for domain in domains]
    labels = np.zeros((len(files), len(domains)), np.float32)
    for attribute, numbers in enumerate(members):
        labels[numbers, attribute] = 1
    return _set([Source(file, recipe.channels[0]) for file in files], labels, members, recipe)


def _set(
    sources: Sequence[Source], labels: NDArray[np.generic], members: Sequence[NDArray[np.int64]], recipe: Recipe
) -> _Set:
    pictures = Collection(sources, recipe.preparation)
    return _Set(pictures, labels, members, Order(len(sources), recipe.seed))


def _classes(paths: Sequence[Path]) -> tuple[Domain, ...]:
    """A domain for each folder, in their order; or for each folder in the only one."""
    folders = _below(paths[0]) if len(paths) == 1 else [path for path in paths if not is_stray_folder(path)]
    real: dict[Path, Path] = {}
    for folder in folders:
        same = real.setdefault(folder.resolve(), folder)
        if same is not folder:
            raise DataError(f"{same} and {folder} are the same folder: give one folder for each domain")
    found = names(folders)
    first, *others = (pictures_of(name, folder) for name, folder in zip(found, folders, strict=True))
    part = only_parts(paths[0], folders) if len(paths) == 1 else None
    return replace(first, note=both(part, first.note)), *others


def _told_of_few(classes: tuple[Domain, ...]) -> tuple[Domain, ...]:
    """The classes, with a note for the smallest if it has few pictures to make more of."""
    smallest = min(classes, key=lambda domain: len(domain.files))
    message = few(len(smallest.files))
    if message is None:
        return classes
    notes = both(smallest.note, f"{smallest.name}: {message}")
    return tuple(replace(domain, note=notes) if domain is smallest else domain for domain in classes)


def _below(given: Path) -> list[Path]:
    """The folders of the domains in a root, or in the only folder in it, sorted by name."""
    for level in levels(given):
        inside = levels(train(level))[-1]
        root = inside if subfolders(inside) else level
        here = subfolders(root)
        folders = list(here)
        parts = [part_before(folder.name) for folder in here]
        if "test" in parts or "val" in parts:  # else "train station" is a domain
            folders = [folder for folder, part in zip(here, parts, strict=True) if part == "train"] or folders
        if len(folders) > 1:
            break
    else:
        folders = list(subfolders(given))
        held = f"only the folder {folders[0].name}" if len(folders) == 1 else held_in(given)
        raise DataError(
            f"{given} holds {held}: a model of several domains needs a folder for each, at least two; "
            "give the folder above them, or name them all"
        )
    if splits := parts_among(folders):
        raise DataError(
            f"{root} holds {', '.join(folder.name for folder in splits)}: parts of the data, not domains. Expected: a "
            f"folder for each domain, such as {root}/cat and {root}/dog, or {root}/train/cat and {root}/train/dog; or "
            "name them all"
        )
    return folders
