"""Label maps with the pictures that belong to them, and the instance maps where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantool.data.collection import Collection, Orders, item_generator, names
from gantool.data.dataset import Dataset, Domain, Item, Layout
from gantool.data.transforms import Augmentation, Preparation, crop_and_flip, draw, middle, resized_size
from gantool.errors import DataError, UsageError
from gantool.pictures.find import find_pictures
from gantool.pictures.ids import INSTANCES, Ids, key, read_planes, resized

_FOLDERS = {"label": ("label", "labels"), "img": ("img", "image", "images"), "inst": INSTANCES}
"""What the folders of one data set are called, also with `train_` before it."""


def labelled(classes: int, *, instances: bool) -> Layout:
    """Label maps with ids from 0 to `classes` - 1, and pictures: items {"A": (C, H, W) int32, "B": (H, W, C) uint8}.

    The planes of A are the labels and, with `instances`, the ids of the instance map. The files of one scene have one
    name, but for the extension; a crop, a mirror and a resize are the same for all, and no id is ever mixed.
    """
    return _Labelled(classes, instances)


@dataclass(frozen=True)
class LabelMaps(Domain):
    """A domain of label maps."""

    classes: int = 0
    """Labels are less than this."""
    instances: tuple[Path, ...] = ()
    """The instance maps, in the order of `files`; empty where none are used."""

    def instance_map(self, number: int) -> Path | None:
        """That of `files[number]`; None where none are used."""
        return self.instances[number] if self.instances else None


@dataclass(frozen=True)
class _Labelled:
    classes: int
    instances: bool

    name = "labels"
    pairs = True
    many = False

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """The label maps and pictures in two folders (labels, pictures) or three (labels, pictures, instances), or in
        one that holds train_label, train_img and train_inst (or labels, images and instances, also below train)."""
        if aligned is not None:
            raise UsageError("aligned is for side-by-side pictures: label maps are files of their own")
        count = 2 + self.instances
        if len(paths) == 1:
            folders = _folders(paths[0], count)
        elif len(paths) == count:
            folders = list(paths)
        else:
            raise DataError(
                f"{len(paths)} folders were given. With label maps: labels/ images/ instances/, or labels/ images/ and"
                " --set instances=false; with plain pictures: two folders and --set label_nc=0"
            )
        found = [_by_key(folder) for folder in folders]
        common = set.intersection(*(set(files) for files in found))
        scenes = sorted(common)
        alone = [tuple(file for scene, file in files.items() if scene not in common) for files in found]
        left_out = [file for files in alone for file in files]
        if len(left_out) >= len(scenes):
            listed = ", ".join(str(file) for file in left_out[:5]) + (", ..." if len(left_out) > 5 else "")
            raise DataError(
                f"{' and '.join(map(str, folders))} have {len(scenes)} names in common, and {len(left_out)} files have"
                f" no counterpart ({listed}): the files of a scene have the same name, but for the extension"
            )
        note = f"{len(left_out)} files left out, without a counterpart: {left_out[0]}, ..." if left_out else None
        files = [tuple(named[scene] for scene in scenes) for named in found]
        label, image = names(folders[:2])
        maps = files[2] if self.instances else ()
        return (
            LabelMaps(label, folders[0], files[0], unmatched=alone[0], note=note, classes=self.classes, instances=maps),
            Domain(image, folders[1], files[1], unmatched=alone[1]),
        )

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
        return LabelledDataset(domains, preparation, channels, seed=seed, cache=cache)


class LabelledDataset:
    """Every label map once an epoch, in an order that is shuffled for every epoch; a function of (seed, epoch, index).

    Pictures are kept in the cache, maps are decoded each time: they are small. A label that is no class is a DataError
    where its map is read: a look at all maps would delay every start by minutes, and `gantool data check` does it.
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
        if preparation.preprocess == "random_resized_crop":
            raise UsageError("label maps cannot be prepared by random_resized_crop: it would mix their numbers")
        self.domains = tuple(domains)
        labels, pictures = domains
        assert isinstance(labels, LabelMaps)
        self._labels = labels
        self._seed, self._preparation = seed, preparation
        self._orders = Orders(len(self._labels.files), seed)
        self._pictures = Collection([pictures], preparation, channels[1:], cache=cache)

    def __len__(self) -> int:
        return len(self._labels.files)

    @property
    def cache_note(self) -> str | None:
        """Why pictures are decoded anew although a cache was asked for; None where all is well."""
        return self._pictures.note

    def samples(self, count: int) -> dict[str, list[NDArray[Any]]]:
        """Fixed label maps (H, W, C) int32 and pictures, as training sees them, cropped in the middle."""
        label, picture = self.domains
        chosen = [index * len(self) // count for index in range(count)]
        found: dict[str, list[NDArray[Any]]] = {label.name: [], picture.name: []}
        for number in chosen:
            planes, pixels = self._scene(number)
            height, width = (max(0, side - self._preparation.crop) // 2 for side in pixels.shape[:2])
            where = Augmentation(width, height, flip=False)
            found[label.name].append(_cropped(planes, self._preparation, where))
            found[picture.name].append(crop_and_flip(pixels, self._preparation, where))
        return found

    def item(self, epoch: int, index: int) -> Item:
        """The item at position `index` of epoch `epoch`. Raises DataError for a file that cannot be read."""
        planes, pixels = self._scene(self._orders.at(epoch, index))
        height, width = pixels.shape[:2]
        same = draw(item_generator(self._seed, epoch, index), width, height, self._preparation)
        a = _cropped(planes, self._preparation, same)
        return {"A": np.ascontiguousarray(a.transpose(2, 0, 1)), "B": crop_and_flip(pixels, self._preparation, same)}

    def close(self, *, remove: bool = False) -> None:
        """Lets go of the cache; `remove` deletes its file."""
        self._pictures.close(remove=remove)

    def _scene(self, number: int) -> tuple[Ids, NDArray[np.uint8]]:
        """The planes and the picture of a scene after the deterministic resize."""
        file = self._labels.files[number]
        planes = read_planes(file, self._labels.classes, self._labels.instance_map(number))
        pixels = self._pictures.resized(0, number)
        size = resized_size(planes.shape[1], planes.shape[0], self._preparation)
        if size != (pixels.shape[1], pixels.shape[0]):
            raise DataError(
                f"{file} is {planes.shape[1]}x{planes.shape[0]} pixels, and {self.domains[1].files[number]} another"
                " size: they have to agree, or be brought to one size by preprocess resize_and_crop"
            )
        if self._preparation.preprocess == "center_crop_and_resize":
            planes = middle(planes, self._preparation.size)
        return resized(planes, *size), pixels


def _cropped(planes: Ids, preparation: Preparation, where: Augmentation) -> Ids:
    # Four bytes an id: they move together.
    return crop_and_flip(np.ascontiguousarray(planes).view(np.uint8), preparation, where).view(np.int32)


def _by_key(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for file in find_pictures(folder):
        scene = key(file.relative_to(folder).as_posix())
        if scene in files:
            raise DataError(f"{files[scene]} and {file} are files of the same name: which belongs to the scene?")
        files[scene] = file
    return files


def _folders(root: Path, count: int) -> list[Path]:
    """The folders of labels, pictures and instances, so many of them, below this one or below its folder train."""
    for parent in (root, root / "train"):
        found = []
        for words in list(_FOLDERS.values())[:count]:
            candidates = [parent / (prefix + word) for prefix in ("train_", "") for word in words]
            found += [next((folder for folder in candidates if folder.is_dir()), None)]
        if None not in found:
            return [folder for folder in found if folder is not None]
    wanted = ["train_label", "train_img", "train_inst"][:count]
    less = "; without instance maps: --set instances=false" if count == 3 else ""
    raise DataError(
        f"{root} holds no label maps with pictures: looked for {', '.join(wanted)}, or labels, images"
        f"{', instances' if count == 3 else ''}, also below train{less}; plain pictures: --set label_nc=0"
    )
