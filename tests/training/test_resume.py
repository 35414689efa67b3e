"""Twelve steps are five steps, a kill, a resume and seven steps: to the byte."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from gantool.report.runlog import read
from tests.conftest import TRAIN_TINY

STEPS = ["--steps", "12", "--save-every", "5", "--keep", "0", "--sample-every", "6"]


def files(run: Path, step: int = 12) -> list[bytes]:
    save = run / "checkpoints" / f"{step:08d}"
    return [(save / name).read_bytes() for name in ("weights.safetensors", "state.safetensors")]


def train(*words: str) -> list[str]:
    return ["train", "cyclegan", "trainA", "trainB", *words, *TRAIN_TINY, *STEPS]


def kill_after(event: str, *processes: subprocess.Popen[str]) -> None:
    """SIGKILL to all as soon as the first one says that `event` has happened; returns when they are dead."""
    first = processes[0]
    assert first.stdout is not None
    said = []
    for line in first.stdout:
        said.append(line)
        if event in line:
            break
    else:
        raise AssertionError("".join(said))
    for process in processes:
        process.send_signal(signal.SIGKILL)
    for process in processes:
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("workers", ["0", "2"])
def test_kill_and_resume_gives_the_same_bytes(tmp_path, pictures, launch, main, workers):
    same = ["--workers", workers, "--set", "pool=2"]
    kill_after('"saved", "step": 5', launch(*train("-o", "killed", "--json", *same)))
    assert [path.name for path in sorted((tmp_path / "killed/checkpoints").glob("0*"))] == ["00000005"]
    _, _, said = main(*train("-o", "killed", "--resume", *same))
    assert "after step 5" in said
    main(*train("-o", "straight", *same))
    assert files(tmp_path / "killed") == files(tmp_path / "straight")


@pytest.mark.parametrize(
    ("batch", "workers", "pool", "precision"),
    [(1, 0, 50, "fp32"), (2, 0, 2, "fp32"), (2, 2, 50, "fp32"), (1, 0, 2, "bf16")],
)
def test_what_a_save_holds_is_all_that_matters(tmp_path, pictures, main, batch, workers, pool, precision):
    same = ["--batch", str(batch), "--workers", str(workers), "--set", f"pool={pool}", "--precision", precision]
    main(*train("-o", "straight", *same))
    stopped = tmp_path / "stopped"
    shutil.copytree(tmp_path / "straight", stopped, ignore=shutil.ignore_patterns("00000010", "00000012"))
    _, _, said = main(*train("-o", "stopped", "--resume", *same))
    assert "after step 5" in said
    assert files(stopped) == files(tmp_path / "straight")


def test_two_processes_resume_to_the_same_bytes(tmp_path, pictures, both):
    same = train("--set", "pool=2")

    def end(*processes: subprocess.Popen[str]) -> None:
        for process in processes:
            said, _ = process.communicate()
            assert process.returncode == 0, said

    kill_after('"saved", "step": 5', *both(*same, "-o", "killed", "--json"))
    end(*both(*same, "-o", "killed", "--resume"))
    end(*both(*same, "-o", "straight"))
    assert files(tmp_path / "killed") == files(tmp_path / "straight")


def test_a_damaged_save_is_passed_over(tmp_path, pictures, main):
    train = ["train", "cyclegan", "trainA", "trainB", "-o", "run", *TRAIN_TINY]
    main(*train, "--steps", "6", "--save-every", "3", "--keep", "0")
    whole = files(tmp_path / "run", 6)
    damaged = tmp_path / "run/checkpoints/00000006/weights.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-5] ^= 1
    damaged.write_bytes(content)
    _, _, said = main(*train, "--steps", "6", "--save-every", "3", "--keep", "0", "--resume")
    assert "damaged" in said
    assert "after step 3" in said
    assert files(tmp_path / "run", 6) == whole


def test_the_log_goes_on_where_the_save_was(tmp_path, pictures, launch, main):
    kill_after('"saved", "step": 10', launch(*train("-o", "run", "--json")))
    main(*train("-o", "run", "--resume"))
    assert [record["step"] for record in read(tmp_path / "run/log.jsonl")] == list(range(1, 13))


def test_what_would_be_another_run_is_refused(tmp_path, pictures, main):
    train = ["train", "cyclegan", "trainA", "trainB", "-o", "run", *TRAIN_TINY, "--steps", "2"]
    main(*train)
    _, _, said = main(*train, code=2)
    assert "--resume" in said
    assert "-o" in said
    for change in (["--batch", "2"], ["--set", "cycle_a=5"], ["--seed", "7"]):
        _, _, said = main(*train, "--resume", *change, code=2)
        assert "--from" in said
    main(*train[:-1], "3", "--resume")
    assert (tmp_path / "run/checkpoints/00000003/weights.safetensors").is_file()


def test_an_older_save_goes_on_in_another_folder(tmp_path, pictures, main):
    train = ["train", "cyclegan", "trainA", "trainB", *TRAIN_TINY, "--steps", "4", "--save-every", "2", "--keep", "0"]
    main(*train, "-o", "run")
    older = tmp_path / "run/checkpoints/00000002"
    _, _, said = main(*train, "--resume", older, code=2)
    assert "-o" in said
    main(*train, "--resume", older, "-o", "branch")
    assert files(tmp_path / "branch", 4) == files(tmp_path / "run", 4)
    assert len(list((tmp_path / "run/checkpoints").iterdir())) == 2


def test_weights_that_do_not_fit_the_options_are_one_line(tmp_path, pictures, main):
    main("train", "cyclegan", "trainA", "trainB", "-o", "run", *TRAIN_TINY, "--steps", "1")
    begin = ["train", "cyclegan", "trainA", "trainB", "--from", "run", "--steps", "2", *TRAIN_TINY[:6]]
    _, _, said = main(*begin, "--set", "width=8", "-o", "wide", code=4)
    assert "g_ab" in said
    assert "Traceback" not in said
    _, _, said = main(*begin, "-o", "on")
    assert "starting from run" in said
    assert "new are" not in said
