"""KID, the kernel distance between two sets of features (Binkowski et al., ICLR 2018, arXiv 1801.01401). In float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gantool.evaluation.subsets import Subsets, blocks, fitting

Matrix = NDArray[np.float64]
Places = NDArray[np.intp]
"""Of pictures within a set."""

MOST_AT_ONCE = 4096
"""Pictures a side between all of which the kernel is held in memory."""


def kid(
    real: NDArray[np.floating], fake: NDArray[np.floating], *, subsets: Subsets | None = None, seed: int = 0
) -> tuple[float, float | None]:
    """Mean and standard deviation of the squared MMD over subsets of two sets of features (N, D) and (M, D), N and M at
    least 2. Unbiased, so possibly negative, with the kernel (x . y / D + 1)^3. The value is not multiplied by anything.

    `subsets` None takes those of `subsets.fitting`. They are drawn from the seed, each without repetition; blocks are
    a random order of each set cut into equal parts. One subset has no deviation (None).
    """
    chosen = fitting(subsets, len(real), len(fake))
    pairs = list(_drawn(chosen, len(real), len(fake), seed))
    # Subsets that overlap much share a kernel that is computed once.
    overlap = sum(len(some) * len(others) for some, others in pairs) > len(real) * len(fake)
    if overlap and max(len(real), len(fake)) <= MOST_AT_ONCE:
        kernels = Kernels(real, fake)
        estimates = [kernels.squared_mmd_of(some, others) for some, others in pairs]
    else:
        estimates = [squared_mmd(real[some], fake[others]) for some, others in pairs]
    return float(np.mean(estimates)), float(np.std(estimates)) if len(estimates) > 1 else None


def _drawn(subsets: Subsets, real: int, fake: int, seed: int) -> Iterator[tuple[Places, Places]]:
    """The places of the pictures of each subset, real and fake."""
    rng = np.random.default_rng(seed)
    if subsets.count is None:
        parts = blocks(subsets, real, fake)
        yield from zip(*(np.array_split(rng.permutation(count), parts) for count in (real, fake)), strict=True)
        return
    for _ in range(subsets.count):
        yield rng.choice(real, subsets.size, replace=False), rng.choice(fake, subsets.size, replace=False)


def squared_mmd(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Unbiased squared maximum mean discrepancy of (N, D) and (M, D) under the kernel (x . y / D + 1)^3."""
    kernels = Kernels(first, second)
    return kernels.squared_mmd_of(np.arange(len(first)), np.arange(len(second)))


class Kernels:
    """The kernel between all pictures of two sets (N, D) and (M, D): their MMD for any choice or weights of them."""

    def __init__(self, real: NDArray[np.floating], fake: NDArray[np.floating]) -> None:
        x, y = real.astype(np.float64), fake.astype(np.float64)
        self._real, self._fake, self._between = _kernel(x, x), _kernel(y, y), _kernel(x, y)

    def squared_mmd_of(self, real: Places, fake: Places) -> float:
        """`squared_mmd` of the pictures at these places alone."""
        between = float(self._between[np.ix_(real, fake)].mean())
        return _within(self._real[np.ix_(real, real)]) + _within(self._fake[np.ix_(fake, fake)]) - 2 * between

    def squared_mmd(self, real: Matrix, fake: Matrix) -> float:
        """`squared_mmd` of sets in which pictures count as often as weights (N,) and (M,) say. A picture is never
        compared with itself, however often it is there, so that the estimate stays unbiased.
        """
        between = float(real @ self._between @ fake / (real.sum() * fake.sum()))
        return _weighted_within(self._real, real) + _weighted_within(self._fake, fake) - 2 * between


def _kernel(first: Matrix, second: Matrix) -> Matrix:
    values: Matrix = (first @ second.T / first.shape[1] + 1) ** 3
    return values


def _within(values: Matrix) -> float:
    """Mean of the kernel (N, N) over pairs of different pictures."""
    return float((values.sum() - np.trace(values)) / (len(values) * (len(values) - 1)))


def _weighted_within(values: Matrix, weights: Matrix) -> float:
    """The same, where pictures count as often as weights (N,) say."""
    squares = np.square(weights)
    of_pairs = weights @ values @ weights - squares @ np.diag(values)
    return float(of_pairs / (weights.sum() ** 2 - squares.sum()))
