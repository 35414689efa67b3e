"""`gantool train --validate`: each save is measured, the best one linked, and nothing of it changes the training."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

import gantool as package
from gantool.errors import CheckpointError, Interrupted, TimeLimitReached
from gantool.report import runlog
from gantool.report.console import Console
from gantool.report.measures import Measured, measures
from gantool.report.progress import progress
from gantool.runs import folders
from gantool.runs.find import find_weights
from gantool.training.validation import Validations
from tests.conftest import TRAIN_TINY, draw
from tests.runs import TINY_CYCLEGAN
from tests.training.helpers import trainer

TRAIN = [
    *("train", "cyclegan", "trainA", "trainB", *TRAIN_TINY),
    *("--steps", "3", "--save-every", "1", "--keep", "0", "--sample-every", "100"),
]
FILES = ("weights.safetensors", "state.safetensors")


@pytest.fixture
def val(tmp_path, pictures) -> Path:
    draw(tmp_path / "val/testA", 2, seed=3)
    draw(tmp_path / "val/testB", 2, seed=4)
    return tmp_path / "val"


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Path:
    """A run of three steps that validated after each, beside its pictures."""
    folder = tmp_path_factory.mktemp("straight")
    draw(folder / "trainA", 6, seed=1)
    draw(folder / "trainB", 8, seed=2)
    draw(folder / "val/testA", 2, seed=3)
    draw(folder / "val/testB", 2, seed=4)
    settings = {"size": 36, "crop": 32, "workers": 0, "steps": 3, "save_every": 1, "keep": 0, "sample_every": 100}
    return package.train(
        "cyclegan",
        [folder / "trainA", folder / "trainB"],
        out=folder / "run",
        validate=folder / "val",
        set=TINY_CYCLEGAN,
        **settings,
    )


def steps(run: Path) -> list[int]:
    return [int(save.name) for save in folders.saves(run)]


def measured(run: Path) -> dict[int, Measured]:
    return dict(measures(runlog.read(run / "log.jsonl")))


def test_the_best_save_is_linked_and_its_figures_are_those_of_eval(main, straight):
    found = {step: one.metrics["swd"] for step, one in measured(straight).items()}
    assert list(found) == [1, 2, 3]
    best = min(found, key=lambda step: (found[step], step))
    assert os.readlink(straight / "best") == f"checkpoints/{best:08d}"
    pictures = [straight.parent / "val" / name for name in ("testA", "testB")]
    figures = json.loads(main("eval", "-m", straight / "best", *pictures, "--json")[1])
    assert {name: figures[name] for name in ("swd", "psnr", "ssim", "l1")} == measured(straight)[best].metrics
    about = json.loads(main("info", straight, "--json")[1])["best"]
    assert about == {"save": str(straight / "best"), "step": best, "swd": found[best], "better": "lower"}
    said = main("info", straight)[1]
    assert f"step {best} by swd {found[best]:.0f}, lower is better: {straight}/best" in said
    assert "None" not in said
    assert "Measured on" in (straight / "gallery.html").read_text()


def test_validations_change_no_byte_of_the_training(main, straight, tmp_path, pictures):
    main(*TRAIN, "-o", "plain")
    for name in FILES:
        save = f"checkpoints/00000003/{name}"
        assert (straight / save).read_bytes() == (tmp_path / "plain" / save).read_bytes()
    assert not (tmp_path / "plain/best").exists()
    assert "best" not in json.loads(main("info", "plain", "--json")[1])


@pytest.mark.parametrize("killed", ["later", "between the save and its validation"])
def test_a_run_that_is_continued_is_one_that_never_stopped(main, straight, tmp_path, killed):
    run = tmp_path / "run"
    shutil.copytree(straight, run, ignore=shutil.ignore_patterns("00000003", "best"))
    whole = (straight / "log.jsonl").read_bytes()
    if killed != "later":
        _, *others = [line for line in whole.splitlines(keepends=True) if b'"measured"' in line]
        lines = [line for line in whole.splitlines(keepends=True) if line not in others]
        (run / "log.jsonl").write_bytes(b"".join(lines))
    main("train", "--resume", "run")
    assert (run / "log.jsonl").read_bytes() == whole
    assert os.readlink(run / "best") == os.readlink(straight / "best")
    for name in FILES:
        save = f"checkpoints/00000003/{name}"
        assert (run / save).read_bytes() == (straight / save).read_bytes()


def test_patience_ends_a_training_in_order_and_again_when_it_is_continued(main, tmp_path, val):
    still = [*TRAIN, "--set", "lr=0", "--validate", "val", "--steps", "20", "--keep", "1"]  # the first stays the best
    _, out, said = main(*still, "-o", "run", "--patience", "1", "--json")
    run = tmp_path / "run"
    events = [event for event in map(json.loads, out.splitlines()) if event["event"] == "validated"]
    assert [(event["step"], event["best"]) for event in events] == [(1, True), (2, False)]
    assert [event["metrics"]["swd"] for event in events] == [one.metrics["swd"] for one in measured(run).values()]
    assert steps(run) == [1, 2], "one save is kept, and the best"
    assert "stopped at step 2 of 20: nothing better than step 1" in said
    assert "translate IN OUT --model run/best" in said
    assert "<dd>2 of 20: no better save in 1 validation</dd>" in (run / "gallery.html").read_text()
    _, out, _ = main(*still, "-o", "run", "--resume", "--json")
    assert json.loads(out.splitlines()[-1]) == {"event": "done", "run": "run", "step": 2}
    main(*still, "-o", "run", "--resume", "--patience", "2")
    assert list(measured(run)) == [1, 2, 3]
    assert steps(run) == [1, 3]
    main(*TRAIN, "--keep", "1", "--steps", "4", "-o", "run", "--resume", "--validate", "none")
    assert steps(run) == [1, 4]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--validate", "nowhere"], 3, "nowhere"),
        (["--validate", "trainA"], 3, "trainA"),
        (["--validate", "val", "--metric", "kid"], 2, "--inception FILE"),
        (["--validate", "val", "--metric", "kid", "--inception", "none.pth"], 2, "none.pth"),
        (["--validate", "val", "--metric", "lpips"], 2, "--lpips FILE,FILE"),
        (["--validate", "odd", "--metric", "psnr"], 2, "in pairs"),
        (["--validate", "val", "--metric", "ppl_z_full"], 2, "--lpips"),
        (["--validate", "val", "--metric", "cis"], 2, "gantool eval"),
        (
            ["--validate", "val", "--metric", "ssin"],
            2,
            "ssim? Metrics: swd, psnr, ssim, l1, lpips, kid, fid",
        ),
        (["--validate", "broken"], 3, "00.png"),
        (["--patience", "3"], 2, "--validate DIR"),
        (["--metric", "ssim"], 2, "--validate DIR"),
    ],
)
def test_what_could_not_be_measured_is_told_before_the_first_step(main, tmp_path, val, words, code, said):
    shutil.copytree(val, tmp_path / "odd")
    (tmp_path / "odd/testB/00.png").rename(tmp_path / "odd/testB/other.png")
    shutil.copytree(val, tmp_path / "broken")
    (tmp_path / "broken/testB/00.png").write_bytes((val / "testB/00.png").read_bytes()[:99])
    _, _, err = main(*TRAIN, "-o", "run", *words, code=code)
    assert said in err.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_a_dry_run_tells_of_validations(main, tmp_path, val):
    _, out, err = main(*TRAIN, "-o", "run", "--validate", "val", "--patience", "3", "--dry-run")
    rows = [line.split() for line in out.splitlines()]
    assert ["patience", "3", "--patience"] in rows
    assert "Validations come on top" in out
    assert "val/testA and" in err
    assert not (tmp_path / "run").exists()


def test_a_link_that_the_system_refuses_is_a_file(straight, tmp_path, main):
    run = tmp_path / "run"
    shutil.copytree(straight, run, ignore=shutil.ignore_patterns("best"))
    (run / "best").write_text("checkpoints/00000002")
    assert find_weights(str(run / "best")) == run / "checkpoints/00000002/weights.safetensors"
    assert folders.best(run) == run / "checkpoints/00000002"
    main("translate", "-m", "run/best", straight.parent / "val/testA", "out")
    main("train", "--resume", "run/best", "-o", "branch", "--steps", "3", "--validate", "none")
    assert steps(tmp_path / "branch") == [3]
    for foreign in ("../../elsewhere", "checkpoints/00000009", "checkpoints/../x", "\0\xff"):
        (run / "best").write_text(foreign)
        with pytest.raises(CheckpointError, match=r"run/best leads to no save: .*run alone means the newest"):
            find_weights(str(run / "best"))


# The trainer alone.


class Table:
    """Figures by step; what is no figure is raised or done."""

    def __init__(self, **figures: object) -> None:
        self.figures = {int(step[1:]): value for step, value in figures.items()}
        self.asked: list[int] = []
        self.left: list[float] = []
        """Validations that were left, after each that ended."""

    def __call__(self, weights: Path, device: torch.device, tell) -> Measured:
        step = int(weights.parent.name)
        self.asked.append(step)
        torch.rand(3)  # a measure may draw, and the training must not notice
        value = self.figures.get(step, 1.0)
        if isinstance(value, Exception):
            raise value
        if callable(value):
            value()
        tell("looking", 1, 2)
        number = value if isinstance(value, float) else 1.0
        return Measured({"score": number}, {"score": "higher"}, "pictures", "set", "score", ["only once"])


def validated(folder: Path, table: Table, **settings):
    """A trainer on noise whose saves get these figures."""
    made = trainer(folder, save_every=2, validate="val", metric="score", **settings)
    folder.mkdir(exist_ok=True)
    console = Console(progress="none")
    with progress(console, 10) as shown:

        def took(taken: float, left: float) -> None:
            table.left.append(left / taken)

        made.validations = Validations(folder, table, "score", torch.device("cpu"), console, shown, took)
    return made


def test_an_error_is_a_warning_and_notes_are_said_once(tmp_path, capsys):
    table = Table(s4=RuntimeError("no memory\nat all"), s6=3.0)
    validated(tmp_path, table).train()
    assert table.asked == [2, 4, 6, 8, 10]
    assert table.left == pytest.approx([4, 3, 2, 1, 0])
    assert list(measured(tmp_path)) == [2, 6, 8, 10]
    assert folders.best(tmp_path) == folders.save_folder(tmp_path, 6)
    said = capsys.readouterr().err
    assert "warning: no validation of step 4: RuntimeError: no memory\n" in said
    assert said.count("note: only once") == 1
    assert said.count("4 more take about") == 1
    assert "validation of step 8: score 1 (best: 3 at step 6)" in said


def test_a_figure_that_is_not_finite_is_never_best(tmp_path):
    validated(tmp_path, Table(s2=float("nan"), s4=float("inf"), s6=0.5, s8=0.25, s10=0.25)).train()
    assert folders.best(tmp_path) == folders.save_folder(tmp_path, 6)


@pytest.mark.parametrize("step", [4, 10])
def test_a_signal_cuts_a_validation_off_and_the_next_start_makes_up_for_it(tmp_path, step):
    table = Table(**{f"s{step}": lambda: signal.raise_signal(signal.SIGTERM)})
    with pytest.raises(Interrupted, match=f"after step {step} of 10") as found:
        validated(tmp_path, table).train()
    assert found.value.exit_code == 143
    assert step not in measured(tmp_path)
    again = Table()
    resumed = validated(tmp_path, again)
    resumed.resume(folders.save_folder(tmp_path, step))
    resumed.train()
    assert again.asked[0] == step
    assert list(measured(tmp_path)) == [2, 4, 6, 8, 10]


def test_a_time_limit_does_not_wait_for_a_validation(tmp_path):
    now = [0.0]
    made = validated(tmp_path, Table(s4=lambda: now.__setitem__(0, 60.0)), time="30s")
    made.clock = lambda: now[0]
    with pytest.raises(TimeLimitReached, match="after step 4"):
        made.train()
    assert list(measured(tmp_path)) == [2]


def test_validations_of_other_pictures_begin_anew(tmp_path):
    first = validated(tmp_path, Table(s2=9.0), patience=2)
    first.train()
    assert first.done == 6

    class Other(Table):
        def __call__(self, *words):
            return Measured(
                {"score": super().__call__(*words).metrics["score"]}, {"score": "higher"}, "x", "y", "score"
            )

    second = validated(tmp_path, Other(), patience=3)
    second.resume(folders.save_folder(tmp_path, 6))
    second.train()
    assert folders.best(tmp_path) == folders.save_folder(tmp_path, 8)


@pytest.mark.slow
def test_two_processes_stop_together(tmp_path, val, both):
    words = [*TRAIN, "--set", "lr=0", "--validate", "val", "--steps", "20", "--patience", "1", "-o", "run"]
    for process in both(*words):
        said, _ = process.communicate()
        assert process.returncode == 0, said
    assert list(measured(tmp_path / "run")) == [1, 2]
    assert steps(tmp_path / "run") == [1, 2]
