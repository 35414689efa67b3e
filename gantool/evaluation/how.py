"""How pictures are measured, whatever is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from gantool.evaluation.judges import Judges
from gantool.evaluation.pictures import Look, Progress, Size, silent, unseen
from gantool.evaluation.request import check_numbers
from gantool.evaluation.subsets import Subsets
from gantool.pictures.find import find_pictures


@dataclass(frozen=True, kw_only=True)
class How:
    """Raises UsageError for a seed or a size that cannot be."""

    judges: Judges = field(default_factory=Judges)
    size: int | None = None
    """Every picture is brought to size x size first; None measures them as they are stored."""
    kid: Subsets | None = None
    """Of KID; None takes those of `subsets.fitting`."""
    kid_source: bool = False
    """Whether the KID of translations to the pictures that they were made of is measured, too."""
    seed: int = 0
    """Of random projections, subsets, styles and pictures of noise."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Where networks compute."""
    consistency: bool = False
    """Whether it is measured what results keep of the pictures that they were made of."""
    precision: str = "fp32"
    """"exact" has all convolutions of the model computed by their definition: see `gantool.networks.winograd`."""
    recounted: bool = False
    """Whether the metrics shall be counted again for other weights of the pictures, as intervals need it."""
    progress: Progress = silent
    find: Callable[[Path], Sequence[Path]] = find_pictures
    """Lists the pictures below a folder."""
    look: Look = unseen
    """Shown the pictures of every measurement."""

    def __post_init__(self) -> None:
        check_numbers(self.seed, self.size)

    @property
    def square(self) -> Size | None:
        """`size` as (height, width)."""
        return None if self.size is None else (self.size, self.size)
