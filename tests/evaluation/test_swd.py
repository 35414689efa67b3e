"""The sliced Wasserstein distance: exact one-dimensional distances, and what a distance between sets has to do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from gantool.errors import DataError
from gantool.evaluation import swd


def pictures(count: int, seed: int, side: int = 32, shift: int = 0) -> list[np.ndarray]:
    """Smooth random pictures: blocks of 8 pixels with a little noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, (count, side // 8, side // 8, 3)).repeat(8, axis=1).repeat(8, axis=2)
    noisy = coarse + rng.integers(-8, 9, coarse.shape) + shift
    return list(noisy.clip(0, 255).astype(np.uint8))


def distance(real: list[np.ndarray], fake: list[np.ndarray], seed: int = 0) -> float:
    return swd.sliced_wasserstein(real, fake, size=(32, 32), seed=seed)["mean"]


def area_between(first: np.ndarray, second: np.ndarray) -> float:
    """Integral of |F - G| over the line, from counting."""
    points = sorted([*first.tolist(), *second.tolist()])
    return sum(
        abs(np.mean(first <= left) - np.mean(second <= left)) * (right - left)
        for left, right in itertools.pairwise(points)
    )


@pytest.mark.parametrize(("n", "m"), [(40, 40), (7, 40), (40, 7), (1, 3), (12, 30), (149, 806)])
def test_wasserstein_1d_is_the_area_between_the_distribution_functions(n: int, m: int):
    rng = np.random.default_rng(n * 1000 + m)
    first, second = rng.standard_normal((3, n)), rng.standard_normal((3, m)) * 2 + 0.5
    expected = [area_between(a, b) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(swd.wasserstein_1d(first, second), expected, rtol=1e-10)


def test_wasserstein_1d_of_equal_counts_is_the_mean_difference_of_sorted_values():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 50)), rng.standard_normal((2, 50))
    expected = np.abs(np.sort(first) - np.sort(second)).mean(axis=1)
    np.testing.assert_allclose(swd.wasserstein_1d(first, second), expected, rtol=1e-12)


def test_equal_sets_are_at_distance_zero_in_any_order():
    some = pictures(12, seed=1)
    assert distance(some, pictures(12, seed=1)) == 0
    assert distance(some, pictures(12, seed=1)[::-1]) == 0


def test_order_does_not_matter_and_the_seed_repeats():
    real, fake = pictures(12, seed=1), pictures(9, seed=2, shift=20)
    first = distance(real, fake)
    assert distance(real, fake) == first
    assert distance(real[::-1], fake[3:] + fake[:3]) == pytest.approx(first, rel=1e-5)
    assert distance(real, fake, seed=1) != first


def test_it_grows_with_a_colour_shift_and_with_lost_detail():
    real, others = pictures(20, seed=1), pictures(20, seed=2)
    same = swd.sliced_wasserstein(real, others, size=(32, 32))
    by_shift = [distance(real, pictures(20, seed=2, shift=shift)) for shift in (15, 40)]
    assert same["mean"] < by_shift[0] < by_shift[1]
    flat = [np.full_like(picture, picture.mean(axis=(0, 1)).astype(np.uint8)) for picture in others]
    assert swd.sliced_wasserstein(real, flat, size=(32, 32))["32x32"] > 5 * same["32x32"]


def test_the_real_set_is_the_yardstick():
    real = pictures(20, seed=1)
    pale = [(picture // 8 + 110).astype(np.uint8) for picture in pictures(20, seed=2)]
    assert distance(real, pale) < 1000 < 3 * distance(real, pale) < distance(pale, real)


def test_unequal_counts_of_one_distribution_are_close():
    real = pictures(60, seed=1)
    other = distance(real, pictures(60, seed=3, shift=40))
    assert distance(real, pictures(15, seed=2)) < 0.5 * other


def test_levels_halve_down_to_sixteen_pixels_and_any_size_works():
    assert swd.level_sizes((64, 64)) == [(64, 64), (32, 32), (16, 16)]
    assert swd.level_sizes((33, 100)) == [(33, 100), (17, 50)]
    assert swd.level_sizes((10, 10)) == [(10, 10)]
    some = [np.zeros((33, 47, 3), np.uint8), np.full((20, 20, 1), 255, np.uint8)]
    found = swd.sliced_wasserstein(some, some[:1], size=(33, 47))
    assert list(found) == ["47x33", "24x17", "mean"]
    assert found["mean"] > 0
    with pytest.raises(DataError, match="at least 7 pixels, not 9x6"):
        swd.sliced_wasserstein(some, some, size=(6, 9))


@pytest.mark.parametrize("size", [(32, 32), (37, 50)])
def test_the_pyramid_adds_up_to_the_picture_and_separates_detail(size: tuple[int, int]):
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    fine, coarse = swd.laplacian_pyramid(image, 2)
    assert coarse.shape[-2:] == swd.level_sizes(size)[1]
    flat_fine, flat_coarse = swd.laplacian_pyramid(torch.full_like(image, 0.3), 2)
    torch.testing.assert_close(flat_fine, torch.zeros_like(fine), atol=1e-6, rtol=0)
    torch.testing.assert_close(flat_coarse, torch.full_like(coarse, 0.3))
    stripes = torch.arange(size[1]).remainder(2).float().expand(1, 3, *size)
    assert (
        swd.laplacian_pyramid(stripes, 2)[1].std() < 0.05 * stripes.std()
    )  # the finest detail stays in the fine level


def test_large_sets_are_thinned_out_by_the_seed():
    chosen = swd.subset(5000, 1024, seed=3)
    assert len(set(chosen)) == 1024
    assert chosen == swd.subset(5000, 1024, seed=3) != swd.subset(5000, 1024, seed=4)
    assert swd.subset(7, 1024, seed=3) == list(range(7))
