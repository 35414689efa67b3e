"""KID to the pictures that translations were made of, and its mean with the KID to the real ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gantool.evaluation.how import How
from gantool.evaluation.kid import Kernels, kid
from gantool.evaluation.subsets import Subsets
from gantool.evaluation.to_inputs import distance_to_inputs
from tests.conftest import draw
from tests.runs import untrained


def features(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((count, 8)) + shift).astype(np.float32)


def test_the_mean_is_plain_and_an_input_weighs_what_its_fakes_do():
    real, inputs, fake = features(20, seed=1, shift=1), features(6, seed=2), features(12, seed=3, shift=0.5)
    how = How(kid=Subsets(5, 20), seed=7, recounted=True)
    mean, deviation = kid(real, fake, subsets=how.kid, seed=7)
    part = distance_to_inputs({"kid": mean, "kid_std": deviation}, real, fake, inputs, how)
    source, its = kid(inputs, fake, subsets=how.kid, seed=7)
    assert part.metrics == {
        "kid_source": source,
        "kid_source_std": its,
        "kid_mean": (mean + source) / 2,
        "kid_mean_std": (deviation + its) / 2,
    }
    assert part.protocol["kid, source"]["subset_size"] == 5
    of_inputs = np.array([1.0, 0, 3, 1, 0, 1])
    reals, fakes = np.ones(20), of_inputs.repeat(2)
    again = part.recount(reals, fakes)
    assert again["kid_source"] == pytest.approx(Kernels(inputs, fake).squared_mmd(of_inputs, fakes))
    target = Kernels(real, fake).squared_mmd(reals, fakes)
    assert again["kid_mean"] == pytest.approx((target + again["kid_source"]) / 2)


def test_it_is_measured_where_it_is_asked_for(main, tmp_path, weights_file):
    draw(tmp_path / "a", 2, seed=1)
    draw(tmp_path / "b", 2, seed=2)
    run = untrained(tmp_path / "run", "cyclegan", ("a", "b"))
    given = ["eval", "-m", run, "a", "b", "--inception", weights_file, "--kid-source", "--json"]
    found = json.loads(main(*given)[1])
    assert found["kid_mean"] == pytest.approx((found["kid"] + found["kid_source"]) / 2)
    assert found["protocol"]["kid, source"]["pictures"] == "the 2 that were translated"
    # The translations, by their names, against their inputs.
    main("translate", "-m", run, "a", "out")
    alone = json.loads(main("eval", "a", "out", "--inception", weights_file, "--json")[1])
    assert alone["kid"] == found["kid_source"]
    words = ["eval", "b", "out", "--inputs", "a", "--inception", weights_file, "--kid-source", "--json"]
    folders = json.loads(main(*words)[1])
    assert (folders["kid_source"], folders["kid_mean"]) == (found["kid_source"], found["kid_mean"])


def test_what_cannot_be_is_refused_before_anything_is_translated(main, tmp_path, weights_file):
    draw(tmp_path / "a", 3, seed=1)
    draw(tmp_path / "b", 2, seed=2)
    run = untrained(tmp_path / "run", "cyclegan", ("a", "b"))
    judged = ["--inception", weights_file]
    assert "--kid-source goes with --model" in main("eval", "a", "b", "--kid-source", *judged, code=2)[2]
    assert "--kid-source needs --inception" in main("eval", "-m", run, "a", "b", "--kid-source", code=2)[2]
    assert "--kid needs --inception" in main("eval", "a", "b", "--kid", "5x2", code=2)[2]
    assert "--kid takes SUBSETSxSIZE" in main("eval", "a", "b", "--kid", "5*2", *judged, code=2)[2]
    few = "--kid 5x3: there are 2 real and 3 fake pictures. SIZE is at most 2 here"
    for words in (["eval", "b", "a"], ["eval", "-m", run, "a", "b"]):
        err = main(*words, "--kid", "5x3", *judged, code=2)[2]
        assert few in err
        assert "translating" not in err
