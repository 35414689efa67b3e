"""The first minute: wrong words are answered before torch is imported, and how long it takes is said early."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from contextlib import closing

import pytest
import torch

from gantool import registry
from gantool.pictures.results import Recorder
from gantool.training import request
from gantool.training.forecast import Forecast, Stopwatch, advice
from gantool.training.option_names import option_names
from gantool.training.samples import rounds
from tests.cli.test_startup import answered
from tests.conftest import TRAIN_TINY
from tests.training.helpers import trainer

DATA = ["trainA", "trainB"]


WRONG = {
    "train cyclgan trainA trainB": "Did you mean cyclegan",
    "train cyclegan trainA trianB": "trianB does not exist. Did you mean trainB?",
    "train cyclegan trainA trainB --preset smal": "Did you mean small?",
    "train cyclegan trainA trainB --set cycl=3": "Did you mean cycle_b or cycle_a?",
    "train munit trainA trainB --set recon=3": "unknown option",
    "train cyclegan trainA trainB --crop 3": "error: --crop must be at least 8",
    "train cyclegan trainA trainB --save-every 0": "error: --save-every must be at least 1",
    "train cyclegan trainA trainB --precision fp8": "precision is one of",
    "train cyclegan trainA trainB --time soon": "a time looks like",
    "train cyclegan trainA trainB --steps 3 --epochs 3": "not both",
    "train cyclegan trainA trainB --config nowhere.yaml": "cannot read nowhere.yaml",
    "train cyclegan trainA trainB --resume nowhere": "there is no run nowhere",
    "train cyclegan trainA trainB --from nowhere": "nowhere is no run folder",
    "train -o nowhere --resume": "which model?",
    "train cyclegan trainA trainB --lr 1e-4": "train has no --lr. Did you mean --set lr=1e-4?",
    "train cyclegan trainA trainB --cycle-a=5": "Did you mean --set cycle_a=5?",
    "train cyclegan trainA trainB --flip no": "Did you mean --set flip=no?",
    "train --resume nowhere --cycle-b": "Did you mean --set cycle_b=...?",
}
"""Words, and what is said of them."""


def test_wrong_words_are_answered_without_torch(pictures, tmp_path):
    for (line, words), (said, _, heavy) in zip(WRONG.items(), answered([*WRONG], tmp_path), strict=True):
        assert words in said, line
        assert said.count("error: ") == 1, said
        assert heavy == "nothing", line


@pytest.mark.parametrize("name", registry.plugins())
def test_options_are_read_from_the_source(name):
    plugin = registry.plugin(name)
    assert option_names(plugin) == {field.name for field in dataclasses.fields(plugin.load().Options)}


SOURCES = {
    "inherits": "from gantool_cyclegan import CycleGAN\nclass M(CycleGAN): pass",
    "extends": "import gantool_cyclegan as c\nclass M(c.CycleGAN):\n class Options(c.CycleGAN.Options):\n  m: int = 1",
    "computes": "from dataclasses import make_dataclass\nclass M:\n  Options = make_dataclass('Options', [])",
    "breaks": "class M(:",
}


@pytest.mark.parametrize("source", SOURCES)
def test_options_of_plugins_from_outside(source, install_plugin):
    site = install_plugin("outside", f"outside_{source}:M")
    (site / f"outside_{source}.py").write_text(SOURCES[source])
    found = option_names(registry.plugin("outside"))
    cyclegan = option_names(registry.plugin("cyclegan"))
    assert found == {"inherits": cyclegan, "extends": cyclegan | {"m"}}.get(source), "None: it does not tell"


def test_an_option_written_later_is_known_in_the_same_process(install_plugin):
    source = install_plugin("outside", "outside_grows:M") / "outside_grows.py"
    for option in ("first", "another"):
        source.write_text(f"class M:\n class Options:\n  {option}: int = 1")
        assert option_names(registry.plugin("outside")) == {option}


def test_the_first_word_comes_before_torch(pictures, tmp_path):
    code = "import sys\nfrom gantool.cli import common\n" + (
        "common.load_torch = lambda console: (console.note('first'), print('torch' in sys.modules), sys.exit())\n"
        "from gantool.cli.main import main\nmain(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "train", "cyclegan", *DATA]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "first\n")


def test_a_dry_run_says_what_will_happen(main, pictures, tmp_path):
    words = ["train", "cyclegan", *DATA, "--preset", "smoke", "--workers", "0", "--steps", "400", "--dry-run"]
    _, out, _ = main(*words)
    rows = {line.split()[0]: line.split()[1] for line in out.splitlines() if line.strip()}
    assert (rows["save_every"], rows["sample_every"], rows["epochs"]) == ("40", "20", "50.0")
    assert "400 steps and 21 rounds take about" in out
    assert "of memory" in out
    _, out, _ = main(*words, "--json")
    (plan,) = map(json.loads, out.splitlines())
    assert plan["sample_seconds"] > 0
    assert plan["seconds"] == pytest.approx(400 * plan["step_seconds"] + 21 * plan["sample_seconds"])
    assert plan["memory"] > 10**7
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_of_steps_of_many_batches_times_one_batch(main, pictures):
    words = ["train", "cyclegan", *DATA, "--preset", "smoke", *TRAIN_TINY, "--steps", "2", "--dry-run", "--json"]
    (plan,) = map(json.loads, main(*words, "--accumulate", "60000")[1].splitlines())
    assert plan["step_seconds"] > 60  # which nobody has waited for
    assert plan["memory"] > 59_999 * 2 * 3 * 32**2, "the pictures of all batches"


def test_a_dry_run_shows_lists_as_they_are_typed(main, pictures):
    out = main("train", "cut", *DATA, "--preset", "smoke", *TRAIN_TINY, "--set", "layers=0,2", "--dry-run")[1]
    assert " 0,2 " in next(line for line in out.splitlines() if line.startswith("options.layers"))


def test_a_list_that_would_make_another_run_is_told_as_it_is_typed(main, trained, tmp_path):
    shutil.copytree(trained("cut", set={"layers": "0,2"}), tmp_path / "run")
    said = "run was trained with layers=0,2, not 0 (--set)"
    assert said in main("train", "-o", "run", "--resume", "--set", "layers=0", code=2)[2]
    settings = tmp_path / "run/run.yaml"
    settings.write_text(settings.read_text().replace("layers:\n  - 0\n  - 2", "layers:\n  - 0"))
    said = "says layers=0, and run/checkpoints/00000004 was trained with 0,2: put that back. Another value"
    assert said in main("train", "-o", "run", "--resume", code=2)[2]


def test_a_forecast_comes_once_and_early():
    now = 0.0
    watch = Stopwatch(1000, 100, torch.device("cpu"), lambda: now)
    now = 500.0
    watch.sampled(60.0)
    heard = {}
    for done in range(1, 50):
        now += 8 if done == 1 else 1
        if done == 2:
            now += 70
            watch.sampled(70.0)
        if found := watch.step(done, read=True):
            heard[done] = found
    assert list(heard) == [4]
    assert (heard[4].step, heard[4].left) == (1.0, 996)
    assert (heard[4].sample, heard[4].rounds) == (70.0, 10)
    assert heard[4].seconds == 996 + 700


def test_a_validation_is_no_part_of_a_forecast():
    now = 0.0
    continued, begun = (Stopwatch(1000, 1000, torch.device("cpu"), lambda: now) for _ in range(2))
    now = 300.0
    continued.paused(300.0)  # what the run before had left undone
    found = None
    while found is None:
        now += 1
        found = continued.step(round(now) - 300, read=True)
    assert found.step == 1.0
    found = None
    begun.sampled(0.0)
    for done in (1, 2, 3, 4):
        now += 1
        if done == 2:
            now += 90
            begun.paused(90.0)
        found = found or begun.step(done, read=True)
    assert found is not None
    assert found.step == 1.0


def test_the_rounds_of_samples_that_are_left_are_those_that_a_training_draws(tmp_path):
    for steps, every in ((7, 3), (6, 3), (2, 5)):
        run = trainer(tmp_path / f"{steps}", steps=steps, sample_every=every, save_every=steps)
        run.train()
        drawn = run.observer.samples
        assert [rounds(done, steps, every) for done in range(steps + 1)] == [
            sum(at > done or at == done == 0 for at in drawn) for done in range(steps + 1)
        ]


def test_a_very_slow_first_step_tells_enough():
    now = 0.0
    watch, compiling = (
        Stopwatch(14000, 14000, torch.device("cpu"), lambda: now, compiles=how) for how in (False, True)
    )
    now = 103.0
    found = watch.step(1, read=True)
    assert found is not None
    assert compiling.step(1, read=True) is None, "that was the compiler"
    said = found.words()
    assert "a step takes 103 s here: 13999 steps take about 16d16h" in said
    assert said.endswith("Samples come on top"), "none was drawn, as where a run is continued"


def test_a_wait_for_the_compiler_is_announced(launch, pictures):
    process = launch("train", "cyclegan", *DATA, "-o", "run", "--preset", "smoke", "--compile", *TRAIN_TINY)
    assert process.stdout is not None
    said = next(line for line in process.stdout if line.startswith(("compiling", "step")))
    process.kill()
    process.communicate()
    assert said == "compiling the networks: the first step takes a minute or more, the others do not\n"


def test_an_end_beyond_all_calendars_is_left_out():
    assert ", until " in Forecast(1.0, 100, 1.0, 2, None).words()
    assert "here: 1 step takes about 1s" in Forecast(1.0, 1, None, 0, None).words()
    said = "a step takes 1 s here and a round of samples 15m: 1 step and 1 round take about 15m"
    assert said in Forecast(1.0, 1, 900.0, 1, None).words()
    assert (
        Forecast(1.0, 9 * 10**18, None, 0, 10**6)
        .words()
        .endswith("steps take about 104166666666666d16h; 1 MB of memory")
    )


@pytest.mark.parametrize(
    ("device", "seconds", "preset", "advised"),
    [
        ("cpu", 1000, None, "quick"),
        ("cpu", 1000, "fast", "quick"),
        ("cpu", 1000, "quick", None),
        ("cpu", 1000, "small", None),
        ("cpu", 1000, "smoke", None),
        ("cuda", 1000, None, None),
        ("cuda", 100_000, None, "fast"),
        ("cuda", 100_000, "fast", "small"),
    ],
)
def test_the_preset_that_fits_is_named(pictures, device, seconds, preset, advised):
    plan = request.plan(request.Request("cyclegan", pictures, preset=preset))
    said = advice(plan, Forecast(seconds / 10, 10, None, 0, None), torch.device(device))
    assert ("Made for less" in said) == (advised is not None)
    if advised:
        assert f"preset={advised}" in said


def test_translations_among_their_pictures_are_told_of(main, pictures, tmp_path):
    made = shutil.copy(pictures[0] / "00.png", pictures[0] / "00.translated.png")
    with closing(Recorder(pictures[0])) as recorder:
        recorder.note(made, pictures[0] / "00.png", "00.png", {"model": "m"}, "0" * 64)
    words = ["train", "cyclegan", *DATA, "-o", "run", "--preset", "smoke", *TRAIN_TINY, "--steps"]
    said = "warning: trainA: 1 picture (such as 00.translated.png) that gantool translated from others there"
    assert main(*words, "1")[2].count(said) == 1
    assert said not in main(*words, "2", "--resume")[2], "it was said when the run began"


def test_a_second_model_is_refused(main, tmp_path):
    for words in (
        ["eval", "--model", "a", "--model", "b", "A", "B"],
        ["translate", "-m", "a", "--model=b", "in", "out"],
    ):
        err = main(*words, code=2)[2]
        assert err == "error: --model was given 2 times, and one is used: call gantool for each\n"
