"""Two folders of pictures measured against each other."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gantool.evaluation.how import How
from gantool.evaluation.measure import PLAIN, measure
from gantool.evaluation.report import Evaluation
from gantool.pictures.decoding import Array
from gantool.pictures.file import as_channels, read_picture
from gantool.pictures.find import find_pictures
from gantool.pictures.ids import key


def compare_folders(
    real: Path,
    fake: Path,
    *,
    how: How = PLAIN,
) -> Evaluation:
    """Measures the pictures below folder `fake` against those below folder `real`, as `measure` does.

    If every fake picture has a real one of the same name (`pair_by_name`), the paired metrics are computed, too. Grey
    pictures count as RGB, transparent ones are laid on white. Pictures are read when needed, never all at once.
    Raises DataError for a folder without pictures and for an unreadable picture, else as `measure`.
    """
    reals, fakes = Folder(real), Folder(fake)
    partners = pair_by_name(reals.names, fakes.names)
    complete = len(partners) == len(fakes)
    evaluation = measure(reals, fakes, pairs=partners if complete else None, how=how)
    for name, folder in (("real", reals), ("fake", fakes)):
        evaluation.protocol[name] |= {"path": str(folder.root), **folder.described()}
    pairing(evaluation, partners, len(fakes))
    return evaluation


def pairing(evaluation: Evaluation, partners: Sequence[tuple[int, int]], count: int) -> None:
    """Says in the protocol how many of `count` fake pictures have a partner."""
    matched = f"{len(partners)} of {count} fake pictures have a real one of the same name"
    evaluation.protocol["pairing"] = f"{matched} (path below the folder, without extension)"
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


def pair_by_name(real: Sequence[str], fake: Sequence[str]) -> list[tuple[int, int]]:
    """Indices (real, fake) of the pictures whose relative paths are equal without extension, in the order of `fake`.

    A path that occurs twice on a side (a.png, a.jpg) has no partner: which one is meant cannot be known.
    """
    real_stems, fake_stems = _stems(real), _stems(fake)
    places = {stem: index for index, stem in enumerate(real_stems)}
    doubtful = {stem for stems in (real_stems, fake_stems) for stem, count in Counter(stems).items() if count > 1}
    return [(places[stem], index) for index, stem in enumerate(fake_stems) if stem in places and stem not in doubtful]


def _stems(names: Sequence[str]) -> list[str]:
    return [unicodedata.normalize("NFC", key(name)) for name in names]
