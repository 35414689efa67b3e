"""From flags, presets, files and the environment to a decided run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import gantool
from gantool.errors import CheckpointError, DataError, UsageError, argument
from gantool.runs import folders
from gantool.training.request import Request, plan
from gantool.training.settings import TrainSettings, seconds


def request(pictures, **more) -> Request:
    return Request(model="cyclegan", data=pictures, **more)


def test_the_papers_settings_are_the_defaults(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    decided = plan(request(pictures))
    assert (decided.preparation.size, decided.preparation.crop) == (286, 256)
    assert (decided.options.width, decided.options.blocks, decided.options.identity) == (64, 9, 0.5)
    assert decided.total_steps(8, world=1) == 200 * 8
    assert decided.folder == Path("runs/cyclegan/001")
    assert decided.spec.domains == ("A", "B")


def test_precedence(pictures, tmp_path, monkeypatch):
    config = tmp_path / "c.yaml"
    config.write_text("batch: 3\nworkers: 1\nseed: 4\noptions: {width: 12, blocks: 2}\n")
    monkeypatch.setenv("GANTOOL_WORKERS", "5")
    monkeypatch.setenv("GANTOOL_SEED", "6")
    decided = plan(
        request(pictures, preset="smoke", config=config, settings={"seed": 7}, set={"blocks": "3"}),
    )
    found = {key: (setting.value, setting.source) for key, setting in decided.sources.items()}
    assert found["steps"] == (20, "preset smoke")
    assert found["batch"] == (3, f"config {config}")
    assert found["workers"] == (5, "GANTOOL_WORKERS")
    assert found["seed"] == (7, argument("seed"))
    assert found["options.width"] == (12, f"config {config}")
    assert found["options.blocks"] == (3, argument("set"))
    assert found["options.d_width"] == (8, "preset smoke")
    assert found["options.cycle_a"] == (10.0, "default")


def test_a_flag_replaces_its_counterpart_in_a_preset(pictures):
    assert plan(request(pictures, preset="smoke", settings={"epochs": 2})).total_steps(8, world=1) == 16
    assert plan(request(pictures, preset="smoke", settings={"crop": 128})).preparation.size == 143
    with pytest.raises(UsageError, match="not both"):
        plan(request(pictures, settings={"epochs": 2, "steps": 3}))


def test_run_yaml_repeats_the_run(pictures, tmp_path):
    first = plan(request(pictures, preset="smoke", settings={"batch": 2}, set={"pool": "3"}))
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(first.as_yaml(1)))
    again = plan(Request(model=None, config=path))
    assert (again.settings, again.options, again.domains) == (first.settings, first.options, first.domains)


def test_a_run_that_goes_on_knows_its_model_and_data(pictures, tmp_path):
    run = gantool.train("cyclegan", pictures, out=tmp_path / "run", preset="smoke", steps=1, workers=0)
    for path in (run, folders.saves(run)[-1]):
        again = plan(Request(model=None, resume=str(path)))
        assert (again.name, again.paths, again.folder) == ("cyclegan", pictures, run)
        assert again.place.saves == (folders.saves(run)[-1],)


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"preset": "smok"}, UsageError, "smoke"),
        ({"settings": {"batch": 0}}, UsageError, "at least 1"),
        ({"settings": {"precision": "fp8"}}, UsageError, "bf16"),
        ({"settings": {"size": 64, "crop": 128}}, UsageError, "crop"),
        ({"set": {"cycle": 3}}, UsageError, "cycle_a"),
        ({"set": {"channels_a": 1}}, UsageError, "identity"),
        ({"start_from": "nowhere"}, CheckpointError, "nowhere"),
        ({"resume": "nowhere"}, CheckpointError, "nowhere"),
        ({"config": Path("none.yaml")}, UsageError, "none.yaml"),
        ({"settings": {"time": "soon"}}, UsageError, "7h50m"),
    ],
)
def test_errors(pictures, more, error, said):
    with pytest.raises(error) as found:
        plan(request(pictures, **more))
    assert said in str(found.value)


def test_no_model_and_unknown_models(pictures):
    with pytest.raises(UsageError, match="cyclegan"):
        plan(Request(model="cyclgan", data=pictures))
    with pytest.raises(UsageError, match="cyclegan"):
        plan(Request(model=None, data=pictures))
    with pytest.raises(DataError):
        plan(Request(model="cyclegan", data=(pictures[0], Path("nowhere"))))


def test_times():
    assert [seconds(text) for text in ("7h50m", "90s", "45m", "120", "1h2m3s")] == [28200, 90, 2700, 120, 3723]
    for text in ("", "soon", "7x", "-5"):
        with pytest.raises(UsageError):
            seconds(text)


def test_size_and_crop_follow_from_each_other():
    assert TrainSettings().sides() == (286, 256)
    assert TrainSettings(size=286).sides() == (286, 256)
    assert TrainSettings(crop=64).sides() == (72, 64)
    assert TrainSettings(size=72).sides() == (72, 64)
    assert TrainSettings(crop=64, preprocess="crop").sides() == (64, 64)
