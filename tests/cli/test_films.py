"""`gantool translate` with films, and with raw frames in a pipe."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantool.films import joining, names, parts
from tests.films.small import film, moments, only_sound, packets_of_sound
from tests.runs import untrained
from tests.translation.small_models import noise


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return untrained(tmp_path_factory.mktemp("films") / "run").parents[2]


def events(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_film_becomes_a_film(main, run, tmp_path):
    film(tmp_path / "a.mp4", uneven=True)
    err = main("translate", "-m", run, "a.mp4", "b.mp4")[2]
    assert "frames 30/" in err
    assert "wrote b.mp4" in err
    assert moments(tmp_path / "b.mp4") == moments(tmp_path / "a.mp4")
    assert packets_of_sound(tmp_path / "b.mp4") == packets_of_sound(tmp_path / "a.mp4")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert main("translate", "-m", run, "a.mp4", "b.mp4", code=2)[2].count("exists already") == 1


def test_films_of_a_folder_come_behind_its_pictures(main, run, tmp_path):
    film(tmp_path / "in/deep/a.mkv", 3, sound="")
    film(tmp_path / "in/b.flv", 3, sound="")
    Image.fromarray(noise(36, 40)).save(tmp_path / "in/c.png")
    (tmp_path / "in/d.mp4").write_bytes(b"no film")
    only_sound(tmp_path / "in/e.mp4")
    _, out, err = main("translate", "-m", run, "in", "out", "--json", code=1)
    found = [event for event in events(out) if event["event"] in ("file", "failed")]
    assert next(Path(event["in"]).name for event in found) == "c.png"
    assert {Path(event["out"]).name: event["frames"] for event in found if "out" in event} == {
        "c.png": 1,
        "a.mkv": 3,
        "b.mp4": 3,
    }
    assert "d.mp4: it is damaged, or no film" in err
    assert "e.mp4: it holds sound and no frames" in err
    assert events(main("translate", "-m", run, "in", "out", "--json", code=1)[1])[-1]["skipped"] == 3


def test_a_stopped_film_goes_on_and_is_the_same(main, run, tmp_path, monkeypatch):
    film(tmp_path / "a.mp4", 60, uneven=True)
    words = ("translate", "-m", run, "a.mp4", "--every", "2", "--start", "0:00.1")
    main(*words, "whole.mp4")
    real = parts.write

    def full(folder, number, *more):
        if number == 1:
            raise KeyboardInterrupt
        real(folder, number, *more)

    with monkeypatch.context() as patched:
        patched.setattr(parts, "write", full)
        main(*words, "b.mp4", code=130)
    assert not (tmp_path / "b.mp4").exists()
    err = main(*words, "b.mp4")[2]
    assert "goes on after 24 frames" in err
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    at = moments(tmp_path / "a.mp4")
    first = next(number for number, moment in enumerate(at) if moment >= 0.1)
    made = moments(tmp_path / "b.mp4")
    assert [moment - made[0] for moment in made] == [moment - at[first] for moment in at[first::2]]
    assert abs(made[0] - at[first] + Fraction(1, 10)) < 0.001  # in mp4 a film's beginning is told in milliseconds


def test_a_damaged_part_is_made_again_with_those_behind_it(main, run, tmp_path, monkeypatch):
    film(tmp_path / "a.mp4", 60, sound="")
    words = ("translate", "-m", run, "a.mp4")
    main(*words, "whole.mp4")
    with monkeypatch.context() as patched:
        patched.setattr(joining, "join", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        main(*words, "b.mp4", code=130)
    _, second, last = parts.paths(parts.folder_for(tmp_path / "b.mp4"))
    data = second.read_bytes()
    second.write_bytes(data[:-200] + b"\0" + data[-199:])  # one byte, amid a frame
    last.write_bytes(b"")
    err = main(*words, "b.mp4")[2]
    assert err.count("a.mp4: part 2 of what was translated before is damaged: it is made again") == 1
    assert "goes on after 24 frames" in err
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_one_style_for_all_frames(main, trained, tmp_path):
    film(tmp_path / "a.mp4", 2, (64, 64), sound="")
    main("translate", "-m", trained("munit"), "a.mp4", "out", "--to", "B", "-n", "2", "--save-styles")
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == ["a.s1.mp4", "a.s1.npy", "a.s2.mp4", "a.s2.npy"]
    main("translate", "-m", trained("munit"), "a.mp4", "again.mp4", "--to", "B", "--style", "out/a.s2.npy")
    assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "out/a.s2.mp4").read_bytes()


def test_odd_sides_and_early_ends_are_said(main, run, tmp_path):
    film(tmp_path / "a.mp4", 2, (41, 37), colours="yuv444p", sound="")
    err = main("translate", "-m", run, "a.mp4", "b.mp4")[2]
    assert "41x37 has an odd side" in err
    assert "--size 40x36 makes" in err
    assert "odd side" not in main("translate", "-m", run, "a.mp4", "c.mp4", "--size", "40x36")[2]
    long = film(tmp_path / "long.mkv", 100, sound="").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(long[: len(long) // 2])
    assert "its last frame is at 0:0" in main("translate", "-m", run, "cut.mkv", "d.mp4", "--every", "10")[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.mp4", "b.png"], "a film is written as mp4"),
        (["a.mp4", "-"], "name OUT. Raw frames go to stdout, by --raw"),
        (["p.png", "b.mp4"], "pictures cannot be written as 'mp4'"),
        (["p.png", "b.png", "--every", "2"], "p.png is no film: leave out --every"),
        (["a.mp4", "grid.png", "--grid"], "a.mp4 is a film: leave out --grid"),
        (["a.mp4", "b.mp4", "--start", "9", "--stop", "3"], "--stop is later than the start"),
        (["a.mp4", "b.mp4", "--start", "soon"], "--start is seconds or h:m:s"),
        (["a.mp4", "--raw", "40x36"], "the one word is -"),
        (["-", "--raw", "40x36", "--ext", "png"], "leave out --ext"),
        (["in", "out", "--watch", "--raw", "40x36"], "the one word is -"),
    ],
)
def test_what_does_not_fit_is_refused(main, run, tmp_path, words, said):
    (tmp_path / "a.mp4").touch()
    Image.fromarray(noise(36, 40)).save(tmp_path / "p.png")
    assert said in main("translate", "-m", run, *words, code=2)[2]


def test_a_part_without_frames_is_said(main, run, tmp_path):
    film(tmp_path / "a.mp4", 5, sound="")
    assert "a.mp4 has no frame in the part" in main("translate", "-m", run, "a.mp4", "b.mp4", "--start", "9", code=3)[2]


def test_without_the_package_there_is_one_line(main, run, tmp_path, monkeypatch):
    monkeypatch.setattr(names, "installed", lambda: False)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.mp4").touch()
    for word in ("in", "in/a.mp4"):
        err = main("translate", "-m", run, word, "out", code=2)[2]
        assert err == 'error: translating films needs: pip install "gantool[video]"\n'
    Image.fromarray(noise(36, 40)).save(tmp_path / "in/p.png")
    assert 'pip install "gantool[video]" translates .mp4' in main("translate", "-m", run, "in", "out")[2]


def test_raw_frames_go_through_a_pipe(main, gantool, run, tmp_path):
    frames = [noise(36, 40, seed=seed) for seed in range(3)]
    (tmp_path / "in").mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"in/{number}.png")
    main("translate", "-m", run, "in", "out")
    given = b"".join(frame.tobytes() for frame in frames)

    def piped(data: bytes, code: int = 0) -> tuple[bytes, str]:
        done = gantool("translate", "-m", run, "--raw", "40x36", "-", input=data, text=False, code=code)
        return done.stdout, done.stderr.decode()

    made = np.frombuffer(piped(given)[0], np.uint8).reshape(3, 36, 40, 3)
    for number in range(3):
        assert (made[number] == np.asarray(Image.open(tmp_path / f"out/{number}.png"))).all()
    out, err = piped(given[:-7], 3)
    assert len(out) == 2 * 36 * 40 * 3
    assert "ends within frame 3, 4313 of 4320 bytes of which came: do the frames have the size of --raw 40x36" in err
    assert "no frame" in piped(b"", 3)[1]
