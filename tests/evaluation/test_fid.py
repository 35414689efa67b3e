"""Frechet distances against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest

from gantool.evaluation.fid import fid, frechet_distance


def root(matrix: np.ndarray) -> np.ndarray:
    """Square root of a matrix with positive eigenvalues, by Denman and Beavers' Newton iteration."""
    y, z = matrix, np.eye(len(matrix))
    for _ in range(60):
        y, z = (y + np.linalg.inv(z)) / 2, (z + np.linalg.inv(y)) / 2
    return y


def test_frechet_distance_of_diagonal_gaussians_is_the_closed_form():
    rng = np.random.default_rng(0)
    mean_1, mean_2 = rng.standard_normal((2, 30))
    deviation_1, deviation_2 = rng.uniform(0.01, 3, (2, 30))
    expected = ((mean_1 - mean_2) ** 2).sum() + ((deviation_1 - deviation_2) ** 2).sum()
    found = frechet_distance(mean_1, np.diag(deviation_1), mean_2, np.diag(deviation_2))
    assert found == pytest.approx(expected, rel=1e-10)


def test_frechet_distance_of_full_covariances_equals_a_newton_square_root():
    rng = np.random.default_rng(1)
    first, second = rng.standard_normal((2, 40, 12)) @ rng.standard_normal((2, 12, 12))
    c1, c2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    m1, m2 = first.mean(0), second.mean(0)
    expected = ((m1 - m2) ** 2).sum() + np.trace(c1 + c2 - 2 * root(c1 @ c2))
    assert fid(first, second) == pytest.approx(expected, rel=1e-8)
    assert fid(second, first) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("n", "m"), [(20, 12), (20, 90), (90, 20), (90, 40)])
def test_frechet_distance_of_any_counts_equals_eigenvalues_of_the_product(n: int, m: int):
    rng = np.random.default_rng(n * 100 + m)
    first = rng.standard_normal((n, 30)) @ rng.standard_normal((30, 30))
    second = rng.standard_normal((m, 30)) @ rng.standard_normal((30, 30)) + 0.2
    c1, c2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(c1 @ c2).astype(complex)).real.sum()
    expected = ((first.mean(0) - second.mean(0)) ** 2).sum() + np.trace(c1) + np.trace(c2) - 2 * roots
    assert fid(first, second) == pytest.approx(expected, rel=1e-5)  # the roots of rounding errors are in `expected`


def test_fewer_features_than_dimensions_give_a_finite_and_exact_distance():
    rng = np.random.default_rng(2)
    features = rng.standard_normal((20, 200)) * np.exp(rng.standard_normal(200))
    assert fid(features, features) == pytest.approx(0, abs=1e-8)
    assert fid(features, features + 0.1) == pytest.approx(200 * 0.01, rel=1e-8)
    assert fid(features, np.zeros((5, 200)) + features.mean(0)) == pytest.approx(
        features.var(0, ddof=1).sum(), rel=1e-8
    )
