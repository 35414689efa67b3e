"""Ctrl-C in verbs that have nothing to go on with later: exit code 130, one line, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.conftest import draw
from tests.runs import untrained

LONG = {
    "eval": "eval in other --intervals",
    "a model": "eval --model run in other",
    "compare": "compare one=run two=run in other -o page.html",
    "a sheet of noise": "sample --model noise --grid 100x100 sheet.png",
    "a way": "sample interpolate --model noise --seeds 0,1 --steps 9999 way.gif",
    "a sheet": "translate --model run in sheet.png --grid",
    "a page": "export --model run page.html",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, trained):
    folder = tmp_path_factory.mktemp("interrupted")
    draw(folder / "in", 60, seed=1)
    (folder / "other").symlink_to(folder / "in")
    (folder / "noise").symlink_to(trained("dcgan"))
    untrained(folder / "run")
    return folder


@pytest.mark.parametrize("verb", LONG)
def test_a_verb_that_is_stopped_says_so_and_leaves_nothing(commands, folder, tmp_path, verb):
    before, temporary = set(folder.rglob("*")), tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [commands / "gantool", *LONG[verb].split()],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    begun = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, (begun, out, err)
    assert begun.split()[0] not in ("error:", "Traceback")
    assert not [word for word in ("Traceback", "error") if word in err], err
    *_, last = err.splitlines()
    assert last == ("stopped" if LONG[verb].startswith("sample") else "stopped: nothing was written")
    assert err.count("stopped") == 1
    assert set(folder.rglob("*")) == before
    assert [path for path in temporary.rglob("*") if "gantool" in path.name] == []
