"""Broken pictures are found before the first step, and nothing is left behind."""

from __future__ import annotations

import itertools
import shutil

import pytest
from PIL import Image

from gantool.data.source import Domain
from gantool.data.transforms import Preparation
from gantool.pictures.find import find_pictures
from gantool.pictures.looks_whole import size_if_whole
from gantool.training import inspection
from tests.conftest import TRAIN_TINY, draw

TRAIN = ["train", "cyclegan", "trainA", "trainB", "-o", "run", *TRAIN_TINY, "--steps", "2"]


def domain(folder) -> Domain:
    return Domain("A", folder, find_pictures(folder))


DAMAGES = [
    *itertools.product(("cut", "empty", "another content"), (".png", ".jpg", ".webp", ".tif", ".bmp", ".gif")),
    *itertools.product(("zeros at its end",), (".jpg", ".gif")),  # elsewhere they are pixels, to Pillow
]


@pytest.mark.parametrize(("damage", "suffix"), DAMAGES)
def test_a_broken_picture_ends_it_before_anything_is_written(main, pictures, tmp_path, suffix, damage):
    file = draw(tmp_path / "trainA", 7, seed=3, size=80, suffix=suffix) / f"06{suffix}"
    data = file.read_bytes()
    half = data[: len(data) // 2]
    file.write_bytes(
        {"cut": half, "empty": b"", "zeros at its end": half + bytes(len(data)), "another content": b"<html>"}[damage]
    )
    err = main(*TRAIN, code=3)[2]
    assert f"trainA/06{suffix}" in err
    assert "1 of " in err
    assert "gantool data check" in err
    assert not (tmp_path / "run").exists()


def test_the_first_are_named_and_all_are_counted(main, pictures, tmp_path):
    for file in sorted((tmp_path / "trainB").iterdir())[:5]:
        file.write_bytes(b"")
    err = main(*TRAIN, code=3)[2]
    assert err.count("\n") == 1
    assert "5 of 14 pictures cannot be used" in err
    assert err.count("trainB/0") == 3


def test_damage_in_the_middle_is_found_while_there_is_time(tmp_path):
    folder = draw(tmp_path / "A", 3, seed=1, size=200)
    file = folder / "01.png"
    Image.effect_noise((200, 200), 50).save(file)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 3] + data[-len(data) // 3 :])
    assert size_if_whole(file) == (200, 200), "both ends are as they should be"
    assert "01.png" in str(inspection.inspect([domain(folder)], [3]).error)
    assert inspection.inspect([domain(folder)], [3], clock=iter(range(0, 10**6, 100)).__next__).error is None


def test_what_has_passed_is_not_looked_at_again(tmp_path, monkeypatch):
    folder = draw(tmp_path / "A", 5, seed=1)
    first = inspection.inspect([domain(folder)], [3])
    inspection.remember(tmp_path / "run/.cache/checked", first)
    known = inspection.remembered(tmp_path / "run/.cache/checked")
    assert len(known) == 5
    (folder / "03.png").write_bytes(b"")
    draw(tmp_path / "more", 1, seed=9)
    shutil.copy(tmp_path / "more/00.png", folder / "new.png")
    again = inspection.inspect([domain(folder)], [3], known)
    assert "03.png" in str(again.error)
    assert len(again.sizes) == 1, "of the known ones none was opened"


def test_what_does_not_look_whole_may_be_fine(tmp_path):
    """A JPEG without its end, a PNG with something behind it: a decoder decides."""
    folder = draw(tmp_path / "A", 1, seed=1, suffix=".jpg")
    (folder / "00.jpg").write_bytes((folder / "00.jpg").read_bytes() + b"more")
    assert size_if_whole(folder / "00.jpg") is None
    assert inspection.inspect([domain(folder)], [3]).error is None


def test_there_is_no_time_to_decode_all_that_does_not_look_whole(tmp_path):
    folder = draw(tmp_path / "A", 5, seed=1, suffix=".bmp")
    found = inspection.inspect([domain(folder)], [3], clock=iter(range(0, 10**6, 100)).__next__)
    assert (found.error, found.left, found.passed) == (None, 5, frozenset())


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif"])
def test_sizes_come_without_a_decoder(tmp_path, suffix):
    Image.new("RGB", (61, 47), "red").save(tmp_path / f"a{suffix}")
    assert size_if_whole(tmp_path / f"a{suffix}") == (61, 47)


def test_progressive_pictures_and_large_headers(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "x" * 30_000
    Image.new("RGB", (61, 47), "red").save(tmp_path / "a.jpg", progressive=True, exif=exif)
    assert size_if_whole(tmp_path / "a.jpg") == (61, 47)


def test_enlarged_pictures_are_counted(tmp_path):
    folder = draw(tmp_path / "A", 3, seed=1, size=40)
    draw(tmp_path / "B", 1, seed=1, size=300)
    shutil.copy(tmp_path / "B/00.png", folder / "large.png")
    found = inspection.inspect([domain(folder)], [3])
    said = found.enlarged(Preparation("resize_and_crop", 286, 256))
    assert said == "3 of 4 pictures are enlarged to 286 pixels: the smallest has 40"
    draw(folder, 1, seed=2, size=40, suffix=".webp")
    some = inspection.inspect([domain(folder)], [3]).enlarged(Preparation("resize_and_crop", 286, 256))
    assert some is not None
    assert some.startswith("3 of the 4 pictures whose sizes were read (5 in all) are enlarged to 286 pixels")
    assert found.enlarged(Preparation("resize_and_crop", 48, 44)) is None
    assert found.enlarged(Preparation("crop", 286, 256)) is None
