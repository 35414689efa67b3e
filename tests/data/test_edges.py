"""Softened edges: where there is an edge the picture is blurred, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from gantool.data.edges import edges, grey, smooth_edges, widened


def step(left: int, right: int, height: int = 20) -> np.ndarray:
    """A grey picture of two halves, 10 pixels wide each."""
    return np.repeat([[left] * 10 + [right] * 10], height, 0).astype(np.uint8)


def test_the_edge_is_blurred_with_binomial_weights_and_all_else_stays():
    picture = step(0, 160)[None]
    smoothed = smooth_edges(picture)
    # 160 x (1, 5, 11, 15) / 16 within two pixels of the edge; further away nothing changes.
    row = [0] * 8 + [10, 50, 110, 150] + [160] * 8
    np.testing.assert_array_equal(smoothed[0], [row] * 20)
    assert smoothed.dtype == np.uint8


def test_a_picture_without_edges_stays_as_it_is():
    slope = np.add.outer(np.arange(0, 60, 2), np.arange(0, 60, 2)).astype(np.uint8)[None]
    assert not edges(grey(slope)).any()
    np.testing.assert_array_equal(smooth_edges(slope), slope)


def test_a_weak_edge_counts_where_it_joins_a_strong_one():
    strong, weak = step(0, 60), step(0, 40)  # gradients of 240 and 160; the thresholds are 200 and 100
    assert edges(grey(strong[None])).sum() == 20
    assert not edges(grey(weak[None])).any()
    both = np.concatenate([strong, weak])
    assert edges(grey(both[None])).any(1).all(), "the weak half goes on where the strong one ends"


def test_edges_are_one_pixel_wide():
    disc = (np.hypot(*np.mgrid[-30:31, -30:31]) < 20).astype(np.uint8)[None] * 200
    found = edges(grey(disc))
    assert 100 < found.sum() < 160, "the way around is 126 pixels"
    assert widened(found).sum() > 4 * found.sum()


def test_a_grey_picture_is_one_of_three_equal_channels():
    pixels = np.random.default_rng(0).integers(0, 256, (1, 30, 40), dtype=np.uint8)
    np.testing.assert_array_equal(smooth_edges(pixels.repeat(3, 0)), smooth_edges(pixels).repeat(3, 0))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 1)])
def test_the_smallest_pictures(size):
    pixels = np.random.default_rng(0).integers(0, 256, (3, *size), dtype=np.uint8)
    assert smooth_edges(pixels).shape == pixels.shape
