"""Models with `ema` and `upsample=bilinear` pass what they pass without: steps, resuming, export, strips."""

from __future__ import annotations

import pytest
import torch

from gantool import registry
from gantool.checking import trains, translates
from gantool.checking.subject import Subject
from gantool.runs import folders
from gantool.runs.checkpoint import read

CHECKS = (
    *(trains.training, trains.losses, trains.learning, trains.resume, trains.samples),
    *(translates.weights, translates.roles, translates.sizes),
    pytest.param(translates.export, marks=pytest.mark.slow),
)
OPTIONS = {"ema": 0.9, "upsample": "bilinear"}
pytestmark = [
    pytest.mark.parametrize(
        "name",
        ["cyclegan", *(pytest.param(name, marks=pytest.mark.slow) for name in ("stargan", "drit"))],
        scope="module",
    ),
    pytest.mark.usefixtures("one_exporter"),
]


@pytest.fixture(scope="module")
def subject(name, pictures_of, trained, tmp_path_factory) -> Subject:
    run = trained(name, device="cpu", set=OPTIONS)
    return Subject(registry.plugin(name), pictures_of, tmp_path_factory.mktemp(name), made=run)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_passes_the_check(subject, check):
    assert not check(subject)


def test_the_average_translates_and_the_weights_themselves_train_on(subject):
    (_, average), (_, state) = read(subject.weights), read(subject.weights.with_name(folders.STATE))
    trained = {key: state[f"model.{key}"] for key in average}  # all that translates, so all of it is averaged
    assert any(not torch.equal(value, average[key]) for key, value in trained.items())
