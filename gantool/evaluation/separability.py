"""Linear separability: how well a plane in the space of latents parts pictures that have an attribute from others.

Karras et al., CVPR 2019, arXiv 1812.04948, section 4.2: a linear support vector machine learns the attribute from the
latents, and what is still unknown of it where the machine has spoken is measured in bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_ITERATIONS = 100
_HALVINGS = 40


def separability(
    latents: NDArray[np.floating], attributes: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]]
) -> float:
    """The score, at least 1, of latents (N, L) and of attributes: whether a picture has it (N,), and which rows count
    (N,), those that a classifier is sure of.
    """
    entropies = []
    for has, counts in attributes:
        x, y = latents[counts].astype(np.float64), has[counts]
        side = decision(linear_svm(x, y), x) > 0
        table = [[float(np.mean((side == s) & (y == c))) for c in (False, True)] for s in (False, True)]
        entropies.append(conditional_entropy(np.array(table)))
    return separability_score(entropies)


def conditional_entropy(table: NDArray[np.floating]) -> float:
    """H(class | side) in bits, of the shares p(side, class) (sides, classes)."""
    p = np.asarray(table, np.float64)
    sides = p.sum(axis=1, keepdims=True)
    # A share of 0 contributes nothing.
    ratio = np.divide(sides, p, out=np.ones_like(p), where=p > 0)
    return float((p * np.log2(ratio)).sum())


def separability_score(entropies: Sequence[float]) -> float:
    """2 to the power of the sum of the attributes' entropies."""
    return float(2 ** np.sum(entropies))


def linear_svm(x: Matrix, y: NDArray[np.bool_], cost: float = 1.0) -> Matrix:
    """The weights (L + 1,), the last one the intercept, of a linear support vector machine on rows (N, L).

    They minimise |w|^2 / 2 + cost * sum max(0, 1 - t (w . x))^2, t = 1 where `y` and else -1, with a column of ones
    behind x: so the intercept is penalised, too. It is what scikit-learn's LinearSVC approaches with its defaults;
    here Newton's method (Keerthi and DeCoste, JMLR 2005) goes all the way.
    """
    rows, signs = np.hstack([x, np.ones((len(x), 1))]), np.where(y, 1.0, -1.0)

    def loss(w: Matrix) -> float:
        return float(w @ w / 2 + cost * np.square(np.maximum(0, 1 - signs * (rows @ w))).sum())

    w = np.zeros(rows.shape[1])
    for _ in range(_ITERATIONS):
        short = signs * (rows @ w) < 1
        inside = rows[short]
        best = np.linalg.solve(
            np.eye(len(w)) + 2 * cost * inside.T @ inside, 2 * cost * inside.T @ signs[short]
        )  # of the parabola that these rows make
        step, before = best - w, loss(w)
        share = 1.0
        for _ in range(_HALVINGS):
            if loss(w + share * step) < before:
                break
            share /= 2
        else:
            break  # no step is better: it is the minimum, as far as numbers go
        w = w + share * step
    return w


def decision(weights: Matrix, x: Matrix) -> Matrix:
    """On which side of the plane, and how far, rows (N, L) are: (N,)."""
    found: Matrix = x @ weights[:-1] + weights[-1]
    return found
