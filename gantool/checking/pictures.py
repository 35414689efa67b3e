"""Small pictures: training sets, drawn as each layout wants them, and noise to translate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from gantool.errors import UsageError
from gantool.model import Data
from gantool.pictures.file import Array
from gantool.pictures.ids import Ids
from gantool.spec import Kind, LabelMaps

SIDE = 80
"""Of the pictures of a training set, in pixels."""
CLASSES = 4
"""The most classes that a label map here shows."""


def training_pictures(data: Data, root: Path) -> list[Path]:
    """Draws pictures below `root` and gives the paths to name for a training. Raises UsageError for a layout that a
    plugin brings: only its author knows how its pictures are arranged.
    """
    layout = data.layout
    maps = next((kind for kind in data.kinds if isinstance(kind, LabelMaps)), None)
    if layout.name == "unpaired":
        return unpaired(root)
    if layout.name == "paired":
        return paired(root)
    if layout.name == "colour pictures":
        return unpaired(root)[:1]
    if layout.name == "pictures":
        return pictures(root)
    if layout.name == "captioned":
        return captioned(root)
    if layout.name == "domains" and data.attributes:
        return attributes(root, getattr(layout, "attributes", ()))
    if layout.name == "domains":
        return domains(root)
    if layout.name == "labels" and maps is not None:
        return labels(root, min(CLASSES, maps.classes))[: 2 + maps.instances]
    raise UsageError(
        f'gantool has no pictures for the layout "{layout.name}": name training pictures of yours behind the plugin'
    )


def pictures(root: Path) -> list[Path]:
    """A folder of 8 pictures."""
    return [draw(root / "pictures", 8, seed=1, size=SIDE)]


def captioned(root: Path) -> list[Path]:
    """A folder of 8 pictures, each with two captions beside it."""
    folder = draw(root / "captioned", 8, seed=1, size=SIDE)
    for index, picture in enumerate(sorted(folder.glob("*.png"))):
        colour = ("red", "green", "blue", "grey")[index % 4]
        picture.with_suffix(".txt").write_text(f"a {colour} disc\nnumber {index}, {colour}\n", encoding="utf-8")
    return [folder]


def unpaired(root: Path) -> list[Path]:
    """Two folders of 4 and 5 pictures."""
    return [draw(root / "trainA", 4, seed=1, size=SIDE), draw(root / "trainB", 5, seed=2, size=SIDE)]


def paired(root: Path) -> list[Path]:
    """Two folders of 5 pictures with the same names."""
    return [draw(root / name, 5, seed=seed, size=SIDE) for name, seed in (("trainA", 1), ("trainB", 2))]


def domains(root: Path) -> list[Path]:
    """Three folders of 4 pictures."""
    return [draw(root / name, 4, seed=seed, size=SIDE) for seed, name in enumerate(("blue", "green", "red"), 1)]


def attributes(root: Path, names: tuple[str, ...]) -> list[Path]:
    """A folder of 8 pictures and a table that says which of these attributes each has."""
    folder, table = draw(root / "pictures", 8, seed=1, size=SIDE), root / "attributes.csv"
    rows = [[f"{i:02d}.png", *(str(i >> k % 3 & 1) for k in range(len(names)))] for i in range(8)]
    table.write_text("".join(f"{','.join(row)}\n" for row in [["file", *names], *rows]), encoding="utf-8")
    return [folder, table]


def labels(root: Path, classes: int = CLASSES) -> list[Path]:
    """Folders of 4 label maps, of their pictures, and of their instance maps."""
    draw_ids(root / "labels", 4, seed=1, size=SIDE, classes=classes)
    draw_ids(root / "instances", 4, seed=1, size=SIDE)
    draw(root / "images", 4, seed=2, size=SIDE)
    return [root / name for name in ("labels", "images", "instances")]


def noise(kind: Kind, width: int, height: int, seed: int = 0) -> Array | Ids:
    """Pixels (H, W, C) uint8 of a domain of this kind, or planes of ids (H, W, C) int32."""
    rng = np.random.default_rng(seed)
    if isinstance(kind, LabelMaps):
        return rng.integers(0, [kind.classes, CLASSES][: kind.channels], (height, width, kind.channels), dtype=np.int32)
    return rng.integers(0, 256, (height, width, kind.channels), dtype=np.uint8)


def as_image(kind: Kind, pixels: Array | Ids) -> tuple[Image.Image, Image.Image | None]:
    """Pixels of such a domain as an opened picture, and the instance map that belongs to it, if there is one."""
    if not isinstance(kind, LabelMaps):
        return Image.fromarray(pixels[..., 0] if kind.channels == 1 else pixels), None
    label_map, *instances = (Image.fromarray(np.ascontiguousarray(ids)) for ids in pixels.transpose(2, 0, 1))
    return label_map, next(iter(instances), None)


def draw(folder: Path, count: int, *, seed: int, size: int = 40, suffix: str = ".png") -> Path:
    """A folder of pictures that differ: a shape of random place and colour on a random background."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for index in range(count):
        background, shape = (tuple(int(v) for v in rng.integers(0, 256, 3)) for _ in range(2))
        picture = Image.new("RGB", (size, size), background)
        x, y = (int(v) for v in rng.integers(0, size // 2, 2))
        pen = ImageDraw.Draw(picture)
        (pen.ellipse if seed % 2 else pen.rectangle)((x, y, x + size // 2, y + size // 2), fill=shape)
        picture.save(folder / f"{index:02d}{suffix}")
    return folder


def draw_ids(folder: Path, count: int, *, seed: int, size: int = 40, classes: int = CLASSES, first: int = 0) -> Path:
    """A folder of maps of ids, 16-bit: random rectangles of `classes` values from `first` on."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for index in range(count):
        ids = np.full((size, size), first, np.uint16)
        for value in range(1, classes):
            x, y = (int(v) for v in rng.integers(0, size // 2, 2))
            ids[y : y + size // 3, x : x + size // 2] = first + value
        Image.fromarray(ids).save(folder / f"{index:02d}.png")
    return folder
