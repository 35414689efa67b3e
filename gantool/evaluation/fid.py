"""Distances between two sets of features, for Inception features known as FID and KID. All arithmetic is in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

KID_SUBSETS = 100
KID_SUBSET_SIZE = 1000


def fid(real: NDArray[np.floating], fake: NDArray[np.floating]) -> float:
    """Frechet distance between Gaussians fitted to two sets of features (N, D) and (M, D), N and M at least 2.

    Heusel et al., NeurIPS 2017, arXiv 1706.08500. Covariances are unbiased (divided by N - 1). The estimate is biased
    upwards for small sets: only figures with the same counts compare.
    """
    return weighted_fid(real, fake, np.ones(len(real)), np.ones(len(fake)))


def weighted_fid(
    real: NDArray[np.floating], fake: NDArray[np.floating], real_weights: Matrix, fake_weights: Matrix
) -> float:
    """`fid` where each row counts as often as its weight says, (N,) and (M,), at least twice in all."""
    mean_1, factor_1 = _gaussian(real.astype(np.float64), real_weights)
    mean_2, factor_2 = _gaussian(fake.astype(np.float64), fake_weights)
    return frechet_distance(mean_1, factor_1, mean_2, factor_2)


def frechet_distance(mean_1: Matrix, factor_1: Matrix, mean_2: Matrix, factor_2: Matrix) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), the squared 2-Wasserstein distance of two Gaussians.

    Covariances come as factors A (D, R), C1 = A A^T. The eigenvalues of C1 C2 = A A^T B B^T are the squared singular
    values of A^T B, so the trace of the root is their sum: real, and accurate also for singular covariances.
    """
    singular = np.linalg.svd(factor_1.T @ factor_2, compute_uv=False)
    traces = np.square(factor_1).sum() + np.square(factor_2).sum()
    return float(np.square(mean_1 - mean_2).sum() + traces - 2 * singular.sum())


def _gaussian(features: Matrix, weights: Matrix) -> tuple[Matrix, Matrix]:
    """The mean (D,) and A (D, R) with A A^T = the covariance of features (N, D); R is min(N, D) or less."""
    features, weights = features[weights > 0], weights[weights > 0]
    total = weights.sum()
    mean: Matrix = weights @ features / total
    factor: Matrix = ((features - mean) * np.sqrt(weights / (total - 1))[:, None]).T
    if factor.shape[0] < factor.shape[1]:
        values, vectors = np.linalg.eigh(factor @ factor.T)
        factor = vectors * np.sqrt(values.clip(min=0))
    return mean, factor


def kid_subset_size(real: int, fake: int) -> int:
    """Features drawn from each side for one estimate: 1000, or as many as the smaller set has."""
    return min(real, fake, KID_SUBSET_SIZE)


def kid(real: NDArray[np.floating], fake: NDArray[np.floating], *, seed: int = 0) -> tuple[float, float | None]:
    """Kernel distance between two sets of features (N, D) and (M, D), N and M at least 2: mean and standard deviation.

    Binkowski et al., ICLR 2018, arXiv 1801.01401: unbiased (so possibly negative) squared MMD with the kernel
    (x . y / D + 1)^3, over 100 subsets drawn from the seed without repetition. Where both sets have exactly the
    subset's size there is only one subset, hence no deviation (None). The value is not multiplied by anything.
    """
    size = kid_subset_size(len(real), len(fake))
    if len(real) == len(fake) == size:
        return squared_mmd(real, fake), None
    rng = np.random.default_rng(seed)
    estimates = []
    for _ in range(KID_SUBSETS):
        some_real, some_fake = (each[rng.choice(len(each), size, replace=False)] for each in (real, fake))
        estimates.append(squared_mmd(some_real, some_fake))
    return float(np.mean(estimates)), float(np.std(estimates))


def squared_mmd(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Unbiased squared maximum mean discrepancy of (N, D) and (M, D) under the kernel (x . y / D + 1)^3."""
    x, y = first.astype(np.float64), second.astype(np.float64)
    return _within(x) + _within(y) - 2 * float(_kernel(x, y).mean())


class Kernels:
    """The kernel between all pictures of two sets (N, D) and (M, D): their MMD for any weights of the pictures."""

    def __init__(self, real: NDArray[np.floating], fake: NDArray[np.floating]) -> None:
        x, y = real.astype(np.float64), fake.astype(np.float64)
        self._real, self._fake, self._between = _kernel(x, x), _kernel(y, y), _kernel(x, y)

    def squared_mmd(self, real: Matrix, fake: Matrix) -> float:
        """`squared_mmd` of sets in which pictures count as often as weights (N,) and (M,) say. A picture is never
        compared with itself, however often it is there, so that the estimate stays unbiased.
        """
        between = float(real @ self._between @ fake / (real.sum() * fake.sum()))
        return _weighted_within(self._real, real) + _weighted_within(self._fake, fake) - 2 * between


def _weighted_within(values: Matrix, weights: Matrix) -> float:
    """Mean of the kernel (N, N) over pairs of different pictures."""
    squares = np.square(weights)
    of_pairs = weights @ values @ weights - squares @ np.diag(values)
    return float(of_pairs / (weights.sum() ** 2 - squares.sum()))


def _kernel(first: Matrix, second: Matrix) -> Matrix:
    values: Matrix = (first @ second.T / first.shape[1] + 1) ** 3
    return values


def _within(features: Matrix) -> float:
    """Mean of the kernel over pairs of different features."""
    values = _kernel(features, features)
    return float((values.sum() - np.trace(values)) / (len(features) * (len(features) - 1)))
