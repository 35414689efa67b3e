"""What chance does to answers: intervals, tests, and how far people agree. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
"""Of the bootstrap, and of a test where not all cases can be counted."""

_COUNTED = 14  # people: 2^14 cases are fewer than twice `DRAWS`

Interval = tuple[float, float]


def percentile_interval(chosen: Sequence[int], shown: Sequence[int], seed: int) -> Interval | None:
    """95 % of a share, sum(chosen) / sum(shown), where clusters (people, or pictures) are drawn again with repetition.

    The percentile interval of the bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section
    13.3). None for fewer than two clusters, which say nothing of how clusters differ.
    """
    count = len(shown)
    if count < 2:
        return None
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(count, np.full(count, 1 / count), size=DRAWS)
    of = weights @ np.asarray(shown)
    shares = (weights @ np.asarray(chosen))[of > 0] / of[of > 0]
    low, high = np.quantile(shares, (0.025, 0.975))
    return float(low), float(high)


def more_than_chance(differences: Sequence[int], seed: int) -> float:
    """The two-sided p-value of `differences`, by how much each person prefers one of two methods to the other.

    If nobody had a preference, each difference would be as likely with the other sign: p is the share of all signs
    with which the sum lies as far from 0 (a randomization test, by person: Fisher, The Design of Experiments, 1935,
    section 21). With more than 14 people, of 10,000 random signs and the one that was seen.
    """
    moved = np.array([value for value in differences if value], dtype=np.int64)
    seen = abs(int(moved.sum()))
    if len(moved) <= _COUNTED:
        signs: NDArray[np.int64] = np.array(list(product((-1, 1), repeat=len(moved))), dtype=np.int64)
        return float((abs(signs @ moved) >= seen).mean())
    signs = np.random.default_rng(seed).integers(0, 2, (DRAWS, len(moved))) * 2 - 1
    return float(((abs(signs @ moved) >= seen).sum() + 1) / (DRAWS + 1))


def holm(values: Sequence[float]) -> list[float]:
    """p-values of several tests, so that the chance of any false alarm stays what each says (Holm, 1979)."""
    adjusted, least = [0.0] * len(values), 0.0
    for rank, number in enumerate(sorted(range(len(values)), key=lambda number: values[number])):
        least = max(least, min(1.0, (len(values) - rank) * values[number]))
        adjusted[number] = least
    return adjusted


def alpha(groups: Iterable[Iterable[Sequence[Hashable]]]) -> float | None:
    """Krippendorff's alpha of the answers of several people to each of some questions; answers may be missing.

    1: all agree; 0: as chance would have it. Nominal data (Krippendorff, Computing Krippendorff's Alpha-Reliability,
    2011, section C). Questions of a group have the same possible answers. Of several groups the disagreement that was
    seen and that of chance are summed: chance never takes an answer that a question does not have. None where no
    question was answered twice, or all answers within each group are one and the same.
    """
    seen = expected = 0.0
    for units in groups:
        several = [Counter(unit) for unit in units if len(unit) > 1]
        if several:
            total = sum(several, Counter[Hashable]())
            expected += _unlike(total)
            seen += sum(map(_unlike, several))
    return 1 - seen / expected if expected else None


def _unlike(answers: Counter[Hashable]) -> float:
    """Ordered pairs of different answers, over the others that each answer has."""
    count = answers.total()
    return (count**2 - sum(number**2 for number in answers.values())) / (count - 1)
