"""Label maps with the pictures that belong to them, and the instance maps where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gantool.data.collection import Collection
from gantool.data.dataset import Dataset, Domain, Layout, Recipe
from gantool.data.layouts.folders import both, left_out, matched, names
from gantool.data.layouts.paired import pairs
from gantool.data.layouts.parts import only_parts, training_parts
from gantool.data.transforms import Planes
from gantool.errors import DataError, UsageError, argument
from gantool.pictures.find import find_pictures
from gantool.pictures.ids import INSTANCE_KINDS, INSTANCES, LABEL_KINDS, PICTURE_KINDS, key, of_kinds

_FOLDERS = {"label": ("label", "labels"), "img": ("img", "image", "images"), "inst": INSTANCES}
"""Names of the folders of one data set, also with `train_` before them."""


_KINDS = (LABEL_KINDS, PICTURE_KINDS[::-1], INSTANCE_KINDS)


def labelled(classes: int, *, instances: bool) -> Layout:
    """Label maps with ids from 0 to `classes` - 1, and pictures: items {"A": (C, H, W) int32, "B": (C, H, W) uint8}.

    The planes of A are the classes and, with `instances`, the ids of the instance map. The files of one scene have one
    name, but for the extension; a crop, a mirror and a resize are the same for all, and no two ids are mixed.

    An id that is no class is a DataError where its map is read: a look at all maps would delay every start by minutes,
    and `gantool data check` does it.
    """
    return _Labelled(classes, instances)


@dataclass(frozen=True)
class _Labelled:
    classes: int
    instances: bool

    name = "labels"
    pairs = True
    many = False

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """The label maps and pictures in two folders (labels, pictures) or three (labels, pictures, instances), or in
        one that holds train_label, train_img and train_inst (or labels, images and instances, also below train).

        Of folders as Cityscapes has them, which hold several kinds of files, each takes the kind that it is meant for.
        """
        if aligned is not None:
            raise UsageError(f"{argument('aligned')} is for side-by-side pictures: label maps are files of their own")
        count = 2 + self.instances
        if len(paths) == 1:
            folders = _cityscapes(paths[0], count) or _folders(paths[0], count)
        elif len(paths) == 2 and self.instances and _has_instances(paths[0]):
            folders = [*paths, paths[0]]
        elif len(paths) == count:
            folders = list(paths)
        else:
            raise DataError(
                f"{len(paths)} folders were given. With label maps: labels/ images/ instances/, or labels/ images/ and"
                f" {argument('set', 'instances=false')}; with plain pictures: two folders and"
                f" {argument('set', 'label_nc=0')}"
            )
        label, image = names(folders[:2])
        part = only_parts(paths[0], folders) if len(paths) == 1 else None
        folders, parts = training_parts(folders)
        (maps, no_picture), (pictures, no_map), *rest = matched(folders, key, _KINDS[:count])
        alone = [*no_picture, *no_map, *(file for _, files in rest for file in files)]
        without = left_out(alone, " and ".join(map(str, dict.fromkeys(folders))), "without a counterpart")
        note = both(part, without, parts)
        instances = rest[0][0] if self.instances else ()
        return (
            Domain(label, folders[0], maps, unmatched=no_picture, classes=self.classes, instances=instances, note=note),
            Domain(image, folders[1], pictures, unmatched=no_map),
        )

    def open(self, domains: Sequence[Domain], recipe: Recipe) -> Dataset:
        """The data set. Raises DataError for pictures that are too small to be cropped."""
        if recipe.preparation.preprocess == "random_resized_crop":
            raise UsageError("label maps cannot be prepared by random_resized_crop: it would mix their ids")
        a, b = (domain.sources(channels) for domain, channels in zip(domains, recipe.channels, strict=True))
        maps, pictures = Collection(a, recipe.preparation), Collection(b, recipe.preparation)

        def both(number: int) -> tuple[Planes, Planes]:
            return maps.resized(number), pictures.resized(number)

        return pairs(domains, recipe, [maps, pictures], both)


def _has_instances(folder: Path) -> bool:
    """Whether a folder holds label maps and instance maps side by side, as Cityscapes' do."""
    files = find_pictures(folder)
    return any(len(of_kinds(files, [kind])) < len(files) for kind in INSTANCE_KINDS)


def _cityscapes(root: Path, count: int) -> list[Path] | None:
    """The folders of the training part of Cityscapes as it is downloaded."""
    pictures = root / "leftImg8bit" / "train"
    labels = next((folder for name in ("gtFine", "gtCoarse") if (folder := root / name / "train").is_dir()), None)
    return [labels, pictures, labels][:count] if labels is not None and pictures.is_dir() else None


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
    less = f"; without instance maps: {argument('set', 'instances=false')}" if count == 3 else ""
    others = ", ".join(("labels", "images", "instances")[:count])
    raise DataError(
        f"{root} holds no label maps with pictures: looked for {', '.join(wanted)}, or {others}, also below train"
        f"{less}; plain pictures: {argument('set', 'label_nc=0')}"
    )
