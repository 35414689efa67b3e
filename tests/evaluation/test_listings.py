"""A folder of pictures may hold a million: each is listed once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import draw
from tests.runs import untrained

NAMES = ("blue", "green", "red")

_listed: list[str] = []
_listening = False


def _hear(event: str, given: tuple[object, ...]) -> None:
    if _listening and event == "os.scandir":
        _listed.append(str(given[0]))


sys.addaudithook(_hear)  # nobody can remove one


@contextmanager
def listed() -> Iterator[list[str]]:
    """Inside, the list gathers every folder that is listed, as often as it is."""
    global _listening
    _listed.clear()
    _listening = True
    try:
        yield _listed
    finally:
        _listening = False


@pytest.fixture
def root(tmp_path) -> Path:
    for split in ("val", "train"):
        for seed, name in enumerate(NAMES):
            draw(tmp_path / split / name, 2, seed=seed, size=16)
    return tmp_path


def test_two_folders_are_listed_once(main, root):
    with listed() as found:
        main("eval", "val/blue", "val/red")
    assert Counter(found) == {"val/blue": 1, "val/red": 1}


def test_the_folders_of_domains_are_listed_once_for_all_directions(main, root):
    run = untrained(root / "run", "stargan", NAMES, width=4, blocks=1, d_width=4, d_layers=3)
    (root / "val/red/notes.heic2").touch()
    with listed() as found:
        err = main("eval", "-m", run, "val", "train")[2]
    below = [one for one in found if one.startswith(("val/", "train/"))]
    assert Counter(below) == {f"{split}/{name}": 1 for split in ("val", "train") for name in NAMES}
    assert "passed over 1 .heic2" in err
    (root / "train/red/00.png").rename(root / "train/blue/09.png")
    (root / "train/red/01.png").rename(root / "train/blue/10.png")
    assert "error: train/red holds no picture" in main("eval", "-m", run, "val", "train", code=3)[2]
