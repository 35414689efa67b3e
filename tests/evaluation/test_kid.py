"""Kernel distances against brute force, and the subsets that papers take."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gantool.errors import UsageError
from gantool.evaluation.features import protocol
from gantool.evaluation.kid import kid, squared_mmd
from gantool.evaluation.subsets import Subsets, check, fitting, subsets_of


def features(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 8)) + shift


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
    estimates = [squared_mmd(rng.standard_normal((40, 16)), rng.standard_normal((40, 16))) for _ in range(300)]
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert min(estimates) < 0 < max(estimates)
    assert abs(np.mean(estimates)) < 4 * error
    shifted, _ = kid(rng.standard_normal((40, 16)), rng.standard_normal((40, 16)) + 1)
    assert shifted > 10 * np.std(estimates)


def test_subsets_follow_the_seed_and_are_half_the_smaller_set_unless_it_is_large():
    real, fake = features(90, seed=1), features(30, seed=2, shift=0.5)
    mean, deviation = kid(real, fake, seed=1)
    assert kid(real, fake, seed=1) == (mean, deviation) != kid(real, fake, seed=2)
    assert mean == pytest.approx(squared_mmd(real, fake), abs=deviation)
    assert 0 < deviation < mean
    assert kid(real, fake, subsets=Subsets(15, 100), seed=1) == (mean, deviation)
    assert fitting(None, 149, 806) == Subsets(74, 100)
    assert fitting(None, 5000, 3000) == Subsets(1000, 100)
    assert fitting(None, 3, 2) == Subsets(2, 100)


def test_a_subset_that_is_all_of_both_sets_comes_once_and_has_no_deviation():
    real, fake = features(30, seed=1), features(30, seed=2)
    assert kid(real, fake, subsets=Subsets(30, 100)) == (pytest.approx(squared_mmd(real, fake)), None)
    assert kid(real, fake, subsets=Subsets(10, 1))[1] is None
    assert kid(real[:2], fake[:2])[1] is None


def test_smaller_subsets_scatter_more_around_the_same_value():
    real, fake = features(200, seed=1), features(200, seed=2, shift=0.5)
    small, large = (kid(real, fake, subsets=Subsets(size, 400)) for size in (10, 100))
    assert small[1] > 4 * large[1]
    assert small[0] == pytest.approx(large[0], abs=4 * small[1] / 20)


def test_blocks_hold_every_picture_once():
    real, fake = features(23, seed=1), features(41, seed=2)
    asked = Subsets(10)
    mean, deviation = kid(real, fake, subsets=asked, seed=3)
    order = np.random.default_rng(3)
    parts = [np.array_split(order.permutation(len(each)), 5) for each in (real, fake)]  # 41 in blocks of 10
    each = [squared_mmd(real[some], fake[others]) for some, others in zip(*parts, strict=True)]
    assert (mean, deviation) == (pytest.approx(np.mean(each)), pytest.approx(np.std(each)))
    assert protocol(23, 41, asked)["kid"] == {
        "blocks": 5,
        "block_size": "at most 10",
        "kernel": "(x . y / 2048 + 1)^3, unbiased",
    }


def test_one_kernel_for_all_subsets_gives_what_each_of_them_gives():
    real, fake = features(60, seed=1), features(50, seed=2, shift=0.3)
    within = kid(real, fake, subsets=Subsets(20, 40), seed=4)
    rng = np.random.default_rng(4)
    drawn = [(rng.choice(60, 20, replace=False), rng.choice(50, 20, replace=False)) for _ in range(40)]
    each = [squared_mmd(real[some], fake[others]) for some, others in drawn]
    assert within == (pytest.approx(np.mean(each), rel=1e-9), pytest.approx(np.std(each), rel=1e-9))


def test_the_words_for_subsets():
    assert subsets_of("100x50") == Subsets(50, 100)
    assert subsets_of("10") == Subsets(10)
    for wrong in ("", "x10", "10x", "100x1", "1", "0x5", "5x0", "a", "10x10x10", "-3", "1e3", "5000000x10"):
        with pytest.raises(UsageError, match="kid takes SUBSETSxSIZE"):
            subsets_of(wrong)


def test_subsets_that_the_sets_do_not_have_are_refused():
    check(Subsets(149, 5), 149, 200)
    check(Subsets(10), 149, 149)
    check(None, 2, 2)
    with pytest.raises(UsageError, match=r"^kid=100x150: there are 149 real and 200 fake .* at most 149"):
        check(Subsets(150, 100), 149, 200)
    with pytest.raises(UsageError, match=r"^kid=10: cats has 100 real and 806 fake .* two in each of 81 blocks"):
        check(Subsets(10), 100, 806, "cats")
