"""Intervals: what is counted again for weights is what a set with repeated pictures has, and the spread is right."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gantool.evaluation import features, swd
from gantool.evaluation.fid import fid
from gantool.evaluation.how import How
from gantool.evaluation.inception_score import inception_score
from gantool.evaluation.measure import measure
from gantool.evaluation.part import Part, means
from gantool.evaluation.report import Evaluation
from gantool.evaluation.resampling import distinguishable, moved_interval, replicates, with_intervals
from tests.conftest import draw


def pictures(count: int, seed: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3)).astype(np.uint8))


def repeated(some: list, weights: np.ndarray) -> list:
    return [one for one, times in zip(some, weights.astype(int), strict=True) for _ in range(times)]


REAL, FAKE = np.array([2.0, 0, 1, 1, 3]), np.array([0.0, 4, 1, 1])


def test_a_weight_is_a_picture_so_many_times():
    real, fake = pictures(5, seed=1), pictures(4, seed=2)
    pairs = [(index, index) for index in range(4)]
    found = measure(real, fake, pairs=pairs, how=How(recounted=True)).recount(REAL, FAKE)
    again = measure(real, repeated(fake, FAKE), pairs=list(zip(repeated(list(range(4)), FAKE), range(6), strict=True)))
    for name in ("psnr", "ssim", "l1"):
        assert found[name] == pytest.approx(again.metrics[name])


def test_the_sliced_distance_of_weights_is_that_of_repeated_pictures_on_the_same_lines():
    rng = np.random.default_rng(0)
    real, fake = (rng.standard_normal((swd.RECOUNTED, count, swd.PER_PICTURE)).astype(np.float32) for count in (5, 4))
    lines = swd._Lines(*(swd.torch.from_numpy(each.reshape(swd.RECOUNTED, -1)) for each in (real, fake)))
    first, second = (
        each.repeat(w.astype(int), axis=1).reshape(swd.RECOUNTED, -1) for each, w in ((real, REAL), (fake, FAKE))
    )
    assert lines.distance(REAL, FAKE) == pytest.approx(swd.wasserstein_1d(first, second).mean(), rel=1e-5)


def test_of_all_ones_everything_is_what_it_was():
    real, fake = pictures(9, seed=1), pictures(6, seed=2)
    found = measure(real, fake, pairs=[(index, index) for index in range(6)], how=How(recounted=True))
    again = found.recount(np.ones(9), np.ones(6))
    assert {name: again[name] for name in ("psnr", "ssim", "l1")} == pytest.approx(
        {name: found.metrics[name] for name in ("psnr", "ssim", "l1")}
    )
    assert again["swd"] == pytest.approx(found.metrics["swd"], rel=0.1)  # of fewer directions


def test_features_are_counted_again_as_they_were_counted():
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((5, 8)).astype(np.float32), rng.standard_normal((4, 8)).astype(np.float32) + 1
    recount = features.distances_recounted(real, fake)
    whole = features.distances(real, fake)
    whole = {name: whole[name] for name in ("kid", "fid")}
    assert recount(np.ones(5), np.ones(4)) | {"kid": 0} == pytest.approx(
        {name: value for name, value in whole.items() if name != "kid_std"} | {"kid": 0}
    )
    again = recount(REAL, FAKE)
    assert again["fid"] == pytest.approx(
        fid(real.repeat(REAL.astype(int), axis=0), fake.repeat(FAKE.astype(int), axis=0))
    )
    # Pictures are not compared with their own copies, which would look like a smaller distance.
    assert recount(2 * np.ones(5), 2 * np.ones(4))["kid"] == pytest.approx(recount(np.ones(5), np.ones(4))["kid"])
    probabilities = rng.dirichlet(np.ones(3), size=4)
    score = features.scores_recounted(probabilities)(REAL, FAKE)["is"]
    assert score == pytest.approx(inception_score(probabilities.repeat(FAKE.astype(int), axis=0)).score)


def test_an_interval_holds_the_truth_in_nineteen_of_twenty_cases():
    held = 0
    for number in range(100):
        values = np.random.default_rng(number).standard_normal(60)
        part = Part({"l1": float(values.mean())}, recount=means({"l1": values}))
        found = Evaluation({}, {}, counts=(3, 60))
        found.add(part)
        low, high = moved_interval(found.metrics["l1"], replicates(found, times=150, seed=number)["l1"])
        held += low <= 0 <= high
    assert 90 <= held <= 98


def test_one_picture_tells_nothing_of_chance():
    for counts, together in (((1, 5), 1), ((5, 1), 1), ((5, 6), 6)):
        found = Evaluation({"l1": 1.0}, {}, counts=counts, together=together)
        found.add(Part({"l1": 1.0}, recount=means({"l1": np.ones(counts[1])})))
        assert replicates(found) == {}
        assert with_intervals(found).notes == ["one picture a side: there are no intervals"]


def test_results_of_one_picture_are_drawn_together():
    values = np.arange(4.0).repeat(5)  # four pictures, five results each, all of a picture alike
    found = Evaluation({}, {}, counts=(2, 20), together=5)
    found.add(Part({"l1": 1.5}, recount=means({"l1": values})))
    apart = Evaluation({}, {}, counts=(2, 20))
    apart.add(Part({"l1": 1.5}, recount=means({"l1": values})))
    spread, narrow = (replicates(each)["l1"].std() for each in (found, apart))
    assert spread > 1.8 * narrow


def test_two_models_differ_where_chance_does_not_move_both_alike():
    """The same hard and easy pictures make both values uncertain, and their difference certain."""
    rng = np.random.default_rng(0)
    hard = rng.standard_normal(40)
    one, other, equal = hard, hard + 0.2 + 0.01 * rng.standard_normal(40), rng.standard_normal(40)

    def drawn(values: np.ndarray) -> tuple[float, np.ndarray]:
        found = Evaluation({}, {}, counts=(3, 40))
        found.add(Part({"l1": float(values.mean())}, recount=means({"l1": values})))
        return found.metrics["l1"], replicates(found)["l1"]

    (a, a_drawn), (b, b_drawn), (c, c_drawn) = map(drawn, (one, other, equal))
    low, high = moved_interval(a, a_drawn)
    assert low < b < high  # each by itself could be the other
    assert distinguishable(a, b, a_drawn, b_drawn)
    assert distinguishable(b, a, b_drawn, a_drawn)
    assert not distinguishable(a, c, a_drawn, c_drawn)
    assert not distinguishable(a, a, a_drawn, a_drawn)
    assert distinguishable(np.inf, a, a_drawn, a_drawn)  # PSNR of equal pictures


def test_chance_looks_like_a_difference_once_in_twenty_cases():
    wrong = 0
    for number in range(200):
        both = np.random.default_rng(number).standard_normal((2, 60))
        values = [float(each.mean()) for each in both]
        found = [Evaluation({}, {}, counts=(3, 60)) for _ in both]
        for one, each in zip(found, both, strict=True):
            one.add(Part({}, recount=means({"l1": each})))
        wrong += distinguishable(*values, *(replicates(one, times=150, seed=number)["l1"] for one in found))
    assert 4 <= wrong <= 18  # of 200: 10 with a deviation of 3.1


def test_an_evaluation_gets_intervals_of_what_can_be_counted_again():
    values = np.random.default_rng(0).standard_normal(60)
    found = Evaluation({"kid_std": 1.0, "psnr": np.inf}, {"seed": 0}, counts=(3, 60))
    of_values = means({"l1": values})
    found.add(Part({"l1": float(values.mean())}, recount=lambda *both: {**of_values(*both), "psnr": np.inf}))
    told = with_intervals(found, times=50, seed=3)
    drawn = moved_interval(found.metrics["l1"], replicates(found, times=50, seed=3)["l1"])
    assert drawn.low < 0
    assert told.intervals == {"l1": (0, drawn.high)}  # no L1 is below 0
    few = "3 pictures a side are few: with fewer than 20 intervals are unreliable"
    assert (told.notes, found.notes) == ([few], [])
    assert told.protocol["intervals"]["draws"] == 50
    cells = dict(zip(told.metrics, told.interval_cells(), strict=True))
    low, high = told.intervals["l1"]
    assert cells == {"kid_std": "", "psnr": "", "l1": f"{low:.4f} to {high:.4f}"}
    assert "intervals" not in found.as_dict()


def test_intervals_stand_in_the_table_and_in_json(main, tmp_path):
    for seed, name in enumerate(("real", "fake")):
        draw(tmp_path / name, 4, seed=seed)
    plain = json.loads(main("eval", "real", "fake", "--json")[1])
    told = json.loads(main("eval", "real", "fake", "--intervals", "--json")[1])
    assert {name for name, (low, high) in told["intervals"].items() if low <= plain[name] <= high} == {
        "psnr",
        "ssim",
        "l1",
        "swd",
    }
    assert told["notes"] == ["4 pictures a side are few: with fewer than 20 intervals are unreliable"]
    del told["intervals"], told["protocol"]["intervals"]
    told["notes"] = []
    assert told == plain
    low, high = main("eval", "real", "fake", "--intervals")[1].split("SSIM")[1].split("\n")[0].split(" to ")
    assert "95 %" in main("eval", "real", "fake", "--intervals")[1]
    assert float(low.split()[-1]) <= plain["ssim"] <= float(high.split()[0])
