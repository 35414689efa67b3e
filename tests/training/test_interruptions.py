"""Real processes: signals, a disk that refuses, a run that diverges."""

from __future__ import annotations

import resource
import signal
import subprocess
from pathlib import Path

import pytest

from gantool.runs import checkpoint, folders
from tests.conftest import TRAIN_TINY, draw


def train(*words: str) -> list[str]:
    return ["train", "cyclegan", "trainA", "trainB", "-o", "run", *words, *TRAIN_TINY]


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(text)


def saves(run: Path) -> list[int]:
    """The steps of the run's saves; fails for one that is not whole."""
    found = folders.saves(run)
    for save in found:
        for name in (folders.WEIGHTS, folders.STATE):
            checkpoint.read(save / name)
    return [int(save.name) for save in found]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_saves_and_says_how_to_go_on(tmp_path, pictures, launch, number, code):
    process = launch(*train("--steps", "100000", "--save-every", "50000", "--json"))
    wait_for(process, '"event": "step"')
    process.send_signal(number)
    said, _ = process.communicate()
    assert process.returncode == code, said
    assert "--resume" in said
    assert "Traceback" not in said
    (step,) = saves(tmp_path / "run")
    assert 1 <= step < 50_000


def test_a_full_disk_ends_with_one_line_and_leaves_the_last_save(tmp_path, pictures, launch, main):
    main(*train("--steps", "2"))
    before = saves(tmp_path / "run")
    assert before == [1, 2]

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    process = launch(*train("--resume", "--steps", "4"), preexec_fn=little_room)
    said, _ = process.communicate()
    assert process.returncode == 3, said
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, said
    assert "Traceback" not in said
    assert saves(tmp_path / "run") == before
    assert not list((tmp_path / "run/checkpoints").glob(".*"))


def test_divergence_ends_with_6_and_the_last_save_is_whole(tmp_path, pictures, main):
    _, _, said = main(*train("--steps", "200", "--save-every", "1", "--set", "lr=1e30", "--keep", "2"), code=6)
    assert "not applied" in said
    assert said.count("error: training diverged") == 1
    assert saves(tmp_path / "run")


def test_a_picture_that_breaks_meanwhile_is_named_and_the_work_so_far_is_saved(tmp_path, pictures, launch):
    many = draw(tmp_path / "trainA", 200, seed=1)
    process = launch(*train("--steps", "2000", "--save-every", "2000", "--json"))
    wait_for(process, '"event": "step"')
    for file in many.iterdir():
        file.write_bytes(file.read_bytes()[:60])
    said, _ = process.communicate()
    assert process.returncode == 3, said
    assert "error: cannot read trainA/" in said
    assert len(saves(tmp_path / "run")) == 1
