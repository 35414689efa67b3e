"""`gantool translate --watch`, in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from gantool.translation.request import Request, fitting, plan
from tests.runs import untrained
from tests.translation.small_models import noise


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return untrained(tmp_path_factory.mktemp("watch") / "run").parents[2]


def picture(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(36, 40, seed=seed)).save(path)
    return path


class Watched:
    """A living `gantool translate --watch in out --json`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def next(self, *kinds: str) -> dict:
        """The next event of these kinds; waits for it."""
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] in kinds:
                return event
        raise AssertionError(f"it ended with {self.process.wait()}: {self.process.stderr.read()}")

    def end(self, number: int = signal.SIGTERM) -> tuple[dict, int, str]:
        """Its last event, exit code and words."""
        self.process.send_signal(number)
        done = self.next("done")
        return done, self.process.wait(), self.process.stderr.read()


@pytest.fixture
def watched(commands, run, tmp_path) -> Iterator[Callable[..., Watched]]:
    started = []

    def start(*more: str) -> Watched:
        (tmp_path / "in").mkdir(exist_ok=True)
        words = [commands / "gantool", "translate", "-m", run, "--watch", "in", "out", "--json", *more]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        started.append(
            subprocess.Popen(
                words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        return Watched(started[-1])

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_what_is_there_and_what_arrives(watched, tmp_path):
    picture(tmp_path / "in/first.png")
    picture(tmp_path / "in/done.png", 1)
    (tmp_path / "out").mkdir()
    picture(tmp_path / "out/done.png", 2)
    before = (tmp_path / "out/done.png").read_bytes()
    watch = watched()
    assert watch.next("skipped")["in"] == "in/done.png"
    assert watch.next("file")["out"] == "out/first.png"

    # Renamed into place, also into a folder that is new.
    picture(tmp_path / "new/a.tif", 3)
    (tmp_path / "new").rename(tmp_path / "in/new")
    assert watch.next("file")["out"] == "out/new/a.tif"

    # Written slowly: half a file is not taken, nor named as broken.
    whole = picture(tmp_path / "b.png", 4).read_bytes()
    with (tmp_path / "in/b.png").open("wb") as slow:
        slow.write(whole[: len(whole) // 2])
        slow.flush()
        picture(tmp_path / "c.png", 5).rename(tmp_path / "in/c.png")
        assert watch.next("file", "failed")["in"] == "in/c.png"
        slow.write(whole[len(whole) // 2 :])
    assert watch.next("file", "failed")["in"] == "in/b.png"

    done, code, err = watch.end()
    assert (done["written"], done["skipped"], done["failed"], code) == (4, 1, 0, 0)
    assert "4 written, 1 skipped (their results exist), 0 failed" in err
    assert (tmp_path / "out/done.png").read_bytes() == before
    assert not list(tmp_path.rglob(".gantool-*"))


def test_a_broken_picture_is_named_once_and_counts_until_it_is_mended(watched, tmp_path):
    for name in ("one.png", "other.png"):
        (tmp_path / name).write_bytes(b"no picture")
    watch = watched()
    for name in ("one.png", "other.png"):
        (tmp_path / name).rename(tmp_path / "in" / name)
    assert {watch.next("file", "failed")["in"] for _ in range(2)} == {"in/one.png", "in/other.png"}
    picture(tmp_path / "good.png").rename(tmp_path / "in/good.png")
    assert watch.next("file", "failed")["in"] == "in/good.png"
    picture(tmp_path / "mended.png").rename(tmp_path / "in/one.png")
    assert watch.next("file", "failed")["out"] == "out/one.png"
    done, code, err = watch.end(signal.SIGINT)
    assert (done["written"], done["failed"], code) == (2, 1, 1)
    assert "1 of 3 failed: in/other.png" in err
    assert err.count("cannot read in/other.png") == 1


def test_a_file_that_does_not_go_with_the_rest_is_named_once_and_the_others_are_translated(watched, tmp_path):
    for name in ("mine", "other"):
        picture(tmp_path / f"out/{name}.png", 1)
    mine = (tmp_path / "out/mine.png").read_bytes()
    watch = watched("--newer")
    picture(tmp_path / "mine.png", 2).rename(tmp_path / "in/mine.png")
    failed = watch.next("file", "failed")
    assert (failed["event"], failed["in"]) == ("failed", "in/mine.png")
    assert "out/mine.png exists, and gantool did not write it" in failed["error"]
    for name in ("good", "better"):
        picture(tmp_path / f"{name}.png", 3).rename(tmp_path / f"in/{name}.png")
        assert watch.next("file", "failed")["out"] == f"out/{name}.png"
    assert (tmp_path / "out/mine.png").read_bytes() == mine
    done, code, err = watch.end()
    assert (done["written"], done["failed"], code) == (2, 1, 1)
    assert err.count("gantool did not write it") == 1
    assert "1 of 3 failed: in/mine.png" in err


def test_each_input_at_fault_is_left_out_of_what_is_watched(run, tmp_path):
    def planned(*words: str, **more) -> tuple[set[str], dict[str, str]]:
        folders = [str(tmp_path / word) for word in words]
        given = Request(model=str(run), inputs=tuple(folders[:-1]), output=folders[-1], watch=True, **more)
        found, unfit = fitting(plan(given, bytes))
        return {job.source.name for job in found.outputs.jobs}, {s.name: text for s, text in unfit.items()}

    one, film = picture(tmp_path / "in/one.png"), tmp_path / "in/film.mp4"
    film.touch()
    jobs, unfit = planned("in", "out", every=2)
    assert (jobs, list(unfit)) == ({str(film)}, [str(one)])
    assert "one.png is no film" in unfit[str(one)]

    # in/new/two.png would become out/new/two.png, which is an input itself.
    two, other = picture(tmp_path / "in/new/two.png"), picture(tmp_path / "out/new/two.png")
    jobs, unfit = planned("in", "out/new", "out")
    assert (jobs, list(unfit)) == ({str(film), str(one), str(other)}, [str(two)])
    assert "would be written over the input" in unfit[str(two)]


def test_what_cannot_be_watched_is_refused(main, run, tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "in").mkdir()
    for words, said in {
        ("a.png", "out"): "--watch watches folders, and a.png is none",
        ("in", "out", "--fail-existing"): "leave out --fail-existing",
        ("in", "-"): "name an output folder",
        ("in", "in"): "would meet its own results in in",
        ("absent", "out"): "absent is none",
    }.items():
        assert said in main("translate", "-m", run, "--watch", *words, code=2)[2]
