"""Frechet and kernel distances against closed forms and brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gantool.evaluation.fid import fid, frechet_distance, kid, kid_subset_size, squared_mmd


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


def test_kid_equals_sums_over_pairs():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((6, 4)), rng.standard_normal((5, 4)) + 0.3

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return (float(a @ b) / 4 + 1) ** 3

    expected = (
        np.mean([kernel(a, b) for a, b in itertools.permutations(x, 2)])
        + np.mean([kernel(a, b) for a, b in itertools.permutations(y, 2)])
        - 2 * np.mean([kernel(a, b) for a in x for b in y])
    )
    assert squared_mmd(x, y) == pytest.approx(expected, rel=1e-12)


def test_kid_is_unbiased_where_fid_is_not():
    rng = np.random.default_rng(4)
    estimates = [kid(rng.standard_normal((40, 16)), rng.standard_normal((40, 16)))[0] for _ in range(300)]
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert min(estimates) < 0 < max(estimates)
    assert abs(np.mean(estimates)) < 4 * error
    shifted, _ = kid(rng.standard_normal((40, 16)), rng.standard_normal((40, 16)) + 1)
    assert shifted > 10 * np.std(estimates)


def test_kid_subsets_follow_the_seed_and_cover_at_most_the_smaller_set():
    rng = np.random.default_rng(5)
    real, fake = rng.standard_normal((90, 8)), rng.standard_normal((30, 8)) + 0.5
    mean, deviation = kid(real, fake, seed=1)
    assert kid(real, fake, seed=1) == (mean, deviation) != kid(real, fake, seed=2)
    assert mean == pytest.approx(squared_mmd(real, fake), abs=4 * deviation)
    assert 0 < deviation < mean
    assert kid(real[:30], fake) == (squared_mmd(real[:30], fake), None)
    assert (kid_subset_size(149, 806), kid_subset_size(5000, 3000)) == (149, 1000)
