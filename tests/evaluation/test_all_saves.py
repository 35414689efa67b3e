"""`gantool eval --all-saves`: every save of a run measured alike, for a table, the run's log and its gallery."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gantool.report import runlog
from gantool.report.measures import measures
from gantool.runs import folders
from tests.conftest import draw
from tests.runs import untrained

NAMES = ("blue", "green", "red")
TINY_STARGAN = {"width": 4, "blocks": 1, "d_width": 4, "d_layers": 3}


@pytest.fixture
def run(tmp_path) -> Path:
    """A run with three saves, pictures to measure them on, and a gallery of before there were metrics."""
    for step in (5, 10, 100):
        untrained(tmp_path / "run", step=step, seed=step)
    draw(tmp_path / "a", 2, seed=1)
    draw(tmp_path / "b", 2, seed=2)
    (tmp_path / "run/gallery.html").write_text("<h1>h</h1>\n<h2>Losses</h2>\n<p>none</p>\n")
    return tmp_path / "run"


def test_all_saves_are_measured_alike_and_the_best_are_marked(main, tmp_path, run):
    found = json.loads(main("eval", "-m", "run", "a", "b", "--all-saves", "--json")[1])
    assert [one["step"] for one in found] == [5, 10, 100]
    for one in found:
        alone = json.loads(main("eval", "-m", one["save"], "a", "b", "--json")[1])
        assert one["metrics"] == {name: alone[name] for name in ("psnr", "ssim", "l1", "swd")}
        assert one["protocol"]["model"]["step"] == one["step"]
    for name, way in {"swd": min, "psnr": max}.items():
        best = way(found, key=lambda one: one["metrics"][name])
        assert [one["step"] for one in found if name in one["best"]] == [best["step"]]
    _, out, err = main("eval", "-m", "run", "a", "b", "--all-saves")
    rows = [line for line in out.splitlines() if line.split()[0] in ("5", "10", "100")]
    best = min(found, key=lambda one: one["metrics"]["swd"])
    assert [row.endswith("*") for row in rows] == [one is best for one in found]
    assert "saves 3/3" in err


def test_the_log_keeps_one_record_a_save_and_the_gallery_shows_it(main, tmp_path, run):
    for _ in range(2):
        main("eval", "-m", "run", "a", "b", "--all-saves")
    found = measures(runlog.read(run / "log.jsonl"))
    assert len({(step, one.set) for step, one in found}) == 3
    page = (run / "gallery.html").read_text()
    assert page.count("Measured on a and b") == 1
    assert page.index("<h2>Metrics</h2>") < page.index("<h2>Losses</h2>")
    assert "psnr of 3 saves: higher is better; the dot is the best by psnr: " in page
    assert page.startswith("<h1>h</h1>\n")
    assert page.endswith("<h2>Losses</h2>\n<p>none</p>\n")
    main("eval", "-m", "run", "b", "a", "--all-saves")
    assert len({one.set for _, one in measures(runlog.read(run / "log.jsonl"))}) == 2
    page = (run / "gallery.html").read_text()
    assert page.count("Measured on") == 2, "figures of other pictures have charts of their own"


def test_a_save_that_cannot_be_measured_leaves_the_others(main, run):
    weights = folders.saves(run)[1] / folders.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-9])
    _, out, err = main("eval", "-m", "run", "a", "b", "--all-saves", "--json", code=1)
    assert [one["step"] for one in json.loads(out)] == [5, 100]
    assert str(weights.relative_to(run.parent)) in err
    shutil.rmtree(run / "checkpoints/00000005")
    shutil.rmtree(run / "checkpoints/00000100")
    main("eval", "-m", "run", "a", "b", "--all-saves", code=4)


def test_only_a_run_folder_has_saves(main, run):
    for model in ("run/checkpoints/00000005", "run/checkpoints/00000005/weights.safetensors"):
        _, _, err = main("eval", "-m", model, "a", "b", "--all-saves", code=2)
        assert f"--all-saves measures the saves of a run folder, and {model} is none" in err
    assert "--model RUN" in main("eval", "a", "b", "--all-saves", code=2)[2]


def test_many_domains_are_measured_by_their_mean(main, tmp_path):
    for step in (1, 2):
        untrained(tmp_path / "run", "stargan", NAMES, step=step, seed=step, **TINY_STARGAN)
    for seed, name in enumerate(NAMES):
        draw(tmp_path / "val" / name, 2, seed=seed)
    found = json.loads(main("eval", "-m", "run", "val", "--all-saves", "--json")[1])
    last = json.loads(main("eval", "-m", "run", "val", "--json")[1])
    assert found[1]["metrics"] == last["mean"]["all"]


def test_models_of_noise_are_measured_too(main, tmp_path, trained):
    shutil.copytree(trained("dcgan"), tmp_path / "run")
    draw(tmp_path / "real", 3, seed=1)
    found = json.loads(main("eval", "-m", "run", "real", "-n", "3", "--all-saves", "--json")[1])
    assert [one["step"] for one in found] == [2, 4]
    assert all(one["metrics"]["swd"] > 0 for one in found)
    assert "Measured on real" in (tmp_path / "run/gallery.html").read_text()
