"""Precision, recall, density and coverage against their definitions and expected values."""

from __future__ import annotations

import numpy as np
import pytest

from gantool.evaluation.manifold import manifold


def test_two_equal_sets_are_each_others_manifold():
    x = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    assert manifold(x, x) == (1, 1, 1, 1)
    assert manifold(x, x[::-1]) == (1, 1, 1, 1)
    assert manifold(x + 1000, x + 1000) == (1, 1, 1, 1)


def test_sets_far_apart_have_nothing_in_common():
    x = np.random.default_rng(0).standard_normal((50, 8))
    assert manifold(x, x + 100) == (0, 0, 0, 0)


def test_one_picture_made_again_and_again_is_precise_and_recalls_little():
    rng = np.random.default_rng(0)
    real = rng.standard_normal((200, 8))
    found = manifold(real, real[:1] + 0.001 * rng.standard_normal((100, 8)))
    assert found.precision == 1
    assert found.recall < 0.02
    assert found.coverage < 0.2
    assert found.density > 1


def test_every_figure_is_its_definition():
    """Counted one by one, of sets of two counts that overlap in part: as in the papers' equations."""
    rng = np.random.default_rng(1)
    real, fake = rng.standard_normal((40, 3)), rng.standard_normal((30, 3)) * 0.7 + 0.6

    def far(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.linalg.norm(a - b))

    def radius(x: np.ndarray, place: int, k: int) -> float:
        return sorted(far(x[place], other) for other in x)[k]  # itself is the 0th

    precision = np.mean([any(far(f, r) <= radius(real, i, 3) for i, r in enumerate(real)) for f in fake])
    recall = np.mean([any(far(r, f) <= radius(fake, j, 3) for j, f in enumerate(fake)) for r in real])
    held = [[far(f, r) < radius(real, i, 5) for f in fake] for i, r in enumerate(real)]
    found = manifold(real, fake)
    assert 0 < precision < 1
    assert 0 < recall < 1
    assert found.precision == precision
    assert found.recall == recall
    assert found.density == pytest.approx(np.sum(held) / (5 * len(fake)))
    assert found.coverage == np.mean(np.any(held, axis=1))


def test_of_equal_distributions_density_is_1_and_coverage_what_its_paper_derives():
    """Naeem et al. 2020, section 3.3: for N = M, coverage is 1 - product over j < k of (N - 1 - j) / (2N - 1 - j)."""
    rng = np.random.default_rng(2)
    found = [manifold(*rng.standard_normal((2, 40, 4))) for _ in range(200)]
    n, k = 40, 5
    expected = 1 - np.prod([(n - 1 - j) / (2 * n - 1 - j) for j in range(k)])
    error = np.std([one.coverage for one in found]) / np.sqrt(len(found))
    assert abs(np.mean([one.coverage for one in found]) - expected) < 4 * error
    error = np.std([one.density for one in found]) / np.sqrt(len(found))
    assert abs(np.mean([one.density for one in found]) - 1) < 4 * error


def test_small_sets_take_all_neighbours_that_they_have():
    x = np.array([[0.0], [1.0]])
    assert manifold(x, np.array([[0.5], [3.0]])) == (0.5, 1, 1, 1)
