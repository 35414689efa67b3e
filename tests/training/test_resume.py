"""Twelve steps are five steps, a kill, a resume and seven steps: to the byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TRAIN_TINY

STEPS = ["--steps", "12", "--save-every", "5", "--keep", "0", "--sample-every", "6"]


def files(run: Path, step: int = 12) -> list[bytes]:
    save = run / "checkpoints" / f"{step:08d}"
    return [(save / name).read_bytes() for name in ("weights.safetensors", "state.safetensors")]


def launch(tmp_path: Path, *words: str, processes: int = 1) -> subprocess.Popen[str]:
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--no-python"]
    command = [sys.executable, "-m", "gantool", "train", "cyclegan", "trainA", "trainB", *words, *TRAIN_TINY, *STEPS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_PORT": "0"}
    return subprocess.Popen(
        [*start, *command] if processes > 1 else command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )


def kill_after(process: subprocess.Popen[str], event: str) -> None:
    """SIGKILL to the process (and its children) as soon as it says that `event` has happened."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if event in line:
            break
    else:
        raise AssertionError("".join(said))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize(
    ("batch", "workers", "pool", "precision"),
    [(1, 0, 50, "fp32"), (1, 2, 2, "fp32"), (2, 0, 2, "fp32"), (2, 2, 50, "fp32"), (1, 0, 2, "bf16")],
)
def test_kill_and_resume_gives_the_same_bytes(tmp_path, pictures, batch, workers, pool, precision):
    same = ["--batch", str(batch), "--workers", str(workers), "--set", f"pool={pool}", "--precision", precision]
    straight = launch(tmp_path, "-o", "straight", *same)
    killed = launch(tmp_path, "-o", "killed", "--json", *same)
    kill_after(killed, '"saved", "step": 5')
    assert [path.name for path in sorted((tmp_path / "killed/checkpoints").glob("0*"))] == ["00000005"]

    resumed = launch(tmp_path, "-o", "killed", "--resume", *same)
    said, _ = resumed.communicate()
    assert resumed.returncode == 0, said
    assert "after step 5" in said
    assert straight.wait() == 0, straight.stdout
    assert files(tmp_path / "killed") == files(tmp_path / "straight")


def test_two_processes_resume_to_the_same_bytes(tmp_path, pictures):
    same = ["--set", "pool=2"]
    straight = launch(tmp_path, "-o", "straight", *same, processes=2)
    said, _ = straight.communicate()
    assert straight.returncode == 0, said
    killed = launch(tmp_path, "-o", "killed", "--json", *same, processes=2)
    kill_after(killed, '"saved", "step": 5')
    resumed = launch(tmp_path, "-o", "killed", "--resume", *same, processes=2)
    said, _ = resumed.communicate()
    assert resumed.returncode == 0, said
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


def test_the_log_goes_on_where_the_save_was(tmp_path, pictures):
    from gantool.report.runlog import read

    killed = launch(tmp_path, "-o", "run", "--json")
    kill_after(killed, '"saved", "step": 10')
    resumed = launch(tmp_path, "-o", "run", "--resume")
    said, _ = resumed.communicate()
    assert resumed.returncode == 0, said
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
