"""`--track`: TensorBoard's files read back, a tracker that fails, one that is not installed."""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantool.errors import UsageError
from gantool.report.console import Console
from gantool.trackers.several import KEYS, tracking
from gantool.trackers.tracker import About


def about(folder: Path, done: int = 0) -> About:
    return About(folder, "runs/h2z", {"lr": 0.1, "options.cycle_a": 5}, done, "")


def console() -> tuple[Console, io.StringIO]:
    said = io.StringIO()
    return Console(err=said, progress="none"), said


@pytest.fixture
def grid(tmp_path) -> Path:
    path = tmp_path / "grid.png"
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(path)
    return path


def events(folder: Path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = reader.EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    return found


def test_tensorboard_has_losses_metrics_samples_and_options(tmp_path, grid):
    pytest.importorskip("tensorboard")
    with tracking(["tensorboard"], about(tmp_path), console()[0]) as trackers:
        trackers.losses(1, {"gan_ab": 0.5, "d_a": math.nan})
        trackers.losses(2, {"gan_ab": 0.25})
        trackers.metrics(2, {"swd": 7.0, "fid": None})
        trackers.picture(2, grid)
    found = events(tmp_path)
    assert sorted(found.Tags()["scalars"]) == ["losses/gan_ab", "metrics/swd"]
    assert [(one.step, one.value) for one in found.Scalars("losses/gan_ab")] == [(1, 0.5), (2, 0.25)]
    (image,) = found.Images("samples")
    with Image.open(io.BytesIO(image.encoded_image_string)) as shown, Image.open(grid) as given:
        assert np.array_equal(np.asarray(shown), np.asarray(given))
    (options,) = found.Tensors("options/text_summary")
    assert b"| options.cycle_a | 5 |" in options.tensor_proto.string_val[0]


def test_a_continued_run_replaces_what_came_after_its_save(tmp_path):
    pytest.importorskip("tensorboard")
    with tracking(["tensorboard"], about(tmp_path), console()[0]) as trackers:
        for step in (1, 2, 3):
            trackers.losses(step, {"a": float(step)})
    assert (tmp_path / KEYS).is_file()
    with tracking(["tensorboard"], about(tmp_path, done=2), console()[0]) as trackers:
        trackers.losses(3, {"a": 30.0})
    assert [(one.step, one.value) for one in events(tmp_path).Scalars("losses/a")] == [(1, 1.0), (2, 2.0), (3, 30.0)]


def test_a_tracker_that_fails_is_told_of_once(tmp_path):
    pytest.importorskip("tensorboard")
    where, said = console()
    with tracking(["tensorboard"], about(tmp_path), where) as trackers:
        for step in (1, 2):
            trackers.picture(step, tmp_path / "missing.png")
            trackers.losses(step, {"a": 1.0})
    assert said.getvalue().count("tensorboard is no longer told of this training") == 1
    assert "missing.png" in said.getvalue()


def test_one_that_cannot_begin_does_not_stop_a_training(tmp_path):
    pytest.importorskip("tensorboard")
    (tmp_path / "tensorboard").write_text("in the way")
    where, said = console()
    with tracking(["tensorboard"], about(tmp_path), where) as trackers:
        trackers.losses(1, {"a": 1.0})
    assert said.getvalue().count("warning") == 1


def test_a_training_tells_them(main, tmp_path, pictures):
    pytest.importorskip("tensorboard")
    from tests.conftest import TRAIN_TINY

    main("train", "cyclegan", *pictures, "-o", "run", *TRAIN_TINY, "--steps", "2", "--track", "tensorboard", "-q")
    found = events(tmp_path / "run")
    assert [one.step for one in found.Scalars("losses/cycle_a")] == [1, 2]
    assert [one.step for one in found.Images("samples")] == [0, 2]
    (options,) = found.Tensors("options/text_summary")
    assert b"| data | trainA, trainB |" in options.tensor_proto.string_val[0]  # where they lie is nobody's business


@pytest.mark.parametrize("name", ["tensorboard", "trackio", "wandb", "mlflow"])
def test_one_that_is_not_installed_is_refused_with_its_extra(main, tmp_path, pictures, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)  # Python's own way to say that there is none
    err = main("train", "cyclegan", *pictures, "-o", "run", "--track", name, code=2)[2]
    assert err.strip() == f'error: --track {name} needs: pip install "gantool[{name}]"'
    assert not (tmp_path / "run").exists()


def test_an_unknown_one_is_refused(main, pictures):
    assert "tensorboard, trackio, wandb, mlflow" in main("train", "cyclegan", *pictures, "--track", "x", code=2)[2]


def test_python_takes_them_as_a_list(tmp_path, pictures, monkeypatch):
    import gantool

    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match="track=wandb needs"):
        gantool.train("cyclegan", pictures, out=tmp_path / "run", track=["wandb"])
