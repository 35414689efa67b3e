"""Inputs that are no plain pictures: each is one line, and the others are translated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantool.translation.naming import part_of_name
from tests.conftest import TRAIN_TINY, draw
from tests.runs import untrained

ODD = os.fsdecode(b"caf\xe9")
FORGED = "a\x1b[2J\nerror: forged"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "tiny"
    untrained(folder)
    return folder


def test_links_pipes_and_folders_among_pictures_are_named_and_the_rest_is_done(main, tmp_path, run):
    draw(tmp_path / "in", 2, seed=1)
    os.mkfifo(tmp_path / "in" / "pipe.png")
    (tmp_path / "in" / "self.png").symlink_to("self.png")
    (tmp_path / "in" / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "in" / "up").symlink_to("..")
    (tmp_path / "in" / "notes.txt").touch()
    _, _, said = main("translate", "-m", run, "in", "out", code=1)
    for name, why in (("pipe", "it is a pipe"), ("self", "Too many levels"), ("gone", "No such file")):
        assert f"error: cannot read in/{name}.png: {why}" in said
    assert "passed over 1 .txt" in said
    assert "2 written, 3 failed" in said
    assert main("translate", "-m", run, "in/pipe.png", "x.png", code=3)[2].count("\n") == 1
    (tmp_path / "list").write_text("in/00.png\nin\nnowhere.png\n")
    _, _, said = main("translate", "-m", run, "@list", "-o", "listed", code=1)
    assert "cannot read in: it is a folder, not a file" in said
    assert "1 written, 2 failed" in said


def test_types_that_are_passed_over_are_an_event_for_programs(main, tmp_path, run):
    draw(tmp_path / "in", 1, seed=1)
    for name in ("a.psd", "b.psd", "c"):
        (tmp_path / "in" / name).touch()
    _, out, said = main("translate", "-m", run, "in", "out", "--json", "-q")
    events = [json.loads(line) for line in out.splitlines()]
    assert {"event": "passed_over", "types": {".psd": 2, "without extension": 1}} in events
    assert said == ""


def test_what_cannot_be_seen_in_names_is_written_out(main, tmp_path, run):
    draw(tmp_path / "in", 1, seed=1)
    (tmp_path / "in" / f"{FORGED}.png").write_bytes(b"no picture")
    (tmp_path / "in" / f"{ODD}.png").write_bytes(b"no picture")
    _, _, said = main("translate", "-m", run, "in", "out", code=1)
    assert "\u202e" not in said
    assert not any(line.startswith("error: forged") for line in said.splitlines())
    assert r"in/a\x1b[2J\nerror: forged.png" in said
    assert r"in/caf\xe9.png" in said
    _, out, _ = main("translate", "-m", run, "in", "elsewhere", "--dry-run")
    assert len(out.splitlines()) == 3
    assert r"in/caf\xe9.png -> elsewhere/caf\xe9.png" in out


def test_nul_separates_the_names_of_results_where_lists_have_it(gantool, tmp_path, run):
    (tmp_path / "in").mkdir()
    for name in ("a\nb.png", f"{ODD}.png"):
        Image.new("RGB", (40, 40), (200, 10, 10)).save(tmp_path / "in" / name)
    content = b"in/a\nb.png\0" + os.fsencode(f"in/{ODD}.png") + b"\0"
    words = ("translate", "-m", run, "@-", "-o", "out", "-q", "--print", "-0")
    printed = gantool(*words, input=content, text=False).stdout.split(b"\0")
    assert set(printed) == {b"out/in/a\nb.png", os.fsencode(f"out/in/{ODD}.png"), b""}
    assert all((tmp_path / os.fsdecode(name)).exists() for name in printed)


def test_results_of_oddly_named_domains_have_plain_names(main, tmp_path):
    untrained(tmp_path / "run", "stargan", ("cat", "d\u202eog", ODD), width=4, blocks=1, d_width=4, d_layers=3)
    draw(tmp_path / "in", 1, seed=1)
    _, _, said = main("translate", "-m", "run", "in", "out", "--to", "all")
    assert "\x1b" not in said
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "00.cat.png",
        "00.d%E2%80%AEog.png",
        f"00.{ODD}.png",
    }
    _, out, _ = main("info", "run")
    assert r"d\u202eog" in out
    assert "\u202e" not in out
    assert part_of_name("a/b\u202ec") == "a%2Fb%E2%80%AEc"


def test_names_that_are_no_text_are_trained_on_and_continued(main, tmp_path):
    a, b = draw(tmp_path / ODD, 3, seed=1), draw(tmp_path / "B", 3, seed=2)
    (a / "00.png").rename(a / f"{ODD}\n.png")
    (tmp_path / "B" / "photo.psd").touch()
    _, _, said = main("train", "cyclegan", a, b, "-o", "run", *TRAIN_TINY, "--steps", "1")
    assert "passed over 1 .psd" in said
    assert r"caf\xe9: 3, B: 3 pictures" in said
    main("train", "cyclegan", "-o", "run", "--resume", "--steps", "2", "-q")
    _, out, said = main("data", "check", a, b)
    assert "passed over 1 .psd" in said
    assert r"caf\xe9" in out
    assert "passed over 1 .psd" in main("eval", a, b)[2]


def test_a_name_that_is_too_long_is_named_and_the_others_are_done(main, tmp_path, run):
    draw(tmp_path / "in", 1, seed=1)
    clear = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 4), dtype=np.uint8))
    clear.save(tmp_path / "in" / ("b" * 250 + ".png"))
    (tmp_path / "in" / ("b" * 250 + ".png")).rename(tmp_path / "in" / ("b" * 251 + ".jpg"))
    _, _, said = main("translate", "-m", run, "in", "out", "--suffix", "_cc", code=1)
    assert "1 written, 1 failed" in said
    (tmp_path / "list").write_text("in/00.png\n" + "q" * 300 + ".png\n" + "q" * 5000 + "/x.png\n")
    _, _, said = main("translate", "-m", run, "@list", "-o", "listed", code=1)
    assert "1 written, 2 failed" in said
    assert "File name too long" in said


@pytest.mark.parametrize("flag", ["--memory", "--shard", "--size", "--max-pixels"])
def test_a_number_of_thousands_of_digits_is_one_line(main, tmp_path, run, flag):
    draw(tmp_path / "in", 1, seed=1)
    digits = "9" * 5000 + ("/1" if flag == "--shard" else "")
    said = main("translate", "-m", run, "in", "out", flag, digits, code=2)[2]
    assert "Traceback" not in said
    assert max(map(len, said.splitlines())) < 250


def test_streams_that_are_closed(tmp_path, run):
    """A service may run without stdin, stdout and stderr. Real processes: those of the fixture have all three."""
    draw(tmp_path / "in", 1, seed=1)

    def shell(line: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "M": str(run)}
        line = line.replace("gantool", f"{sys.executable} -m gantool", 1)
        return subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, env=env, check=False)

    for line in ('gantool translate -m "$M" - <&-', 'gantool translate -m "$M" @- -o out <&-'):
        done = shell(line)
        assert (done.returncode, done.stderr) == (3, "error: there is no stdin: it is closed. Name a file\n"), line
    assert shell('gantool translate -m "$M" in out <&- >&- 2>&-').returncode == 0
    assert Image.open(tmp_path / "out" / "00.png").size == (40, 40)
    for asks in ("--print", "--json"):  # refused before the picture is written
        done = shell(f'gantool translate -m "$M" in unwritten {asks} >&-')
        assert (done.returncode, done.stderr) == (3, "error: there is no stdout: it is closed\n")
        assert not (tmp_path / "unwritten").exists()
    done = shell("gantool models >&-")
    assert (done.returncode, done.stderr) == (3, "error: there is no stdout: it is closed\n")
    assert shell("gantool nothing 2>&-").returncode == 2
    done = shell('gantool translate -m "$M" - 0>nothing')
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


def test_names_for_a_stdout_that_is_closed_are_one_line(main, run, tmp_path, monkeypatch):
    draw(tmp_path / "in", 1, seed=1)
    monkeypatch.setattr(sys, "stdout", None)  # as Python starts without one
    _, _, err = main("translate", "-q", "-m", run, "in", "out", "--print", code=3)
    assert err == "error: there is no stdout: it is closed\n"


def test_a_narrow_encoding_of_stdout_ends_nothing(gantool, tmp_path, run):
    (tmp_path / "in").mkdir()
    for name in ("é図.png", f"{ODD}.png"):
        Image.new("RGB", (40, 40)).save(tmp_path / "in" / name)
    done = gantool("translate", "-m", run, "in", "out", "--dry-run", env={"PYTHONIOENCODING": "ascii"})
    assert r"in/\xe9\u56f3.png -> " in done.stdout
    assert sys.getfilesystemencoding() == "utf-8"
