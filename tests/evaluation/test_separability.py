"""Linear separability: the machine against known weights, the entropy against known tables."""

from __future__ import annotations

import numpy as np
import pytest

from gantool.evaluation.separability import (
    conditional_entropy,
    decision,
    linear_svm,
    separability,
    separability_score,
)


def test_the_machine_is_that_of_scikit_learn():
    """LinearSVC(dual=False, tol=1e-12) of scikit-learn 1.7 on these rows."""
    rng = np.random.RandomState(0)
    x = rng.randn(60, 3)
    y = (x @ [1.0, -2.0, 0.5] + 0.4 + rng.randn(60)) > 0
    weights = linear_svm(x, y)
    np.testing.assert_allclose(weights, [0.59107538, -1.20454559, 0.50027399, 0.03739779], atol=1e-8)
    assert np.mean((decision(weights, x) > 0) == y) == pytest.approx(55 / 60)


def test_two_points_have_the_machine_that_one_finds_by_hand():
    """At -1 and 1 without an intercept the minimum of w^2 / 2 + 2 C (1 - w)^2 is at 4 C / (1 + 4 C)."""
    x, y = np.array([[-1.0], [1.0]]), np.array([False, True])
    np.testing.assert_allclose(linear_svm(x, y), [0.8, 0], atol=1e-12)
    np.testing.assert_allclose(linear_svm(x, y, cost=10.0), [40 / 41, 0], atol=1e-12)


def test_one_class_alone_is_all_on_its_side():
    x = np.random.default_rng(0).standard_normal((20, 3))
    y = np.ones(20, dtype=bool)
    assert (decision(linear_svm(x, y), x) > 0).all()
    assert separability(x, [(y, y)]) == 1


def test_entropies_of_known_tables():
    """Sides and classes in agreement: 0 bits; independent: 1 bit; the third by hand."""
    assert conditional_entropy(np.array([[0.5, 0.0], [0.0, 0.5]])) == 0
    assert conditional_entropy(np.array([[0.25, 0.25], [0.25, 0.25]])) == 1
    expected = 0.4 * np.log2(0.5 / 0.4) + 0.1 * np.log2(0.5 / 0.1) + 0.05 * np.log2(10) + 0.45 * np.log2(0.5 / 0.45)
    assert conditional_entropy(np.array([[0.4, 0.1], [0.05, 0.45]])) == pytest.approx(expected)
    assert separability_score([1.0, 0.0, 0.5]) == pytest.approx(2**1.5)


def test_only_rows_that_count_are_asked():
    """An attribute that half of the rows contradict is separable where these do not count."""
    x = np.random.default_rng(0).standard_normal((400, 4))
    counts = np.arange(400) < 200
    has = (x[:, 0] > 0) == counts
    assert separability(x, [(has, counts)]) < 1.1
    assert separability(x, [(has, np.ones(400, dtype=bool))]) > 1.8
    assert separability(x, [(has, counts)] * 2) == pytest.approx(separability(x, [(has, counts)]) ** 2)
