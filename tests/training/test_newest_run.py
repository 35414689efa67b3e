"""Which run a model's name means: never a demo, and one that broke at once only where there is no other."""

from __future__ import annotations

import os

import pytest

from gantool.errors import CheckpointError
from gantool.runs import folders
from gantool.runs.find import find_weights, newest_run
from tests.runs import untrained


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A finished run, and a newer one."""
    monkeypatch.chdir(tmp_path)
    for name, time in (("001", 100), ("002", 200)):
        os.utime(untrained(folders.RUNS / "cyclegan" / name), (time, time))
    return folders.RUNS / "cyclegan"


def test_the_newest_is_meant(runs):
    assert newest_run("cyclegan") == runs / "002"


def test_one_that_stopped_early_is_not(runs):
    folders.set_aside(runs / "002", folders.STOPPED_EARLY)
    assert newest_run("cyclegan") == runs / "001"
    assert newest_run("cyclegan", stopped_early=True) == runs / "002", "it is the one to continue"
    folders.set_aside(runs / "001", folders.STOPPED_EARLY)
    assert newest_run("cyclegan") == runs / "002", "there is no other"


def test_a_demo_is_not_wherever_it_lies(runs):
    folders.set_aside(runs / "002", folders.DEMO)
    assert newest_run("cyclegan", stopped_early=True) == runs / "001"
    folders.set_aside(runs / "002", None)
    assert newest_run("cyclegan") == runs / "001", "a demo stays one"
    folders.set_aside(runs / "001", folders.DEMO)
    with pytest.raises(CheckpointError, match="there is no run of cyclegan"):
        find_weights("cyclegan", ("cyclegan",))


def test_the_newer_one_that_is_passed_over_is_named(runs, main, tmp_path):
    folders.set_aside(runs / "002", folders.STOPPED_EARLY)
    err = main("translate", "--model", "cyclegan", "nowhere", "out", code=3)[2]
    assert "002 is newer, but stopped before its first save was due" in err


def test_the_demo_is_no_run_of_its_model(main, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = untrained(folders.RUNS / "cyclegan" / "001")
    main("demo", "--steps", "1")
    assert folders.saves(folders.RUNS / "demo" / "001")
    assert find_weights("cyclegan", ("cyclegan",)) == own
    main("demo", "--steps", "1", "-o", "runs/mine")
    assert find_weights("cyclegan", ("cyclegan",)) == own
    err = main("demo", "--steps", "1", "-o", "runs/cyclegan/001", code=2)[2]
    assert "has a save" in err
    assert folders.aside(folders.RUNS / "cyclegan" / "001") is None
