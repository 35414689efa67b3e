"""One training a run folder at a time, and folders of their own for trainings that name none."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path

import pytest

from gantool.errors import UsageError
from gantool.report.console import Console
from gantool.runs import folders, lock
from gantool.training import session
from gantool.training.request import Request, plan
from tests.conftest import TINY_CYCLEGAN, TRAIN_TINY
from tests.training.helpers import is_held

SECOND = "error: another training is at work in run: wait until it ends, or choose -o ANOTHER_FOLDER\n"


def train(*words: str) -> list[str]:
    return ["train", "cyclegan", "trainA", "trainB", *words, *TRAIN_TINY]


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return
    raise AssertionError("".join(said))


def request(pictures: tuple[Path, Path], out: Path | None = None, steps: int = 1) -> Request:
    settings = {"size": 36, "crop": 32, "workers": 0, "steps": steps}
    return Request("cyclegan", pictures, out, settings=settings, set=TINY_CYCLEGAN)


def silent() -> Console:
    return Console(verbosity=-1, progress="none")


def test_a_second_training_is_refused_until_the_first_is_killed(tmp_path, pictures, launch, gantool):
    first = launch(*train("-o", "run", "--steps", "100000", "--save-every", "50000", "--json"))
    wait_for(first, '"event": "step"')
    settings = (tmp_path / "run/run.yaml").read_bytes()
    assert is_held(tmp_path / "run")
    # There is no save yet: to begin anew and to continue are the same, but for the settings that the run remembers.
    for words in ([], ["--resume"]):
        assert gantool(*train("-o", "run", "--steps", "2", *words), code=2).stderr.endswith(SECOND)
    assert (tmp_path / "run/run.yaml").read_bytes() == settings
    assert first.poll() is None, "the first goes on"

    first.send_signal(signal.SIGKILL)
    assert first.stdout is not None
    first.stdout.read()
    assert first.wait() == -signal.SIGKILL
    assert not is_held(tmp_path / "run")
    assert "done: run" in gantool(*train("-o", "run", "--steps", "2", "--resume")).stderr
    # It begins anew with what its run.yaml says: a save is due after 50000 steps, and at the end.
    assert [int(save.name) for save in folders.saves(tmp_path / "run")] == [2]


def test_processes_that_train_together_are_refused_together(tmp_path, pictures, both):
    (tmp_path / "run").mkdir()
    with lock.held(tmp_path / "run"):
        processes = both(*train("-o", "run", "--steps", "2"))
        for process in processes:
            said, _ = process.communicate()
            assert (process.returncode, said) == (2, SECOND)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]


def test_the_lock_is_free_again_after_any_end(tmp_path):
    assert not is_held(tmp_path)

    def fails() -> None:
        with lock.held(tmp_path):
            assert is_held(tmp_path)
            raise RuntimeError("an end")

    with pytest.raises(RuntimeError, match="an end"):
        fails()
    assert not is_held(tmp_path)
    with lock.held(tmp_path), pytest.raises(UsageError, match=r"another training is at work in .*out=ANOTHER_FOLDER$"):
        lock.held(tmp_path).__enter__()


def test_a_training_that_was_planned_before_another_one_saved_does_not_begin(tmp_path, pictures):
    one, other = (plan(request(pictures, tmp_path / "run", steps)) for steps in (1, 2))
    session.start(one, silent())
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match=r"saved step 1 in .* meanwhile: start again"):
        session.start(other, silent())
    assert {path: path.read_bytes() for path in before} == before


def test_two_trainings_that_start_together_get_a_folder_each(tmp_path, pictures, launch):
    both = [launch(*train("--steps", "1")) for _ in range(2)]
    for process in both:
        said, _ = process.communicate()
        assert process.returncode == 0, said
    assert [path.name for path in sorted((tmp_path / "runs/cyclegan").iterdir())] == ["001", "002"]
    for run in (tmp_path / "runs/cyclegan").iterdir():
        assert len(folders.saves(run)) == 1


def test_plans_of_the_same_free_folder_train_into_two(tmp_path, pictures, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plans = [plan(request(pictures)) for _ in range(2)]
    assert [each.folder.name for each in plans] == ["001", "001"]
    assert not Path("runs").exists(), "a plan touches nothing"
    assert [session.start(each, silent()).name for each in plans] == ["001", "002"]


def test_each_of_many_gets_the_next_free_folder(tmp_path):
    for name in ("002", "010", "horses"):
        (tmp_path / "munit" / name).mkdir(parents=True)
    begin = threading.Barrier(16)
    made: list[Path] = []

    def make() -> None:
        begin.wait()
        made.append(folders.make_run("munit", tmp_path))

    threads = [threading.Thread(target=make) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in made) == [f"{number:03d}" for number in range(11, 27)]
    assert all(path.is_dir() for path in made)
    assert folders.next_run("munit", tmp_path).name == "027"
