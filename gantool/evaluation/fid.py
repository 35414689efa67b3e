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
    x, y = real.astype(np.float64), fake.astype(np.float64)
    return frechet_distance(x.mean(axis=0), _factor(x), y.mean(axis=0), _factor(y))


def frechet_distance(mean_1: Matrix, factor_1: Matrix, mean_2: Matrix, factor_2: Matrix) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), the squared 2-Wasserstein distance of two Gaussians.

    Covariances come as factors A (D, R), C1 = A A^T. The eigenvalues of C1 C2 = A A^T B B^T are the squared singular
    values of A^T B, so the trace of the root is their sum: real, and accurate also for singular covariances.
    """
    singular = np.linalg.svd(factor_1.T @ factor_2, compute_uv=False)
    traces = np.square(factor_1).sum() + np.square(factor_2).sum()
    return float(np.square(mean_1 - mean_2).sum() + traces - 2 * singular.sum())


def _factor(features: Matrix) -> Matrix:
    """A (D, R) with A A^T = the covariance of features (N, D); R is the smaller of N and D, or less."""
    factor: Matrix = (features - features.mean(axis=0)).T / np.sqrt(len(features) - 1)
    if factor.shape[0] < factor.shape[1]:
        values, vectors = np.linalg.eigh(factor @ factor.T)
        factor = vectors * np.sqrt(values.clip(min=0))
    return factor


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


def _kernel(first: Matrix, second: Matrix) -> Matrix:
    values: Matrix = (first @ second.T / first.shape[1] + 1) ** 3
    return values


def _within(features: Matrix) -> float:
    """Mean of the kernel over pairs of different features."""
    values = _kernel(features, features)
    return float((values.sum() - np.trace(values)) / (len(features) * (len(features) - 1)))
