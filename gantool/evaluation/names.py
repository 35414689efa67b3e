"""Pictures of two folders that belong together by their names. Imports no torch."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from gantool.pictures.ids import key


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
