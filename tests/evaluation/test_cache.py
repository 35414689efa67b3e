"""Features that are known are not computed again, and are the same bytes; what is damaged or strange is computed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gantool.evaluation import cache
from gantool.evaluation.how import How
from gantool.evaluation.judges import Judges, load_judges
from gantool.evaluation.measure import measure

SHAPE = (3, 4)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """Where features are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "gantool" / "features"


class Counted:
    """Features (3, 4) of a seed, and how often they were computed."""

    def __init__(self, seed: int) -> None:
        self.seed, self.times = seed, 0

    def __call__(self) -> np.ndarray:
        self.times += 1
        return np.random.default_rng(self.seed).standard_normal(SHAPE).astype(np.float32)


def test_what_is_known_is_not_computed_again_and_every_part_of_the_name_counts(place):
    compute = Counted(1)
    of = {"pictures": "abc", "size": None, "network": ["f"]}
    first, again = (cache.remembered(of, SHAPE, compute) for _ in range(2))
    assert compute.times == 1
    assert first.tobytes() == again.tobytes() == Counted(1)().tobytes()
    for other in ({"pictures": "abe"}, {"size": 64}, {"network": ["g"]}):
        cache.remembered({**of, **other}, SHAPE, compute)
    assert compute.times == 4
    assert np.array_equal(np.load(next(place.glob("*.npy"))), first)  # anyone may read them


def test_a_file_that_is_damaged_or_not_of_its_name_is_written_anew(place):
    compute = Counted(1)
    expected = cache.remembered({"n": 1}, SHAPE, compute).tobytes()
    (file,) = place.glob("*.npy")
    whole = file.read_bytes()
    other = Counted(2)
    cache.remembered({"n": 2}, SHAPE, other)
    (second,) = set(place.glob("*.npy")) - {file}
    flipped = bytearray(whole)
    flipped[-40] ^= 1
    for wrong in (b"", b"short", whole[:-9], bytes(flipped), b"x" * len(whole), second.read_bytes()):
        file.write_bytes(wrong)
        assert cache.remembered({"n": 1}, SHAPE, compute).tobytes() == expected
        assert file.read_bytes() == whole
    assert compute.times == 7
    assert cache.remembered({"n": 1}, (3, 5), lambda: np.zeros((3, 5), np.float32)).shape == (3, 5)


def test_the_files_that_were_used_longest_ago_make_room(place, monkeypatch):
    for number in range(4):
        cache.remembered({"n": number}, SHAPE, Counted(number))
        (newest,) = [file for file in place.glob("*.npy") if file.stat().st_mtime > 1e9]
        os.utime(newest, (number, number))
    cache.remembered({"n": 0}, SHAPE, Counted(0))  # used now
    size = newest.stat().st_size
    monkeypatch.setattr(cache, "LARGEST", 3 * size)
    cache.remembered({"n": 4}, SHAPE, Counted(4))
    assert len(list(place.glob("*.npy"))) == 3
    left = {number: Counted(number) for number in range(5)}
    for number in (0, 3, 4):
        cache.remembered({"n": number}, SHAPE, left[number])
    assert [compute.times for compute in left.values()] == [0] * 5
    monkeypatch.setattr(cache, "LARGEST", size)
    cache.remembered({"n": 5}, (100, 4), lambda: np.zeros((100, 4), np.float32))  # more than half of all room
    assert len(list(place.glob("*.npy"))) == 3


def test_where_nothing_can_be_kept_features_are_computed(place):
    place.parent.parent.joinpath("gantool").write_text("a file in the way")
    compute = Counted(1)
    for _ in range(2):
        assert cache.remembered({"n": 1}, SHAPE, compute).shape == SHAPE
    assert compute.times == 2


def pictures(count: int, seed: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3)).astype(np.uint8))


def test_an_evaluation_looks_at_no_picture_twice(place, weights_file):
    judges = load_judges(inception=weights_file)

    def looked(real: list, fake: list, **how: int) -> tuple[dict, list[str]]:
        stages = []
        found = measure(real, fake, how=How(judges=judges, progress=lambda name, *_: stages.append(name), **how))
        return found.metrics, [name for name in dict.fromkeys(stages) if name.startswith("Inception")]

    real, fake = pictures(2, seed=1), pictures(2, seed=2)
    first, both = looked(real, fake)
    assert both == ["Inception, real", "Inception, fake"]
    again, none = looked(real, fake)
    assert again == first  # to the last bit
    assert none == []
    assert looked(fake, real)[1] == []  # whatever a set is there for
    assert looked(real[::-1], fake)[1] == ["Inception, real"]  # other batches may be other bytes
    assert looked(real, real, size=20)[1] == ["Inception, real"]
    unknown = Judges(inception=judges.inception)  # of no file
    assert len(list(place.glob("*.npy"))) == 4
    measure(real[:2], real[:2], how=How(judges=unknown, size=8))
    assert len(list(place.glob("*.npy"))) == 4
