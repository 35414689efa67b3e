"""Inception scores: how sure a classifier is of single pictures, and how much its answers vary.

A score is exp(mean KL divergence), natural logarithm, as Salimans et al. 2016 (arXiv 1606.03498, section 4) define it.
The MUNIT paper (Huang et al. 2018, arXiv 1804.04732, section 5.2) prints the mean divergence itself, its code the
score: `divergence` and `score` are both here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class InceptionScore(NamedTuple):
    """One figure in its two forms."""

    score: float
    """exp(divergence), at least 1."""
    divergence: float
    """Mean KL divergence in nats."""


def inception_score(probabilities: NDArray[np.floating]) -> InceptionScore:
    """Of class probabilities p(y|x) (pictures, classes): mean KL(p(y|x) || p(y)), p(y) their mean over all pictures."""
    return conditional_inception_score(probabilities[None])


class SplitScore(NamedTuple):
    """The score of several equal parts of a set."""

    mean: float
    deviation: float
    """Of the parts (their number, not one less, below the fraction)."""


def split_score(probabilities: NDArray[np.floating], splits: int = 10) -> SplitScore:
    """Inception scores of `splits` equal parts of (pictures, classes), in their order; a remainder is left out.

    Salimans et al. 2016: what most papers print. Each part has to hold all kinds of pictures. Raises ValueError for
    fewer pictures than parts.
    """
    each = len(probabilities) // splits
    if not each:
        raise ValueError(f"{len(probabilities)} pictures are no {splits} parts")
    scores = [inception_score(probabilities[first * each : (first + 1) * each]).score for first in range(splits)]
    return SplitScore(float(np.mean(scores)), float(np.std(scores)))


def conditional_inception_score(probabilities: NDArray[np.floating]) -> InceptionScore:
    """Of class probabilities (inputs, styles, classes): mean KL(p(y|x) || p(y|input)), p(y|input) the mean over styles.

    It tells how much the translations of one and the same input differ.
    """
    p = probabilities.astype(np.float64)
    marginal = p.mean(axis=1, keepdims=True)
    # A class of probability 0 contributes nothing.
    ratio = np.divide(p, marginal, out=np.ones_like(p), where=p > 0)
    divergence = float((p * np.log(ratio)).sum(axis=-1).mean())
    return InceptionScore(float(np.exp(divergence)), divergence)
