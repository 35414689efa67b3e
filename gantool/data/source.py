"""The files of a data set: domains of pictures, and how one picture is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from gantool.errors import DataError
from gantool.pictures.file import read_pixels
from gantool.pictures.ids import read_planes
from gantool.pictures.opening import refuse_bomb

Box: TypeAlias = tuple[int, int, int, int]
"""A part of a picture: left, top, right, bottom, in pixels. What lies outside of the picture is none of it."""


@dataclass(frozen=True)
class Source:
    """One picture or label map, on file."""

    path: Path
    channels: int
    """1 (grey) or 3 (RGB) of a picture."""
    half: str | None = None
    """"left" or "right" of a file that holds two pictures side by side."""
    classes: int = 0
    """Of a label map: its ids are less than this. 0 for a picture."""
    instances: Path | None = None
    """The instance map that belongs to a label map."""
    box: Box | None = None
    """The part of the file that the picture is; None for the whole."""
    smoothed: bool = False
    """Its edges are softened after the resize, as `gantool.data.edges` does it."""

    def size(self, of_file: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of the picture, given that of its file.

        Raises DataError for an odd width with two halves, and for a box that lies outside.
        """
        width, height = of_file
        if self.box is not None:
            left, top, right, bottom = _inside(self.path, self.box, width, height)
            return right - left, bottom - top
        return of_file if self.half is None else (_half_width(self.path, width), height)

    def read(self) -> NDArray[Any]:
        """The picture (H, W, C) as it is on file: uint8, or int32 of a label map. Raises DataError."""
        if self.classes:
            return read_planes(self.path, self.classes, self.instances, refuse_bomb)
        pixels = read_pixels(self.path, self.channels)
        if self.box is not None:
            left, top, right, bottom = _inside(self.path, self.box, pixels.shape[1], pixels.shape[0])
            return pixels[top:bottom, left:right]
        if self.half is None:
            return pixels
        width = _half_width(self.path, pixels.shape[1])
        return pixels[:, :width] if self.half == "left" else pixels[:, width:]


@dataclass(frozen=True)
class Domain:
    """One collection of pictures, or of label maps."""

    name: str
    """Its name, for people and for weights files."""
    root: Path
    files: tuple[Path, ...]
    """Sorted by path relative to `root`."""
    half: str | None = None
    """Which half of each file the picture is, "left" or "right"; None where a file is one picture."""
    boxes: tuple[Box | None, ...] = ()
    """Which part of each file the picture is, in the order of `files`; empty where all are whole."""
    unmatched: tuple[Path, ...] = ()
    """Files below `root` that are left out because they have no counterpart, where the layout asks for pairs."""
    without: tuple[Path, ...] | None = None
    """Of an attribute: the pictures of the same set that lack it, sorted likewise; None for a domain of its own."""
    classes: int = 0
    """Of label maps: ids are less than this. 0 for pictures."""
    instances: tuple[Path, ...] = ()
    """Of label maps: their instance maps, in the order of `files`; empty where none are used."""
    captions: tuple[tuple[str, ...], ...] = ()
    """Texts that describe each picture, in the order of `files`; empty where they come without."""
    embeddings: Sequence[NDArray[Any]] = field(default=(), compare=False, repr=False)
    """Vectors (captions, numbers) that describe each picture in place of texts, in the order of `files`."""
    note: str | None = None
    """A message about these files before a training on them; it may hold an `argument`. None where all is well."""

    @property
    def vectors(self) -> int:
        """Numbers of the vectors that describe its pictures; 0 where none come with them."""
        return int(self.embeddings[0].shape[-1]) if self.embeddings else 0

    @property
    def read_beside(self) -> tuple[str, ...]:
        """Types of files, such as ".txt", that lie among the pictures and are read as well."""
        return (".txt",) if self.captions else ()

    def sources(self, channels: int) -> list[Source]:
        """The files, in their order, read with so many channels."""
        none = (None,) * len(self.files)
        return [
            Source(file, channels, self.half, self.classes, instance, box)
            for file, instance, box in zip(self.files, self.instances or none, self.boxes or none, strict=True)
        ]


def _inside(path: Path, box: Box, width: int, height: int) -> Box:
    """What of a box lies in a picture of this size."""
    left, top, right, bottom = box
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if left >= right or top >= bottom:
        raise DataError(f"{path} is {width}x{height} pixels, and the box of what it shows lies outside")
    return left, top, right, bottom


def _half_width(path: Path, width: int) -> int:
    if width % 2:
        raise DataError(f"{path} is {width} pixels wide: an odd width has no two halves, cut off a column")
    return width // 2
