"""The scripts of docs/slurm.md, run with a stand-in for Slurm: a job whose time is up is saved, queued and goes on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gantool.runs import folders
from tests.docs.pages import DOCS, QUICK, blocks

STAND_IN = Path(__file__).parent / "slurm" / "stand_in.py"
SCRIPTS = {block.note: block.code for block in blocks(DOCS / "slurm.md") if block.kind == "file"}
STEPS = "6"


@pytest.fixture
def job(tmp_path, pictures, commands):
    """Runs a script of the page to its end, as often as it is queued."""
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("sbatch", "srun", "scontrol"):
        (place / name).write_text(f'#!/bin/sh\nexec {sys.executable} -ISE {STAND_IN} {name} "$@"\n')
        (place / name).chmod(0o755)

    def run(name: str, *edits: tuple[str, str]) -> int:
        code = SCRIPTS[name]
        for before, after in edits:
            assert before in code
            code = code.replace(before, after)
        (tmp_path / name).write_text(code)
        path = os.pathsep.join([str(place), str(commands), str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, **QUICK, "GANTOOL_STEPS": STEPS, "GANTOOL_DEVICE": "cpu", "PATH": path}
        return subprocess.run(["sbatch", name], cwd=tmp_path, env=environment, check=False).returncode

    return run


def lives(log: Path) -> list[str]:
    """What each life of a job began with, and that it stopped, as its log has it."""
    found = re.findall(
        r"(begins anew|continuing \S+ after step \d+|stopped after step \d+|done: \S+?\.)", log.read_text()
    )
    return [re.sub(r"\d+", "N", word) for word in found]


def newest(run: Path) -> int:
    return int(folders.saves(run)[-1].name)


def test_a_job_whose_time_is_up_is_saved_and_goes_on(tmp_path, job):
    code = job("train.sbatch", ("--preset fast", "--preset smoke"))
    log = tmp_path / "4000.log"
    assert code == 0, log.read_text()
    run = "runs/horses"
    assert lives(log) == ["begins anew", "stopped after step N", f"continuing {run} after step N", f"done: {run}."]
    assert newest(tmp_path / run) == int(STEPS)


def test_an_array_trains_each_model_with_each_seed(tmp_path, job):
    code = job("array.sbatch", ("--array=0-3", "--array=1-2"))
    assert code == 0
    for index, run in ((1, "unit-0"), (2, "cyclegan-1")):
        log = (tmp_path / f"400{index}.log").read_text()
        assert newest(tmp_path / "runs" / run) == int(STEPS), log
        assert "stopped after step" in log


def test_several_tasks_train_together(tmp_path, job):
    code = job("gpus.sbatch", ("--preset fast", "--preset smoke"))
    log = (tmp_path / "4000.log").read_text()
    assert code == 0, log
    assert newest(tmp_path / "runs/horses") == int(STEPS)
    assert "processes: 2" in (tmp_path / "runs/horses" / folders.SETTINGS).read_text()
    assert log.count("stopped after step") == 2, "each task ends in order"
    assert log.count("begins anew") == 1, "one of them speaks"


def test_every_script_of_the_page_is_run_here():
    assert set(SCRIPTS) == {"train.sbatch", "array.sbatch", "gpus.sbatch"}
