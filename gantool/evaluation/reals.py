"""The real pictures that pictures of noise are measured against: as the model learned to make them, class by class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantool import direction
from gantool.data.transforms import Preparation, middle, resize
from gantool.errors import DataError, UsageError
from gantool.evaluation.folders import Folder
from gantool.model import Model
from gantool.pictures.decoding import Array
from gantool.pictures.file import Picture, as_channels
from gantool.spec import Facts


@dataclass(frozen=True)
class Reals:
    """Real pictures, and what is known of each."""

    root: Path
    files: Sequence[Path]
    classes: Sequence[int] = ()
    """Numbers of classes, one for each file; none where that is not known."""
    captions: Sequence[Sequence[str]] = ()
    """For a model that reads."""
    vectors: Sequence[NDArray[Any]] = ()
    """(captions, numbers), for a model that is told by vectors."""


def real_pictures(
    paths: Sequence[Path],
    facts: Facts,
    network: Model[Any],
    to: str | None,
    find: Callable[[Path], Sequence[Path]],
) -> Reals:
    """Those that `find` lists below a folder, or of class `to` alone; of a model that is told by words or their vectors
    those that have such, as its layout finds them for training. Raises DataError where there are none, UsageError for
    no class.
    """
    root, names = paths[0], facts.spec.domains
    if facts.told in ("text", "vector"):
        (domain,) = network.data(network.options).layout.find(paths)
        if facts.told == "text" and not domain.captions:
            raise DataError(f"{facts.model} takes words, and {paths[-1]} describes the pictures by vectors")
        if facts.told == "vector" and domain.vectors != facts.label_size:
            described = f"by vectors of {domain.vectors} numbers" if domain.vectors else "in words"
            raise DataError(
                f"{facts.model} takes vectors of {facts.label_size} numbers, and {paths[-1]} describes the"
                f" pictures {described}"
            )
        return Reals(domain.root, domain.files, captions=domain.captions, vectors=domain.embeddings)
    if facts.told == "":
        return Reals(root, find(root))
    if to is not None:
        name = direction.named(names, to)
        files = find(root / name if (root / name).is_dir() else root)
        return Reals(root, files, [names.index(name)] * len(files))
    folders = {number: root / name for number, name in enumerate(names) if (root / name).is_dir()}
    if not folders:
        return Reals(root, find(root))
    each = {number: find(folder) for number, folder in folders.items()}
    classes = [number for number in each for _ in each[number]]
    return Reals(root, [file for files in each.values() for file in files], classes)


class Prepared(Folder):
    """Real pictures as the model learned to make them: of its size and channels."""

    def __init__(self, root: Path, files: Sequence[Path], facts: Facts, shape: tuple[int, ...]) -> None:
        """`shape` (H, W, C) is that of the model's own pictures."""
        super().__init__(root, files)
        side, _, self._channels = shape
        self._square = Preparation("square", size=side, crop=side, flip=False)
        try:
            learned = Preparation(**facts.preparation)
        except (TypeError, UsageError):  # imported weights tell nothing
            learned = self._square
        self.preparation = learned if learned.crops and learned.crop == side else self._square

    def __getitem__(self, index: int, /) -> Array:
        pixels = as_channels(Picture(super().__getitem__(index), None, "", None), self._channels)
        side = self._square.crop
        for how in (self.preparation, self._square):  # a picture that is too small for its crop is enlarged
            found = middle(resize(pixels, how).transpose(1, 2, 0), side)
            if found.shape[:2] == (side, side):
                break
        return np.ascontiguousarray(found)

    def described(self) -> dict[str, Any]:
        how = self.preparation
        resized = f" of {how.size}" if how.size != how.crop else ""
        crop = f"{how.crop}x{how.crop}{resized}, from the middle"
        return {**super().described(), "prepared": f"{how.preprocess}, {crop}, {how.filter}"}
