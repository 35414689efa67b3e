"""The real pictures that pictures of noise are measured against: as the model learned to make them, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gantool import direction
from gantool.data.transforms import Preparation, resize
from gantool.errors import UsageError
from gantool.evaluation.folders import Folder
from gantool.pictures.decoding import Array
from gantool.pictures.file import Picture, as_channels
from gantool.pictures.find import find_pictures
from gantool.spec import Facts


@dataclass(frozen=True)
class Reals:
    """Real pictures, and the class of each where the model has classes and there is a folder for each class."""

    files: Sequence[Path]
    classes: Sequence[int]
    """Numbers of classes, one for each file; none where that is not known."""


def real_pictures(root: Path, facts: Facts, to: str | None) -> Reals:
    """Those below a folder, or of class `to` alone. Raises DataError where there are none, UsageError for no class."""
    names = facts.spec.domains
    if facts.told != "class":
        return Reals(find_pictures(root), ())
    if to is not None:
        name = direction.named(names, to)
        files = find_pictures(root / name if (root / name).is_dir() else root)
        return Reals(files, [names.index(name)] * len(files))
    folders = {number: root / name for number, name in enumerate(names) if (root / name).is_dir()}
    if not folders:
        return Reals(find_pictures(root), ())
    each = {number: find_pictures(folder) for number, folder in folders.items()}
    return Reals([file for files in each.values() for file in files], [number for number in each for _ in each[number]])


class Prepared(Folder):
    """Real pictures as the model learned to make them: of its size and channels."""

    def __init__(self, root: Path, files: Sequence[Path], facts: Facts, shape: tuple[int, ...]) -> None:
        """`shape` (H, W, C) is that of the model's own pictures."""
        super().__init__(root, files)
        height, width, self._channels = shape
        square = Preparation("square", size=height, crop=height, flip=False)
        try:
            learned = Preparation(**facts.preparation)
        except (TypeError, UsageError):  # imported weights tell nothing
            learned = square
        self.preparation = learned if learned.common_size == (width, height) else square

    def __getitem__(self, index: int, /) -> Array:
        pixels = as_channels(Picture(super().__getitem__(index), None, "", None), self._channels)
        return np.ascontiguousarray(resize(pixels, self.preparation).transpose(1, 2, 0))

    def described(self) -> dict[str, Any]:
        how = self.preparation
        return {**super().described(), "prepared": f"{how.preprocess}, {how.crop}x{how.crop}, {how.filter}"}
