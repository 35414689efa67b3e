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
    half: str | None = None
    """Which half of each file the picture is, "left" or "right"; None where a file is one picture."""
    unmatched: tuple[Path, ...] = ()
    """Files below `root` that are left out because they have no counterpart, where the layout asks for pairs."""
    without: tuple[Path, ...] | None = None
    """Of an attribute: the pictures of the same set that lack it, sorted likewise; None for a domain of its own."""
    note: str | None = None
    """What a person should hear about these files before training on them; None where all is well."""


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

    def samples(self, count: int) -> dict[str, list[NDArray[np.uint8]]]:
        """Fixed pictures (H, W, C) of each domain, as training sees them, cropped in the middle: rows of a sample grid.

        Where pictures come in pairs, those in one place of the lists belong together.
        """

    def item(self, epoch: int, index: int) -> Item:
        """The item at position `index` of epoch `epoch`, augmented as (seed, epoch, index) say."""

    def close(self, *, remove: bool = False) -> None:
        """Lets go of files that are kept open; `remove` deletes the cache."""


class Layout(Protocol):
    """How a model's training pictures are arranged on disk."""

    name: str
    pairs: bool
    """Whether pictures of its domains belong together, one of each."""
    many: bool
    """Whether it takes any number of domains, a folder for each."""

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """The domains below these paths. Raises DataError with what was looked for.

        `aligned` ("AB" or "BA") is for layouts of pairs: which half of a side-by-side picture is A. Others refuse it.
        """

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
