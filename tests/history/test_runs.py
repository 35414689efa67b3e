"""`gantool runs`: the list, what is said of a run, differences, curves, notes, removal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

from gantool.cli.common import spelled_flag
from gantool.errors import TimeLimitReached, argument
from gantool.report import card
from gantool.report.console import Console
from gantool.report.runlog import RunLog
from gantool.runs import folders, lock, outcome
from tests.conftest import TRAIN_TINY
from tests.runs import untrained


def make(run: Path, *, step: int = 4, state: str = "done", total: int = 4, why: str = "", code: int = 0, **settings):
    """A run as a training leaves it: a save, settings, a log, how it ended."""
    untrained(run, step=step)
    stored = {"model": "cyclegan", "data": ["/data/trainA", "/data/trainB"], "seed": 0, "options": {"lr": 0.1}}
    (run / folders.SETTINGS).write_text(
        yaml.safe_dump({**stored, **settings, "facts": {"pictures": "ab", "settings": {"seed": 0}}})
    )
    log = RunLog(run / folders.LOG)
    for done in range(1, step + 1):
        log.append(done, {"gan_ab": 1 / done, "cycle_a": float(done)})
    outcome.write(run, outcome.Outcome(state, total, code, why))
    return run


def validated(run: Path, values: dict[int, float], on: str = "held-back") -> None:
    for step, value in values.items():
        measured = {"on": on, "set": on, "metrics": {"swd": value}, "better": {"swd": "lower"}, "by": "swd"}
        RunLog(run / folders.LOG).append(step, {}, measured=measured)


def listed(main, *words) -> dict[str, dict]:
    return {one["run"]: one for one in json.loads(main("runs", *words, "--json")[1])}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/mnt/scratch/run", "run/checkpoints is a link to /mnt/scratch/run, which is not there"),
        ("checkpoints", "cannot list run/checkpoints: Too many levels of symbolic links"),
    ],
)
def test_saves_that_cannot_be_listed_are_not_taken_for_none(main, pictures, tmp_path, target, said):
    """As on a disk that is not mounted: the run would have begun anew, and its log been lost."""
    make(tmp_path / "run")
    make(tmp_path / "runs" / "other")
    log = (tmp_path / "run" / folders.LOG).read_bytes()
    (tmp_path / "run" / folders.CHECKPOINTS).rename(tmp_path / "elsewhere")
    (tmp_path / "run" / folders.CHECKPOINTS).symlink_to(target)
    for words in (["train", "-o", "run", "--resume"], ["train", "cyclegan", "trainA", "trainB", "-o", "run"]):
        assert main(*words, "--steps", "9", *TRAIN_TINY, code=3)[2] == f"error: {said}\n"
    assert main("translate", "trainA", "out", "--model", "run", code=3)[2] == f"error: {said}\n"
    assert (tmp_path / "run" / folders.LOG).read_bytes() == log
    (one,) = (found for found in json.loads(main("runs", ".", "--json")[1]) if found["run"] == "run")
    assert (one["state"], one["why"]) == ("failed", said)
    (tmp_path / "run").rename(tmp_path / "runs" / "run")
    main("info", "cyclegan")  # which means another run than that


def test_the_list_says_of_each_run_what_it_is_and_how_it_stands(main, tmp_path):
    make(tmp_path / "runs" / "cyclegan" / "001")
    make(tmp_path / "runs" / "h2z", step=2, state="stopped", why="time limit reached", code=75)
    folders.set_best(tmp_path / "runs" / "h2z", folders.save_folder(tmp_path / "runs" / "h2z", 2))
    validated(tmp_path / "runs" / "h2z", {1: 0.5, 2: 0.25})
    untrained(tmp_path / "runs" / "theirs")  # as `gantool import` leaves one
    found = listed(main)
    assert list(found) == ["runs/cyclegan/001", "runs/h2z", "runs/theirs"]
    assert [one["state"] for one in found.values()] == ["done", "stopped", "imported"]
    one = found["runs/h2z"]
    assert (one["model"], one["steps"], one["total"], one["exit_code"]) == ("cyclegan", 2, 4, 75)
    assert one["best"] == {"save": "runs/h2z/best", "step": 2, "swd": 0.25, "better": "lower"}
    assert one["bytes"] == sum(file.lstat().st_size for file in (tmp_path / "runs/h2z").rglob("*") if not file.is_dir())
    text = main("runs")[1]
    row = next(line for line in text.splitlines() if "h2z" in line)
    assert row.split()[:6] == ["runs/h2z", "cyclegan", "trainA", "trainB", "2/4", "stopped"]
    assert "swd 0.25 at 2" in row
    assert json.loads(main("info", "runs/h2z", "--json")[1])["best"] == one["best"], "info says the same"


def test_a_run_at_work_is_running_and_one_that_was_killed_has_failed(main, tmp_path):
    run = make(tmp_path / "runs" / "one", state="running", total=9)
    with lock.held(run):
        assert listed(main)["runs/one"]["state"] == "running"
        assert "a training is at work in runs/one" in main("runs", "rm", "runs/one", "--yes", code=2)[2]
    found = listed(main)["runs/one"]
    assert (found["state"], found["why"]) == ("failed", "its process was killed, or its machine stopped")
    assert folders.saves(run), "nothing was removed"


@pytest.mark.parametrize("content", ["model: [1]", "- a", "model: x\ndata: 5", "\0"])
def test_a_damaged_run_is_listed_and_says_why(main, tmp_path, content):
    run = make(tmp_path / "runs" / "one")
    (run / folders.SETTINGS).write_text(content)
    found = listed(main)["runs/one"]
    assert found["state"] == "failed"
    assert "run.yaml" in found["why"]
    (run / outcome.NAME).write_text('{"state": "won"}')
    assert listed(main)["runs/one"]["state"] == "failed"
    assert "failed" in main("runs", "show", "runs/one")[1]


def test_show_says_everything_of_one(main, tmp_path):
    make(tmp_path / "runs" / "one", step=2, state="failed", why="training diverged", code=2)
    out = main("runs", "show", "runs/one")[1]
    assert "failed: training diverged" in out
    assert "/data/trainA, /data/trainB" in out
    assert ["lr", "0.1"] in [line.split() for line in out.splitlines()]
    assert [line.split() for line in out.splitlines() if "seed" in line] == [["seed", "0"]]
    assert json.loads(main("runs", "show", "runs/one", "--json")[1])["settings"]["options"] == {"lr": 0.1}


def test_diff_tells_options_settings_and_data_apart(main, tmp_path):
    make(tmp_path / "a")
    make(tmp_path / "b", seed=3, options={"lr": 0.2}, data=["/data/trainA"])
    found = json.loads(main("runs", "diff", "a", "b", "--json")[1])
    assert found["options"] == {"lr": [0.1, 0.2]}
    assert found["settings"] == {"seed": [0, 3]}
    assert found["data"] == {"folders": [["/data/trainA", "/data/trainB"], ["/data/trainA"]]}
    assert ["lr", "0.1", "0.2"] in [line.split() for line in main("runs", "diff", "a", "b")[1].splitlines()]
    assert "same options, settings and data" in main("runs", "diff", "a", "a")[2]


def test_a_note_is_listed_replaced_and_removed(main, tmp_path):
    run = make(tmp_path / "runs" / "one")
    main("runs", "note", "runs/one", "the baseline")
    assert "the baseline" in main("runs")[1]
    main("runs", "note", "runs/one", "another")
    assert listed(main)["runs/one"]["note"] == "another"
    main("runs", "note", "runs/one", "")
    assert listed(main)["runs/one"]["note"] == ""
    assert not (run / folders.NOTE).exists()


def test_rm_removes_what_gantool_wrote_and_nothing_else(main, tmp_path):
    run = make(tmp_path / "runs" / "one")
    other = make(tmp_path / "runs" / "two")
    (other / "mine.txt").write_text("kept")
    make(other / "inner")
    assert "nobody to ask" in main("runs", "rm", "runs/one", code=2)[2]
    assert run.exists()
    main("runs", "rm", "runs/one", "runs/two", "--yes")
    assert not run.exists()
    assert sorted(path.name for path in other.iterdir()) == ["inner", "mine.txt"]
    assert list(listed(main)) == ["runs/two/inner"]


def test_rm_removes_the_card_unless_a_person_changed_it(main, tmp_path):
    for name in ("one", "two"):
        run = make(tmp_path / "runs" / name)
        assert card.write(run, folders.saves(run)[-1] / folders.WEIGHTS, str)
    with (run / card.CARD).open("a") as file:
        file.write("mine")
    main("runs", "rm", "runs/one", "runs/two", "--yes")
    assert list((tmp_path / "runs").rglob("*")) == [run, run / card.CARD]


def test_rm_does_not_follow_links(main, tmp_path):
    run = make(tmp_path / "runs" / "one")
    shutil.move(run / "checkpoints", tmp_path / "elsewhere")
    (run / "checkpoints").symlink_to(tmp_path / "elsewhere")
    main("runs", "rm", "runs/one", "--yes")
    assert not run.exists()
    assert (tmp_path / "elsewhere" / "00000004" / folders.WEIGHTS).is_file()


def test_rm_refuses_a_link_to_a_run(main, tmp_path):
    run = make(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(run)
    before = sorted(tmp_path.rglob("*"))
    assert f"link is a link, and the run is {run}" in main("runs", "rm", "link", "--yes", code=2)[2]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("words", [["show", "A"], ["rm", "A", "--yes"], ["note", "A", "x"], ["diff", "A", "A"]])
def test_what_is_no_run_is_refused(main, tmp_path, words):
    (tmp_path / "A").mkdir()
    assert "A is no run folder" in main("runs", *words, code=4)[2]
    assert list((tmp_path / "A").iterdir()) == []


def test_a_misspelt_run_is_guessed(main, tmp_path):
    make(tmp_path / "runs" / "h2z")
    assert "Did you mean runs/h2z?" in main("runs", "show", "runs/h2y", code=4)[2]
    assert "there is no folder nowhere" in main("runs", "nowhere", code=3)[2]


@pytest.fixture
def two(tmp_path):
    validated(make(tmp_path / "a"), {1: 0.5, 4: 0.25})
    validated(make(tmp_path / "b <i>"), {2: 0.4})
    validated(make(tmp_path / "c"), {2: 0.4}, on="other pictures")
    return ["a", "b <i>", "c"]


def test_plot_draws_all_runs_in_one_chart_each(main, tmp_path, two):
    assert main("runs", "plot", *two)[1].split() == ["curves.html"]
    page = (tmp_path / "curves.html").read_text()
    assert "b &lt;i&gt;" in page
    assert "<i>" not in page
    charts = page.split("<figure><figcaption><b>")[1:]
    lines = {chart.partition("<")[0]: chart.count("stroke-linejoin") for chart in charts}
    assert lines == {"swd, lower is better": 1, "gan_ab": 3, "cycle_a": 3}, "figures of other pictures share no chart"
    assert page.count("Measured on held-back") == page.count("Measured on other pictures") == 1
    assert "http" not in page.replace("http-equiv", "")


def test_plot_replaces_its_own_file_and_no_other(main, tmp_path, two):
    for _ in range(2):
        main("runs", "plot", *two, "-o", "own.svg")
    (tmp_path / "mine.svg").write_text("mine")
    assert "mine.svg exists, and gantool did not write it" in main("runs", "plot", *two, "-o", "mine.svg", code=2)[2]
    assert (tmp_path / "mine.svg").read_text() == "mine"


def test_plot_draws_pictures(main, tmp_path, two):
    main("runs", "plot", *two, "-o", "c.svg")
    assert (tmp_path / "c.svg").read_text().startswith("<svg")
    assert "gan_ab" in (tmp_path / "c.svg").read_text()
    main("runs", "plot", *two, "-o", "c.png")
    with Image.open(tmp_path / "c.png") as image:
        colours = {pixel for _, pixel in image.convert("RGB").getcolors(image.width * image.height)}
    assert {(0x3B, 0x7D, 0xDD), (0xE0, 0x7B, 0x1F), (0x2C, 0x9C, 0x5A)} <= colours
    assert "NAME.html, NAME.svg or NAME.png" in main("runs", "plot", *two, "-o", "c.pdf", code=2)[2]


def test_a_training_says_how_it_ended(trained_tiny):
    found = outcome.read(trained_tiny)
    assert (found.state, found.total) == ("done", 2)


def test_the_reason_of_a_stop_is_kept_in_words(main, tmp_path):
    """The file had the marks of arguments that are not yet spelled."""
    error = TimeLimitReached(f"stopped in {'x' * 1500}. Continue with {argument('resume')}")
    run = make(tmp_path / "runs" / "one", step=2)
    outcome.write(run, outcome.ended_by(error, 4, Console(spell=spelled_flag).words))
    said = f"stopped in {'x' * 1500}. Continue with --resume"
    assert json.loads((run / outcome.NAME).read_text())["why"] == said
    assert said in main("runs", "show", "runs/one")[1]
    assert json.loads(main("runs", "show", "runs/one", "--json")[1])["why"] == said


@pytest.mark.parametrize(
    ("error", "state", "code", "why"),
    [
        (KeyboardInterrupt(), outcome.STOPPED, 130, "it was ended at once by Ctrl-C"),
        (SystemExit(143), outcome.STOPPED, 143, "it was ended at once by signal 15"),
        (SystemExit(2), outcome.FAILED, 1, "SystemExit: 2"),
        (AssertionError(), outcome.FAILED, 1, "AssertionError: AssertionError"),
        (ValueError("one\ntwo"), outcome.FAILED, 1, "ValueError: one"),
    ],
)
def test_what_ended_a_training_is_kept(error, state, code, why):
    assert outcome.ended_by(error, 4, str) == outcome.Outcome(state, 4, code, why)
