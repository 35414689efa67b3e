"""`gantool translate --jobs`: real processes, one outcome."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.conftest import draw
from tests.runs import TINY_CYCLEGAN, untrained

MEETING = '''
import os
from gantool_cyclegan import CycleGAN

met = []

class Meeting(CycleGAN):
    """Where MEETING names a folder, two processes translate their first pictures at the same time."""

    def translate(self, images, **more):
        if (place := os.environ.get("MEETING")) and not met:
            met.append(True)
            try:
                os.close(os.open(f"{place}/first", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                open(f"{place}/pipe", "w").close()
            else:
                open(f"{place}/pipe").close()
        return super().translate(images, **more)
'''


@pytest.fixture
def run(tmp_path, install_plugin) -> Path:
    """Random weights of a model that is a plugin, in a folder that is on the path of this process alone."""
    (install_plugin("meeting", "meeting:Meeting") / "meeting.py").write_text(MEETING)
    untrained(tmp_path / "run", "meeting", **TINY_CYCLEGAN)
    return tmp_path / "run"


def said(out: str) -> list[dict[str, object]]:
    """What was said of each picture, without times and folders."""
    events = map(json.loads, out.splitlines())
    kept = ("event", "in", "size_out", "strips", "sha256", "error", "written", "failed")
    return [{name: event.get(name) for name in kept} for event in events if event["event"] != "files"]


def test_two_processes_write_and_say_what_one_does(main, run, tmp_path, monkeypatch):
    draw(tmp_path / "in", 5, seed=1)
    (tmp_path / "in/02x.png").write_bytes(b"no picture")
    _, out, _ = main("translate", "--model", run, "in", "one", "--jobs", "1", "--json", code=1)
    monkeypatch.setenv("MEETING", str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    _, other, err = main("translate", "--model", run, "in", "two", "--jobs", "2", "--memory", "3M", "--json", code=1)
    assert said(other) == said(out)
    assert [event["event"] for event in said(out)] == ["file"] * 3 + ["failed"] + ["file"] * 2 + ["done"]
    assert "on cpu, 2 processes: 6 to do" in err
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == [f"0{number}.png" for number in range(5)]
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (("in", "grid.png", "--grid"), "leave out --jobs"),
        (("in", "out", "--batch", "2"), "leave out it or --jobs"),
        (("in", "out", "--device", "cuda"), "--jobs is for CPUs"),
    ],
)
def test_several_jobs_are_refused_where_they_say_nothing(main, run, tmp_path, words, refused):
    draw(tmp_path / "in", 1, seed=1)
    _, _, err = main("translate", "--model", run, *words, "--jobs", "2", code=2)
    assert refused in err
    assert not (tmp_path / "out").exists()
