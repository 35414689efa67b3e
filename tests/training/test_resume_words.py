"""What is said of runs that are to go on: missing ones, moved pictures, the model and the sources of a run.yaml."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from gantool.errors import UsageError
from gantool.report.console import Console
from gantool.runs import folders
from gantool.training import request, session
from tests.conftest import TRAIN_TINY
from tests.training.helpers import is_held

BEGIN = ["train", "cyclegan", "trainA", "trainB", "-o", "run", "--preset", "smoke", *TRAIN_TINY, "--steps", "1"]


def sources(run) -> dict[str, str]:
    return yaml.safe_load((run / folders.SETTINGS).read_text())["facts"]["sources"]


def test_a_run_that_is_not_there_begins_anew_and_says_so_even_where_errors_alone_are_said(main, pictures):
    main(*BEGIN)
    err = main("train", "cyclegan", "trainA", "trainB", "-o", "rum", "--resume", *TRAIN_TINY, "--steps", "1", "-q")[2]
    assert err == "warning: there is no run rum: it begins anew. Did you mean run?\n"
    err = main("train", "cyclegan", "trainA", "trainB", "--resume", *TRAIN_TINY, "--steps", "1", "-q")[2]
    assert err == "warning: there is no run of cyclegan below runs: a new one begins\n"


def test_a_named_run_that_is_not_there_is_refused(main, pictures):
    assert main("train", "--resume", "rum", code=4)[2] == "error: there is no run rum\n"
    assert "no run rum" in main("train", "cyclegan", "trainA", "trainB", "--resume", "rum", code=4)[2]


def test_a_model_behind_resume_is_no_run(main, pictures):
    main("train", "--resume", "cyclegan", "trainA", "trainB", "-o", "run", *TRAIN_TINY, "--steps", "1")


def test_a_run_finds_its_model_and_pictures(main, pictures):
    main(*BEGIN)
    err = main("train", "-o", "run", "--resume", "--steps", "2")[2]
    assert "continuing run after step 1" in err


@pytest.mark.parametrize(("was", "now"), [("  width: 4", "  width: 8"), ("  cycle_a: 10.0", "  cycle_a: 5.0")])
def test_an_edited_option_is_named_rather_than_the_saves_blamed_or_another_run_gone_on_with(main, pictures, was, now):
    """Another width fitted no save, and all were called damaged; another weight was trained with, without a word."""
    main(*BEGIN)
    settings = Path("run", folders.SETTINGS)
    assert was in settings.read_text()
    settings.write_text(settings.read_text().replace(was, now))
    err = main("train", "--resume", "run", "--steps", "2", code=2)[2]
    said, trained = now.strip().replace(": ", "="), was.split()[1]
    assert err.startswith(f"error: run/run.yaml says {said}, and run/checkpoints/00000001 was trained with {trained}:")


EDITED = {
    ("keep: 3", "keep: -3"): "error: run/run.yaml: keep must be at least 0, not -3",
    ("steps: 1", "steps: many"): 'error: run/run.yaml: steps wants a whole number or none, not "many"',
    ("keep: 3", "nonsense: 3"): 'error: run/run.yaml: unknown option "nonsense" for train.',
    ("  lr: 0.0002", "  lr: fast"): 'error: run/run.yaml: lr wants a number, not "fast"',
    ("model: cyclegan", "model: cut"): 'error: run/run.yaml names the model "cut", and run/checkpoints/00000001 is one'
    " of cyclegan: put that back",
    ("model: cyclegan", "modal: cyclegan"): "error: run/run.yaml names no model",
    ("keep: 3", "keep 3"): "error: run/run.yaml is not valid YAML: it cannot be read from line",
    ("", None): "error: run/run.yaml is empty, and without it no run is continued",
}
"""What a person writes over a line of a run.yaml, or over all of it, and what is said."""


def test_what_is_said_of_an_edited_run_yaml_names_that_file(main, pictures):
    main(*BEGIN)
    settings = Path("run", folders.SETTINGS)
    written = settings.read_text()
    for (was, now), said in EDITED.items():
        assert was in written
        settings.write_text("" if now is None else written.replace(was, now, 1))
        _, _, err = main("train", "--resume", "run", "-q", code=2)
        assert err.startswith(said)
        assert err.count("\n") == 1


def test_a_run_yaml_that_is_gone_is_missed_by_name(main, pictures):
    main(*BEGIN)
    Path("run", folders.SETTINGS).unlink()
    for words in (["--resume", "run"], ["cyclegan", "-o", "run", "--resume"], ["--resume", "run/checkpoints/00000001"]):
        err = main("train", *words, code=4)[2]
        assert err.startswith("error: run/run.yaml is missing")
        assert "--from run -o ANOTHER_FOLDER" in err


def test_an_edited_setting_that_makes_another_run_is_named(main, pictures):
    main(*BEGIN)
    settings = Path("run", folders.SETTINGS)
    text = settings.read_text()

    def go_on(was: str, now: str, code: int) -> tuple[str, str]:
        assert f"\n{was}\n" in text
        settings.write_text(text.replace(f"\n{was}\n", f"\n{now}\n", 1))
        return main("train", "--resume", "run", "--steps", "2", "--dry-run", code=code)[1:]

    for was, now in (
        ("batch: 1", "batch: 2"),
        ("crop: 32", "crop: 28"),
        ("flip: true", "flip: false"),
        ("seed: 0", "seed: 3"),
    ):
        err = go_on(was, now, 2)[1]
        said, begun = now.replace(": ", "=").replace("false", "False"), was.split()[1].capitalize()
        assert err.startswith(f"error: run/run.yaml says {said}, and the run was begun with {begun}: put that back.")
    assert "keep 5 " in " ".join(go_on("keep: 3", "keep: 5", 0)[0].split()), "it stays the same run"


def test_a_run_that_goes_on_is_asked_about_with_what_it_remembers(main, tmp_path, pictures):
    val = ["--validate", ".", "--patience", "2", "--metric", "l1"]
    shutil.copytree(tmp_path / "trainA", tmp_path / "testA")
    shutil.copytree(tmp_path / "trainA", tmp_path / "testB")
    main(*BEGIN[:-2], "--epochs", "0.1", *val)

    def now(*words: str) -> dict[str, str]:
        lines = [line.split() for line in main("train", *words, "--dry-run", "-q")[1].splitlines()]
        return {line[0]: line[1] for line in lines if len(line) > 1}

    assert now("--resume", "run", "--patience", "3")["patience"] == "3"
    assert now("cyclegan", "-o", "run", "--resume", "--metric", "ssim")["metric"] == "ssim"
    for files in (["--lpips", "a,b"], ["--inception", "a"]):
        assert "there is no file" in main("train", "--resume", "run", *files, code=2)[2], "they are for its validations"
    ended = now("--resume", "run", "--validate", "none")
    assert (ended["patience"], ended["metric"]) == ("0", "swd"), "nothing is to be judged any more"
    assert now("--resume", "run", "--steps", "2")["steps"] == "2", "one length replaces the other"
    err = main("train", "--resume", "run", "--validate", "none", "--patience", "3", code=2)[2]
    assert "--patience 3 goes with --validate DIR" in err


def test_a_run_is_of_one_model(main, pictures):
    main(*BEGIN)
    err = main("train", "unit", "trainA", "trainB", "-o", "run", "--resume", code=2)[2]
    assert err == "error: run is a run of cyclegan, not of unit\n"


@pytest.mark.parametrize("words", [["--resume", "run"], ["-o", "run", "--resume"]], ids=" ".join)
def test_moved_pictures_name_the_command_that_goes_on(main, pictures, tmp_path, words):
    main(*BEGIN)
    (tmp_path / "disk").mkdir()
    for folder in pictures:
        shutil.move(folder, tmp_path / "disk")
    err = main("train", *words, "--steps", "2", code=3)[2]
    assert "If the pictures have moved: gantool train cyclegan NEW_trainA NEW_trainB -o run --resume" in err
    main("train", "cyclegan", "disk/trainA", "disk/trainB", "-o", "run", "--resume", "--steps", "2")


def test_a_run_goes_on_with_its_own_domains(main, pictures, tmp_path):
    """It went on with any, and `--to`, card and gallery had names that its networks had never seen."""
    main(*BEGIN)
    for folder in ("cats", "dogs"):
        shutil.copytree(tmp_path / "trainA", tmp_path / folder)
    for given in (["cats", "dogs"], ["trainB", "trainA"]):
        err = main("train", "cyclegan", *given, "-o", "run", "--resume", "--steps", "2", code=2)[2]
        names = ", ".join(name.removeprefix("train") for name in given)
        assert f"error: run was begun with the domains A, B, not {names}: " in err
        assert "--from run" in err
    shutil.copy(next((tmp_path / "cats").iterdir()), tmp_path / "trainA" / "new.png")
    err = main("train", "-o", "run", "--resume", "--steps", "2")[2]
    now = len(list((tmp_path / "trainA").iterdir()))
    told = f"not those that this run began with (A: {now - 1} then, {now} now): it goes on with those of now"
    assert f"warning: the pictures are {told}" in err


def test_a_run_keeps_the_names_of_its_folders_where_they_are_read_otherwise_by_now(main, pictures, tmp_path):
    for folder in pictures:
        shutil.copytree(folder, tmp_path / f"Train {folder.name[-1]}")
    main(*("Train A" if word == "trainA" else "Train B" if word == "trainB" else word for word in BEGIN))
    settings = tmp_path / "run/run.yaml"
    written = settings.read_text()
    settings.write_text(written.replace("    A: ", "    Train A: ").replace("    B: ", "    Train B: "))
    assert settings.read_text() != written
    main("train", "-o", "run", "--resume", "--steps", "2")
    assert "    Train A: " in settings.read_text()


def test_a_run_at_its_end_keeps_what_it_was_trained_with(main, pictures, tmp_path):
    main(*BEGIN)
    before = (tmp_path / "run" / folders.SETTINGS).read_bytes()
    shutil.copytree(tmp_path / "trainB", tmp_path / "A")
    assert "at step 1 of 1 already" in main("train", "cyclegan", "A", "trainB", "-o", "run", "--resume")[2]
    assert (tmp_path / "run" / folders.SETTINGS).read_bytes() == before


def test_standard_output_is_no_run_folder(main, pictures, tmp_path):
    err = main(*["-" if word == "run" else word for word in BEGIN], code=2)[2]
    assert err == "error: - is standard output, and here a folder is wanted: give it a name\n"
    assert not (tmp_path / "-").exists()


def test_sources_survive_any_number_of_continuations(main, pictures, tmp_path):
    main(*BEGIN)
    before = sources(tmp_path / "run")
    assert before["options.blocks"] == "set"
    assert before["batch"] == "preset smoke"
    text = (tmp_path / "run" / folders.SETTINGS).read_text()
    main("train", "--resume", "run")
    assert (tmp_path / "run" / folders.SETTINGS).read_text() == text
    for steps in "23":
        main("train", "-o", "run", "--resume", "--steps", steps)
    assert sources(tmp_path / "run") == before


def test_a_run_without_a_save_begins_anew_as_it_was_begun(main, pictures, tmp_path):
    main(*BEGIN)
    before = sources(tmp_path / "run")
    shutil.rmtree(tmp_path / "run/checkpoints")
    err = main("train", "cyclegan", "trainA", "trainB", "-o", "run", "--resume", "--seed", "5")[2]
    assert "warning: run has no save yet: it begins anew, with the settings of its run.yaml\n" in err
    stored = yaml.safe_load((tmp_path / "run" / folders.SETTINGS).read_text())
    assert (stored["options"]["width"], stored["steps"], stored["seed"]) == (4, 1, 5)
    assert sources(tmp_path / "run") == {**before, "seed": "seed"}


def test_a_training_that_was_planned_before_another_one_saved_is_refused(pictures, tmp_path, trained_tiny):
    run = tmp_path / "run"
    late = request.plan(request.Request("cyclegan", pictures, out=run, preset="smoke"))
    run.mkdir()
    shutil.copytree(trained_tiny / folders.CHECKPOINTS, run / folders.CHECKPOINTS)
    with pytest.raises(UsageError, match="another training has saved"):
        session.start(late, Console(verbosity=-2))
    assert not is_held(run)
    assert not (run / folders.SETTINGS).exists()
