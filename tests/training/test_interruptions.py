"""Real processes: signals, a disk that refuses, a run that diverges."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gantool.runs import checkpoint, folders
from tests.conftest import TRAIN_TINY


def launch(tmp_path: Path, *words: str, **more) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "gantool",
        "train",
        "cyclegan",
        "trainA",
        "trainB",
        "-o",
        "run",
        *words,
        *TRAIN_TINY,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True, env=environment, **more)


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    assert process.stderr is not None
    raise AssertionError(process.stderr.read())


def whole(save: Path) -> bool:
    for name in (folders.WEIGHTS, folders.STATE):
        checkpoint.read(save / name)
    return True


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_saves_and_says_how_to_go_on(tmp_path, pictures, number, code):
    process = launch(tmp_path, "--steps", "100000", "--save-every", "50000", "--json")
    wait_for(process, '"event": "step"')
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == code, said
    assert "--resume" in said
    assert "Traceback" not in said
    (save,) = folders.saves(tmp_path / "run")
    assert whole(save)


def test_a_full_disk_ends_with_one_line_and_leaves_the_last_save(tmp_path, pictures):
    first = launch(tmp_path, "--steps", "2")
    assert first.wait() == 0
    before = folders.saves(tmp_path / "run")

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    second = launch(tmp_path, "--resume", "--steps", "4", preexec_fn=little_room)
    _, said = second.communicate()
    assert second.returncode == 3, said
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, said
    assert "Traceback" not in said
    assert folders.saves(tmp_path / "run") == before
    assert all(whole(save) for save in before)
    assert not list((tmp_path / "run/checkpoints").glob(".*"))


def test_divergence_ends_with_6_and_the_last_save_is_whole(tmp_path, pictures):
    process = launch(tmp_path, "--steps", "200", "--save-every", "1", "--set", "lr=1e30", "--keep", "2")
    _, said = process.communicate()
    assert process.returncode == 6, said
    assert "not applied" in said
    assert said.count("error: training diverged") == 1
    assert whole(folders.saves(tmp_path / "run")[-1])


def test_an_unreadable_picture_is_named_and_the_work_so_far_is_saved(tmp_path, pictures):
    damaged = tmp_path / "trainA" / "03.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    process = launch(tmp_path, "--steps", "50", "--save-every", "50")
    _, said = process.communicate()
    assert process.returncode == 3, said
    assert "03.png" in said
    assert all(whole(save) for save in folders.saves(tmp_path / "run"))
