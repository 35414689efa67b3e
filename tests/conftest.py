"""What all tests share: small folders of real-looking pictures, and a process to run gantool in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from tests import warm


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Two threads on a busy machine are slower than one, and sums in another order are not the same bytes."""
    torch.set_num_threads(1)


def draw(folder: Path, count: int, *, seed: int, size: int = 40, suffix: str = ".png") -> Path:
    """A folder of pictures that differ: a shape of random place and colour on a random background."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for index in range(count):
        background, shape = (tuple(int(v) for v in rng.integers(0, 256, 3)) for _ in range(2))
        picture = Image.new("RGB", (size, size), background)
        x, y = (int(v) for v in rng.integers(0, size // 2, 2))
        pen = ImageDraw.Draw(picture)
        (pen.ellipse if seed % 2 else pen.rectangle)((x, y, x + size // 2, y + size // 2), fill=shape)
        picture.save(folder / f"{index:02d}{suffix}")
    return folder


def draw_ids(folder: Path, count: int, *, seed: int, size: int = 40, classes: int = 4, first: int = 0) -> Path:
    """A folder of maps of ids, 16-bit: random rectangles of `classes` values from `first` on."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for index in range(count):
        ids = np.full((size, size), first, np.uint16)
        for value in range(1, classes):
            x, y = (int(v) for v in rng.integers(0, size // 2, 2))
            ids[y : y + size // 3, x : x + size // 2] = first + value
        Image.fromarray(ids).save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture
def pictures(tmp_path) -> tuple[Path, Path]:
    """Two folders of six and eight pictures, 40 x 40."""
    return draw(tmp_path / "trainA", 6, seed=1), draw(tmp_path / "trainB", 8, seed=2)


@pytest.fixture
def install_plugin(tmp_path, monkeypatch) -> Callable[[str, str], Path]:
    """For this process, lays a plugin out as pip would: (name, "module:Class"). Gives the folder for its module."""

    def install(name: str, target: str) -> Path:
        site = tmp_path / "site"
        facts = site / f"gantool_{name}-1.0.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: gantool-{name}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[gantool.models]\n{name} = {target}\n")
        monkeypatch.syspath_prepend(str(site))
        return site

    return install


TINY = ("width=4", "blocks=1", "d_width=4", "d_layers=1")
"""Options of the smallest CycleGAN that is still one."""

TRAIN_TINY = [
    "--size",
    "36",
    "--crop",
    "32",
    "--workers",
    "0",
    *(word for option in TINY for word in ("--set", option)),
]
"""Flags for `gantool train cyclegan` with it."""


@pytest.fixture(scope="session")
def commands(tmp_path_factory) -> Iterator[Path]:
    """A folder for PATH: its `gantool` is a process of its own that need not import torch."""
    with warm.commands(tmp_path_factory.mktemp("commands")) as folder:
        yield folder


@pytest.fixture
def gantool(commands, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `gantool WORDS...` in tmp_path."""

    def run(*words: str | Path, code: int | None = 0, env: dict[str, str] | None = None, **more):
        done = subprocess.run(
            [commands / "gantool", *map(str, words)],
            cwd=more.pop("cwd", tmp_path),
            capture_output=True,
            text=more.pop("text", True),
            env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
            check=False,
            **more,
        )
        assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    return run


@pytest.fixture
def main(tmp_path, monkeypatch, capfd) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in this process: (exit code, stdout, stderr). Faster than a process where nothing depends on
    one.
    """
    from gantool.cli.main import main as run_main

    def run(*words: str | Path, code: int | None = 0) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        capfd.readouterr()
        try:
            run_main([str(word) for word in words])
            found = 0
        except SystemExit as end:
            found = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        out, err = capfd.readouterr()
        assert code is None or found == code, (found, out, err)
        return found, out, err

    return run


def words(text: str) -> Sequence[str]:
    """A line as its words, whatever the spaces."""
    return text.split()
