"""Commands whose results nobody reads any more: `gantool ... | head -1`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.runs import untrained
from tests.translation.small_models import noise


@pytest.fixture
def unread(commands, tmp_path):
    """Runs `gantool WORDS...` with a stdout whose reader has gone: (exit code, stderr)."""

    def run(*words: str | Path) -> tuple[int, str]:
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "wb") as out:
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            done = subprocess.run(
                [commands / "gantool", *map(str, words)],
                cwd=tmp_path,
                env=environment,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        return done.returncode, done.stderr

    return run


@pytest.mark.parametrize("words", [["models"], ["models", "--json"], ["--version"], ["-h"], ["sample", "-h"]])
def test_a_verb_ends_quietly_as_sigpipe_would_end_it(unread, words):
    assert unread(*words) == (141, "")


def test_a_translation_stops_between_whole_files_and_goes_on_next_time(unread, main, tmp_path):
    weights = untrained(tmp_path / "run")
    (tmp_path / "in").mkdir()
    for number in range(9):
        Image.fromarray(noise(16, 16, seed=number)).save(tmp_path / f"in/{number}.png")
    words = ("translate", "-m", weights, "in", "out", "-q", "--print", "--jobs", "1")
    assert unread(*words) == (141, "")
    made = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert 0 < len(made) < 9
    left = main(*words)[1].splitlines()
    assert len(left) + len(made) == 9
    assert all((tmp_path / "out" / name).read_bytes() == data for name, data in made.items())


def test_a_training_goes_on(unread, pictures, tmp_path):
    settings = ("--size", "36", "--crop", "32", "--workers", "0", "--steps", "1", "-q")
    tiny = [word for name in ("width", "d_width") for word in ("--set", f"{name}=4")]
    tiny += [word for name in ("blocks", "d_layers") for word in ("--set", f"{name}=1")]
    assert unread("train", "cyclegan", *pictures, "-o", "run", "--json", *settings, *tiny) == (0, "")
    assert (tmp_path / "run/checkpoints/00000001").is_dir()
