"""Inception scores of answers that can be worked out by hand. The authors' figures are in tests/parity."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gantool.evaluation.features import scores
from gantool.evaluation.inception_score import conditional_inception_score, inception_score, split_score


def test_sure_and_even_answers_score_the_number_of_classes() -> None:
    score, divergence = inception_score(np.eye(4, dtype=np.float32))  # with probabilities of exactly 0
    assert score == pytest.approx(4)
    assert divergence == pytest.approx(math.log(4))


def test_answers_that_do_not_depend_on_the_picture_score_one() -> None:
    assert inception_score(np.full((5, 3), 1 / 3)).score == pytest.approx(1)


def test_the_conditional_score_counts_variety_within_an_input_only() -> None:
    p = np.zeros((2, 3, 4))
    p[0, :, 0] = p[1, :, 1] = 1  # each input has one class, whatever the style
    assert conditional_inception_score(p).score == pytest.approx(1)
    assert inception_score(p.reshape(-1, 4)).score == pytest.approx(2)
    p[:] = np.eye(4)[:3]  # each style has one class, whatever the input
    assert conditional_inception_score(p).score == pytest.approx(3)


def test_parts_have_scores_of_their_own_and_the_remainder_is_left_out() -> None:
    p = np.zeros((9, 4))
    p[:4] = np.eye(4)  # the first part has all classes
    p[4:8, 0] = 1  # the second has one
    p[8] = 0.25
    assert split_score(p, 2) == pytest.approx((2.5, 1.5))
    with pytest.raises(ValueError, match="9 pictures are no 10 parts"):
        split_score(p)


def test_parts_of_a_sorted_set_hold_all_kinds() -> None:
    """As of pictures made class by class: in their order, each tenth would have one class, and score 1."""
    p = np.eye(4).repeat(50, axis=0)
    found = scores(p, seed=3)
    assert found["is"] == pytest.approx(4)
    assert 3 < found["is_10"] <= 4
    assert 0 < found["is_10_std"] < 1
    assert found == scores(p, seed=3) != scores(p, seed=4)
    assert scores(p[:9]).keys() == {"is", "is_kl"}
