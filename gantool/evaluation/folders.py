"""Two folders of pictures measured against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gantool.errors import DataError, UsageError, argument
from gantool.evaluation.accuracy import accuracy
from gantool.evaluation.content import content
from gantool.evaluation.how import How
from gantool.evaluation.judge import Judge, expected
from gantool.evaluation.measure import PLAIN, measure
from gantool.evaluation.names import pair_by_name
from gantool.evaluation.part import Part
from gantool.evaluation.report import Evaluation
from gantool.evaluation.segmentation import Places, label_maps, read_places, segmentation
from gantool.pictures.decoding import Array
from gantool.pictures.file import as_channels, read_picture
from gantool.pictures.find import find_pictures


def compare_folders(
    real: Path,
    fake: Path,
    *,
    inputs: Path | None = None,
    how: How = PLAIN,
) -> Evaluation:
    """Measures the pictures below folder `fake` against those below folder `real`, as `measure` does.

    With `inputs`, the pictures that those below `fake` were made of, by name: how much of them is kept. With a judge
    results are judged: by a classifier for the class that is expected, or that of their folder; by one of label maps
    against those in its own folder, or in `real` where results are label maps themselves.

    If every fake picture has a real one of the same name (`pair_by_name`), the paired metrics are computed, too. Grey
    pictures count as RGB, transparent ones are laid on white. Pictures are read when needed, never all at once.
    Raises DataError for a folder without pictures and for an unreadable picture, else as `measure`.
    """
    reals, fakes = Folder(real, how.find(real)), Folder(fake, how.find(fake))
    if inputs is None:
        return compare_sets(reals, fakes, how=how)
    return compare_sets(reals, fakes, inputs=Folder(inputs, how.find(inputs)), how=replace(how, consistency=True))


def compare_sets(reals: Folder, fakes: Folder, *, inputs: Folder | None = None, how: How = PLAIN) -> Evaluation:
    """`compare_folders` of pictures that are chosen already. What results keep of `inputs` is measured where `how` asks
    for consistency, and the KID to them where it asks for that.
    """
    partners = pair_by_name(reals.names, fakes.names)
    complete = len(partners) == len(fakes)
    before = None if inputs is None else _inputs(inputs, fakes)
    judged = None if how.judges.judge is None else _judging(how.judges.judge, reals, fakes, how)
    made_of = None
    if before is not None and how.kid_source:
        places = {fake: place for place, fake in before[2]}
        made_of = Folder(before[0].root, [before[0].files[places[fake]] for fake in range(len(fakes))])
    evaluation = measure(reals, fakes, pairs=partners if complete else None, inputs=made_of, how=how)
    for name, folder in (("real", reals), ("fake", fakes)):
        evaluation.protocol[name] |= {"path": str(folder.root), **folder.described()}
    pairing(evaluation, partners, len(fakes))
    if judged is not None:
        evaluation.add(judged())
    if before is not None and how.consistency:
        evaluation.add(content(*before, how))
    return evaluation


def _inputs(inputs: Folder, fakes: Folder) -> tuple[Folder, Folder, Sequence[tuple[int, int]]]:
    """Inputs and fakes as pairs. Raises DataError for a fake picture without an input."""
    pairs = pair_by_name(inputs.names, fakes.names)
    lacking = sorted(set(range(len(fakes))) - {fake for _, fake in pairs})
    if lacking:
        made = fakes.files[lacking[0]]
        raise DataError(f"{inputs.root} holds no picture of the name of {made}, which was made of it")
    return inputs, fakes, pairs


def _judging(judge: Judge, reals: Folder, fakes: Folder, how: How) -> Callable[[], Part]:
    """What measures the fakes. Raises UsageError and DataError for whatever the judge lacks."""
    if judge.classifies:
        asked: tuple[list[str | None], list[str]]
        if judge.expect is not None:
            asked = [judge.expect] * len(reals), [judge.expect] * len(fakes)
        else:
            of_fakes = [_folder(name) for name in fakes.names]
            if "" in of_fakes:
                raise UsageError(
                    f"{fakes.root} holds pictures that are in no folder of a class: say with {argument('expect')} which"
                    " class all of them shall be of"
                )
            asked = [name if (name := _folder(each)) in of_fakes else None for each in reals.names], of_fakes
        classes = expected(judge, asked[1])
        return lambda: accuracy(judge, reals, fakes, asked, classes, how)
    if judge.network is not None and judge.labels is None:
        raise UsageError(f"what should the pictures show? {argument('labels')} names the folder of their label maps")
    truths = label_maps(judge, reals.root)
    places = truths.of(fakes.names)

    def drawn(index: int) -> Places:
        return read_places(fakes.files[index], judge.description)

    if judge.network is None:
        drawn(0)
    of_reals = {} if judge.network is None else truths.of_some(reals.names)
    return lambda: segmentation(judge, reals, fakes, truths, (of_reals, places), how, drawn)


def _folder(name: str) -> str:
    """The first folder of a relative path; empty for a picture in none."""
    return name.partition("/")[0] if "/" in name else ""


def pairing(evaluation: Evaluation, partners: Sequence[tuple[int, int]], count: int) -> None:
    """Says in the protocol how many of `count` fake pictures have a partner."""
    matched = f"{len(partners)} of {count} fake pictures have a real one of the same name"
    evaluation.protocol["pairing"] = f"{matched} (path below the folder, without extension)"
    missing = evaluation.counts[0] - len(partners)
    if len(partners) == count and missing:
        evaluation.notes.insert(
            0, f"{missing} of {evaluation.counts[0]} real pictures have no fake one of the same name"
        )
    if len(partners) < count:
        evaluation.notes.insert(0, f"{matched}: PSNR, SSIM and L1 need a partner for each")


class Folder:
    """The pictures below a folder as `Pictures`, sorted by relative path and read when they are asked for."""

    def __init__(self, root: Path, files: Sequence[Path] | None = None) -> None:
        """`files` None: all. Raises DataError if `root` is not a folder or holds no picture."""
        self.root = root
        self.files = find_pictures(root) if files is None else files
        self._transparent: set[int] = set()
        self._stretched: set[int] = set()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int, /) -> Array:
        picture = read_picture(self.files[index])
        if picture.alpha is not None and (picture.alpha < np.iinfo(picture.alpha.dtype).max).any():
            self._transparent.add(index)
        if picture.stretched:
            self._stretched.add(index)
        return as_channels(picture, picture.pixels.shape[2])

    @property
    def names(self) -> list[str]:
        """Relative paths with extension."""
        return [path.relative_to(self.root).as_posix() for path in self.files]

    def described(self) -> dict[str, Any]:
        """How the pictures read so far were treated."""
        treated: dict[str, Any] = {"transparent, laid on white": len(self._transparent)}
        if self._stretched:
            treated["values stretched to the valid range"] = len(self._stretched)
        return treated


def inputs_in(root: Path, files: Sequence[Path]) -> Folder:
    """The pictures that are translated, in the order that `Kept.sort` brings the translations into."""
    return Folder(root, sorted(files, key=lambda file: file.relative_to(root).as_posix()))
