"""Label maps and instance maps: pictures whose values are ids, not colours. Nothing ever mixes two ids.

A label map's value is a class; an instance map's value tells one object from the next, also from one of its class. Both
are grey or palette pictures (of a palette picture the index is the id), of 8, 16 or 32 bits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gantool.errors import DataError, argument
from gantool.pictures.decoding import orientation, upright
from gantool.pictures.file import to_uint8
from gantool.pictures.opening import Admit, explained, opened
from gantool.spec import Kind, LabelMaps

Ids: TypeAlias = NDArray[Any]
"""int32 (H, W), or planes (H, W, C): the classes, and the instances if C is 2."""

INSTANCES = ("inst", "instance", "instances")
"""Words in the name of a folder of instance maps, in place of "label" or "labels" in that of the label maps."""

_LOSSY = ("JPEG", "JPEG2000", "WEBP", "AVIF")
# Cityscapes ends the names of the files that belong together in different ways.
_ENDS = re.compile(r"(?:_gt(?:Fine|Coarse)_((?:label|instance)(?:Train)?Ids|color)|_(leftImg8bit))$")
LABEL_KINDS, INSTANCE_KINDS = ("labelIds", "labelTrainIds"), ("instanceIds", "instanceTrainIds")
"""Endings of Cityscapes' files, the ones that are taken first come first."""
PICTURE_KINDS = ("color", "leftImg8bit")
_LABEL = re.compile(r"[Ll]abels?(?![a-z])")
_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".pgm")


def read_ids(source: Path | bytes, admit: Admit | None = None) -> Ids:
    """The ids (H, W) of a file, or of a file's content. Raises DataError for what is not a map of ids."""
    with explained(source), opened(source, admit) as image:
        image.load()
        return upright(ids_of(image), orientation(image))


def ids_of(image: Image.Image) -> Ids:
    """The ids (H, W) of an opened picture. Raises ValueError for one that holds no ids."""
    if image.format in _LOSSY:
        raise ValueError(f"{image.format} changes the values of a map of ids: save it as PNG")
    if image.mode.startswith("F"):
        raise ValueError("it holds fractions, but ids are whole numbers")
    if image.mode in ("1", "L", "P") or image.mode.startswith("I"):
        values = np.asarray(image)
    else:
        layers = np.asarray(image.convert("RGB"))
        if (layers != layers[..., :1]).any():
            raise ValueError("it is a colour picture, not a map of ids (grey or palette, a value for each class)")
        values = layers[..., 0]
    ids = values.astype(np.int32)
    if (ids < 0).any():
        raise ValueError(f"it holds {ids.min()}, but ids are not negative")
    return ids


def read_planes(source: Path | bytes, classes: int, instances: Path | None = None, admit: Admit | None = None) -> Ids:
    """The planes (H, W, 1), or (H, W, 2) with those of an instance map, int32. Raises DataError for ids that are no
    classes and for maps of different sizes."""
    name = "the label map" if isinstance(source, bytes) else str(source)
    ids = None if instances is None else read_ids(instances, admit)
    return planes_of_ids(read_ids(source, admit), ids, classes, (name, str(instances)))


def planes_of(image: Image.Image, classes: int, instances: Image.Image | None = None) -> Ids:
    """`read_planes` of opened pictures."""
    names = "the label map", "the instance map"
    ids = []
    for picture, name in zip((image, instances), names, strict=True):
        try:
            ids.append(None if picture is None else ids_of(picture))
        except ValueError as error:
            raise DataError(f"{name}: {error}") from error
    label_map, instance_map = ids
    assert label_map is not None
    return planes_of_ids(label_map, instance_map, classes, names)


def planes_of_ids(label_map: Ids, instance_map: Ids | None, classes: int, names: tuple[str, str]) -> Ids:
    """`read_planes` of ids (H, W). `names` of the two maps are for the messages."""
    check_classes(label_map, classes, names[0])
    if instance_map is None:
        return label_map[..., None]
    if instance_map.shape != label_map.shape:
        sizes = _size(label_map), _size(instance_map)
        raise DataError(f"{names[0]} is {sizes[0]} pixels and {names[1]} {sizes[1]}: they have to agree")
    return np.stack([label_map, instance_map], axis=2)


def check_classes(label_map: Ids, classes: int, name: str) -> None:
    """Raises DataError that names an id that is no class."""
    largest = int(label_map.max())
    if largest >= classes:
        usual = "; 255 often marks pixels to be ignored: give them a class" if largest == 255 else ""
        raise DataError(
            f"{name} holds the id {largest}, but the classes are 0 to {classes - 1}: change it, or train with"
            f" {argument('set', f'label_nc={largest + 1}')}{usual}"
        )


def key(name: str) -> str:
    """The common part of the names of a scene's files: no extension, none of Cityscapes' endings."""
    return _ENDS.sub("", Path(name).with_suffix("").as_posix())


def of_kinds(files: Sequence[Path], kinds: Sequence[str]) -> Sequence[Path]:
    """The files of the first of Cityscapes' kinds that is among them, without its other kinds, which share folders.

    All files where none is of these kinds. Files without any of the endings stay.
    """
    ends = [_kind(file.stem) for file in files]
    wanted = next((kind for kind in kinds if kind in ends), None)
    return files if wanted is None else [file for file, end in zip(files, ends, strict=True) if end in (wanted, None)]


def of_domain(files: Sequence[Path], kind: Kind) -> Sequence[Path]:
    """The files that belong to a domain of this kind, where Cityscapes' kinds share folders; else all files.

    Of label maps: `LABEL_KINDS`. Of pictures: all but maps of ids.
    """
    if isinstance(kind, LabelMaps):
        return of_kinds(files, LABEL_KINDS)
    return [file for file in files if _kind(file.stem) not in (*LABEL_KINDS, *INSTANCE_KINDS)] or files


def other_kinds(files: Sequence[Path], kept: Sequence[Path]) -> str:
    """One line on those of Cityscapes' files that are not kept; empty where all are."""
    rest = set(files) - set(kept)
    if not rest:
        return ""
    counts = Counter(_kind(file.stem) for file in rest)
    taken = sorted({kind for file in kept if (kind := _kind(file.stem))})
    what = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items(), key=str))
    return f"{what} of Cityscapes left out: {' and '.join(taken)} {'is' if len(taken) == 1 else 'are'} taken"


def _kind(stem: str) -> str | None:
    end = _ENDS.search(stem)
    return None if end is None else end[1] or end[2]


def find_instances(label_map: Path) -> Path:
    """The instance map of a label map: as Cityscapes has it, beside the label map under a name of its own kind; or in
    a folder beside its own whose name has `INSTANCES` instead of label(s).

    `test_inst/x.png` for `test_label/x.png`, `instances/a/x.png` for `labels/a/x.png`. The extension may differ. Raises
    DataError that says what was looked for.
    """
    if _kind(label_map.stem) in LABEL_KINDS:
        beside_it = label_map.with_name(re.sub(r"_label((?:Train)?Ids)$", r"_instance\1", label_map.stem) + ".png")
        if beside_it.is_file():
            return beside_it
    looked: list[Path] = []
    folder = next((folder for folder in label_map.absolute().parents if _LABEL.search(folder.name)), None)
    if folder is not None:
        inside = label_map.absolute().parent.relative_to(folder)
        looked = [folder.with_name(_LABEL.sub(word, folder.name)) / inside for word in INSTANCES]
        stems = (label_map.stem, re.sub(r"_label((?:Train)?Ids)$", r"_instance\1", label_map.stem))
        names = [stem + suffix for stem in stems for suffix in (label_map.suffix, *_SUFFIXES)]
        for beside in looked:
            for name in names:
                if (beside / name).is_file():
                    return beside / name
        alike = {normalize("NFC", name) for name in names}  # a Mac takes accents and letters apart
        for file in (file for beside in looked if beside.is_dir() for file in sorted(beside.iterdir())):
            if normalize("NFC", file.name) in alike:
                return file
    where = f"looked in {', '.join(map(str, looked))}" if looked else "no folder above it has label in its name"
    raise DataError(
        f"{label_map} has no instance map, which these weights need: {where}. Expected: labels/NAME.png and"
        " instances/NAME.png, or X_label/NAME.png and X_inst/NAME.png"
    )


def coloured(ids: Ids) -> NDArray[np.uint8]:
    """Planes (H, W, C) as a picture (H, W, 3) for people: a colour for each class, the same in every picture."""
    classes = ids[..., 0]
    picture = np.zeros((*classes.shape, 3), np.uint8)
    for place in range(8):  # bits of the class, three by three, from the most significant bit of each colour down
        for channel in range(3):
            picture[..., channel] |= (((classes >> (3 * place + channel)) & 1) << (7 - place)).astype(np.uint8)
    return picture


def shown(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """A network's input as a picture for people (H, W, C): 8 bits, ids in colours."""
    return coloured(pixels) if pixels.dtype == np.int32 else to_uint8(pixels)


def _size(ids: Ids) -> str:
    return f"{ids.shape[1]}x{ids.shape[0]}"
