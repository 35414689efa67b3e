"""How well results agree with label maps: the FCN score.

Isola et al., CVPR 2017, arXiv 1611.07004, section 4.1 (labels to photo: a network that knows photos segments the
results) and section 5.1 of CycleGAN, Zhu et al., ICCV 2017, arXiv 1703.10593 (photo to labels: results are label maps).
Rates are those of Long et al., CVPR 2015, of one confusion matrix over all pixels of the set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import fsum
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gantool.counting import first_few
from gantool.errors import CheckpointError, DataError, UsageError
from gantool.evaluation.description import Description
from gantool.evaluation.how import How
from gantool.evaluation.judge import Judge
from gantool.evaluation.names import pair_by_name
from gantool.evaluation.part import Part, Weights
from gantool.evaluation.pictures import Pictures, Some
from gantool.pictures.decoding import Array
from gantool.pictures.file import as_channels, read_picture, to_uint8
from gantool.pictures.find import find_pictures
from gantool.pictures.ids import LABEL_KINDS, of_kinds, read_ids
from gantool.pictures.opening import explained, opened
from gantool.pictures.resize import resize

Places: TypeAlias = NDArray[np.int32]
"""(H, W): the places of classes in a description; `NONE` for what is no class."""
NONE = -1
_EPSILON = 1e-12  # the authors'


class LabelMaps:
    """The true label maps of pictures, found by name before anything long is done."""

    def __init__(self, root: Path, files: Sequence[Path], description: Description) -> None:
        """`files` lie below `root`. Raises what `read` raises, of the first one."""
        self.root, self.files, self.description = root, files, description
        self.names = [file.relative_to(root).as_posix() for file in files]
        self.read(0)

    def read(self, index: int) -> Places:
        """One of them. Raises DataError for a file that is no label map."""
        return read_places(self.files[index], self.description)

    def of(self, names: Sequence[str]) -> list[int]:
        """The place of the label map of each of these pictures. Raises DataError for one that has none."""
        found = self.of_some(names)
        lacking = next((name for index, name in enumerate(names) if index not in found), None)
        if lacking is not None:
            raise DataError(f"{self.root} holds no label map of the name of {lacking}: every result needs its own")
        return [found[index] for index in range(len(names))]

    def of_some(self, names: Sequence[str]) -> dict[int, int]:
        """The place of the label map for the places of those names that have one."""
        return {picture: place for place, picture in pair_by_name(self.names, names)}


def label_maps(judge: Judge, root: Path) -> LabelMaps:
    """Those of the judge's own folder, or else below `root`. Raises DataError where there are none."""
    folder = judge.labels or root
    return LabelMaps(folder, of_kinds(find_pictures(folder), LABEL_KINDS), judge.description)


def read_places(file: Path, description: Description) -> Places:
    """A label map: a grey picture or one with a palette holds ids, one in colours the colours of the classes."""
    with explained(file), opened(file) as image:
        of_ids = image.mode in ("1", "L", "P") or image.mode[0] in "IF"
    if of_ids or not description.drawn:
        return _of_ids(read_ids(file), description)
    return places_in(as_channels(read_picture(file), 3), description)


def places_in(pixels: Array, description: Description) -> Places:
    """A label map of an array: (H, W, 1) holds ids, (H, W, 3) colours, of which each pixel is the nearest one's.

    A colour that is ignored is no class. Raises UsageError where classes have no colours.
    """
    if pixels.shape[2] == 1:
        return _of_ids(pixels[..., 0].astype(np.int32), description)
    if not description.drawn:
        raise UsageError(f"{description.file}: there are label maps in colours, and the classes have no color")
    colors = [one.color for one in description.classes]
    values = to_uint8(pixels).astype(np.int32)
    nearest = np.full(values.shape[:2], NONE, np.int32)
    least = np.full(values.shape[:2], 4 * 255**2, np.int32)
    for place, color in enumerate((*colors, *description.ignored)):
        distance = np.square(values - np.array(color, np.int32)).sum(axis=2, dtype=np.int32)
        closer = distance < least
        nearest[closer], least[closer] = (place if place < len(colors) else NONE), distance[closer]
    return nearest


def _of_ids(ids: NDArray[np.int32], description: Description) -> Places:
    none = max(one.id for one in description.classes) + 1
    table = np.full(none + 1, NONE, np.int32)
    for place, one in enumerate(description.classes):
        table[one.id] = place
    found: Places = table[np.minimum(ids, none)]  # ids of 32 bits are no length of a table
    return found


def counts(truth: Places, said: Places, classes: int) -> NDArray[np.int64]:
    """(3, classes): pixels of each class that are said to be of it, those that are, and those that are said to be,
    of the pixels that are of some class. `said` is brought to the size of `truth`: each pixel is the nearest one's.
    """
    said = resize(said, (truth.shape[1], truth.shape[0]))
    counted = truth != NONE
    truth, said = truth[counted], said[counted]
    return np.stack(
        [np.bincount(some[some != NONE], minlength=classes) for some in (truth[truth == said], truth, said)]
    )


def rates(matrix: NDArray[Any]) -> dict[str, float]:
    """Per-pixel accuracy, per-class accuracy and class IoU of `counts` (3, classes), summed over a set.

    As in the authors' code a class that does not occur counts as 0 in the means. A number that is not, where there is
    no pixel.
    """
    hits, are, said = matrix.astype(np.float64)
    classes = len(hits)
    return {
        "pixel_accuracy": float(hits.sum() / are.sum()) if are.any() else float("nan"),
        "class_accuracy": fsum(hits / (are + _EPSILON)) / classes,
        "class_iou": fsum(hits / (are + said - hits + _EPSILON)) / classes,
    }


def segmentation(
    judge: Judge,
    real: Pictures,
    fake: Pictures,
    truths: LabelMaps,
    places: tuple[dict[int, int], Sequence[int]],
    how: How,
    drawn: Callable[[int], Places],
) -> Part:
    """The rates of the fakes and, as a yardstick, those of the real pictures that have a label map.

    `places` are those of the label map in `truths` of real pictures, by their own place, and of every fake one. Without
    a network `drawn` gives the label map that a fake picture is, and there is no yardstick. Raises DataError where no
    pixel is of a class.
    """
    of_reals, of_fakes = places
    said = _each(drawn, len(fake), how) if judge.network is None else _segmented(judge, fake, how, "judge, fake")
    per_fake = _counted(truths, of_fakes, said)
    matrix = per_fake.sum(axis=0)
    if not matrix[1].any():
        raise DataError(f"no pixel of the label maps in {truths.root} is of a class of {truths.description.file}")
    metrics = rates(matrix)
    of_pictures = np.array(list(of_reals), dtype=np.intp)
    per_real: NDArray[np.int64] | None = None
    if judge.network is not None and of_reals:
        some = Some(real, list(of_reals))
        per_real = _counted(truths, list(of_reals.values()), _segmented(judge, some, how, "judge, real"))
        metrics |= _of_reals(rates(per_real.sum(axis=0)))

    def recount(real: Weights, fake: Weights) -> dict[str, float]:
        found = rates(np.tensordot(fake, per_fake, 1))
        if per_real is not None:
            found |= _of_reals(rates(np.tensordot(real[of_pictures], per_real, 1)))
        return found

    absent = [one.name for one, count in zip(judge.description.classes, matrix[1], strict=True) if not count]
    protocol = {
        **judge.protocol(),
        "truth": f"label maps below {truths.root}, by name; at their size, results by the nearest pixel",
        "pixels": int(matrix[1].sum()),
        "classes absent": f"{len(absent)}, which count as 0 in the means, as in the papers" if absent else 0,
        "real pictures with a label map": len(of_reals),
    }
    notes = []
    if absent:
        notes.append(f"the label maps show no {first_few(absent)}: absent classes count as 0 in class accuracy and IoU")
    return Part(metrics, {"judge": protocol}, notes, recount, _rows(judge.description, matrix))


def _each(drawn: Callable[[int], Places], count: int, how: How) -> Iterator[Places]:
    for index in range(count):
        how.progress("label maps", index, count)
        yield drawn(index)


def _of_reals(found: dict[str, float]) -> dict[str, float]:
    return {f"{name}_real": value for name, value in found.items()}


def _counted(truths: LabelMaps, places: Sequence[int], said: Iterator[Places]) -> NDArray[np.int64]:
    """(N, 3, classes) of N pictures."""
    classes = len(truths.description.classes)
    return np.stack([counts(truths.read(place), one, classes) for place, one in zip(places, said, strict=True)])


def _segmented(judge: Judge, pictures: Pictures, how: How, stage: str) -> Iterator[Places]:
    """What the network says of the pixels of each picture. Raises CheckpointError for classes that it does not have."""
    network, classes = judge.description.network, len(judge.description.classes)
    for answer in judge.answers(pictures, how.square, stage, how.progress):
        if answer.ndim == 3 and len(answer) > 1:
            known, found = len(answer), answer.argmax(axis=0).astype(np.int32)
        else:
            found = answer.reshape(answer.shape[-2:]).astype(np.int32)
            known = int(found.max()) + 1 if found.min() >= 0 else classes + 1
        if known > classes or (answer.ndim == 3 and 1 < known < classes):
            raise CheckpointError(
                f"{network} tells {known} classes apart, and {judge.description.file} names {classes}"
            )
        yield found


def _rows(description: Description, matrix: NDArray[np.int64]) -> dict[str, dict[str, float]]:
    """Each class that occurs by itself."""
    return {
        one.name: {"pixels": int(are), "accuracy": hits / are, "iou": hits / (are + said - hits)}
        for one, (hits, are, said) in zip(description.classes, matrix.T.tolist(), strict=True)
        if are
    }
