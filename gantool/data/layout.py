"""What a training layout is: the way from folders of pictures to the items of a batch. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gantool.data.transforms import Preparation

Item = dict[str, NDArray[np.generic]]
"""One training example: pictures (H, W, C) uint8 under the layout's names, labels as they are."""


@dataclass(frozen=True)
class Domain:
    """One collection of pictures."""

    name: str
    """What people call it: `--to NAME`."""
    root: Path
    files: tuple[Path, ...]
    """Sorted by path relative to `root`."""


class Dataset(Protocol):
    """The pictures of a run. `item` is a pure function of its arguments (and of the files): nothing to save, nothing to
    resume.
    """

    domains: tuple[Domain, ...]

    def __len__(self) -> int:
        """Items of an epoch."""

    @property
    def cache_note(self) -> str | None:
        """Why pictures are decoded anew although a cache was asked for; None where all is well."""

    def item(self, epoch: int, index: int) -> Item:
        """The item at position `index` of epoch `epoch`, augmented as (seed, epoch, index) say."""

    def close(self, *, remove: bool = False) -> None:
        """Lets go of files that are kept open; `remove` deletes the cache."""


class Layout(Protocol):
    """How a model's training pictures are arranged on disk."""

    name: str

    def find(self, paths: Sequence[Path]) -> tuple[Domain, ...]:
        """The domains below these paths. Raises DataError with what was looked for."""

    def open(
        self,
        domains: Sequence[Domain],
        preparation: Preparation,
        channels: Sequence[int],
        *,
        seed: int,
        cache: Path | None,
    ) -> Dataset:
        """The data set. `cache` is a folder for decoded and resized pictures that all workers share, or None."""
