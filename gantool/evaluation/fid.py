"""FID, the Frechet distance between two sets of Inception features. All arithmetic is in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


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
