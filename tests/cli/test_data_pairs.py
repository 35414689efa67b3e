"""`gantool data check` for pairs, `data pair` and `data split`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def photo(seed: int, size: tuple[int, int] = (12, 10)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


@pytest.fixture
def data(tmp_path) -> Path:
    """Two folders of pairs, `outline` and `colour`, one of them in a folder below."""
    for name, first in (("outline", 0), ("colour", 100)):
        (tmp_path / name / "below").mkdir(parents=True)
        for i, place in enumerate(("0", "1", "below/2")):
            Image.fromarray(photo(first + i)).save(tmp_path / name / f"{place}.png")
    return tmp_path


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_pairs_are_joined_and_split_without_a_loss(main, data):
    _, _, err = main("data", "pair", "outline", "colour", "pairs")
    assert "3 files written to pairs" in err
    assert np.array_equal(pixels(data / "pairs" / "below" / "2.png"), np.concatenate([photo(2), photo(102)], 1))
    _, _, err = main("data", "split", "pairs", "back")
    assert "6 files written" in err
    main("data", "split", "pairs", "swapped", "--aligned", "BA")
    for name in ("0.png", "below/2.png"):
        for folder, first, second in (("back", "A", "B"), ("swapped", "B", "A")):
            assert np.array_equal(pixels(data / folder / first / name), pixels(data / "outline" / name))
            assert np.array_equal(pixels(data / folder / second / name), pixels(data / "colour" / name))


def test_grey_of_16_bits_stays_and_mixed_pairs_become_colour(main, data):
    deep = np.arange(120, dtype=np.uint16).reshape(10, 12) * 500
    for name in ("outline", "colour"):
        Image.fromarray(deep).save(data / name / "0.png")
    Image.fromarray(deep).save(data / "outline" / "1.png")
    main("data", "pair", "outline", "colour", "pairs")
    assert np.array_equal(pixels(data / "pairs" / "0.png"), np.concatenate([deep, deep], 1))
    mixed = pixels(data / "pairs" / "1.png")
    assert np.array_equal(mixed[:, 12:], photo(101))
    assert np.array_equal(mixed[:, :12, 0], (deep.astype(int) + 128) // 257)


def test_what_cannot_be_joined_is_named_and_the_rest_is_done(main, data):
    Image.fromarray(photo(0, (12, 11))).save(data / "colour" / "0.png")
    (data / "colour" / "1.png").write_bytes(b"no picture")
    Image.fromarray(photo(0)).save(data / "outline" / "alone.png")
    for i in range(3, 6):
        for name in ("outline", "colour"):
            Image.fromarray(photo(i)).save(data / name / f"{i}.jpg")
    _, out, err = main("data", "pair", "outline", "colour", "pairs", "--format", "webp", "--json", code=1)
    found = json.loads(out)
    assert found["written"] == 4
    assert sorted(found["failed"]) == ["outline/0.png", "outline/1.png"]
    assert found["failed"]["outline/0.png"] == "outline/0.png is 12x10 pixels and colour/0.png 12x11"
    assert found["left_out"] == ["outline/alone.png"]
    assert "cannot read colour/1.png" in err
    names = sorted(path.relative_to(data / "pairs").as_posix() for path in (data / "pairs").rglob("*.*"))
    assert names == ["3.webp", "4.webp", "5.webp", "below/2.webp"]


def test_an_odd_width_is_not_cut(main, data):
    (data / "ab").mkdir()
    for i, width in enumerate((12, 13)):
        Image.fromarray(photo(i, (width, 6))).save(data / "ab" / f"{i}.png")
    _, _, err = main("data", "split", "ab", "out", code=1)
    assert "ab/1.png is 13 pixels wide" in err
    assert sorted(path.name for path in (data / "out").rglob("*.png")) == ["0.png", "0.png"]


def test_nothing_is_overwritten_unasked(main, data):
    main("data", "pair", "outline", "colour", "pairs")
    before = (data / "pairs" / "0.png").read_bytes()
    Image.fromarray(photo(50)).save(data / "outline" / "0.png")
    _, _, err = main("data", "pair", "outline", "colour", "pairs", code=2)
    assert "--overwrite" in err
    assert (data / "pairs" / "0.png").read_bytes() == before
    main("data", "pair", "outline", "colour", "pairs", "--overwrite")
    assert (data / "pairs" / "0.png").read_bytes() != before
    _, _, err = main("data", "pair", "outline", "colour", "outline", "--overwrite", code=2)
    assert "another folder" in err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("pair", "outline", "nowhere", "out"), 3, "does not exist"),
        (("pair", "outline", "colour", "out", "--format", "doc"), 3, "cannot be written as 'doc'"),
        (("pair", "outline", "colour", "outline/0.png"), 3, "is a file"),
        (("split", "outline", "out", "--aligned", "XY"), 2, "AB"),
        (("split", "empty", "out"), 3, "does not exist"),
    ],
)
def test_what_cannot_be_done_is_one_line(main, data, words, code, told):
    _, _, err = main("data", *words, code=code)
    assert told in err.splitlines()[-1]
    assert not (data / "out").exists()


def test_check_of_pairs(main, data):
    Image.fromarray(photo(0, (12, 11))).save(data / "colour" / "0.png")
    Image.fromarray(photo(0)).save(data / "outline" / "alone.png")
    _, out, err = main("data", "check", "--model", "pix2pix", "outline", "colour", "--json")
    found = json.loads(out)
    assert found["unequal"] == [["outline/0.png", "colour/0.png"]]
    assert found["unmatched"] == ["outline/alone.png"]
    assert [domain["pictures"] for domain in found["domains"]] == [3, 3]
    assert "1 pair differs in size" in err
    assert "1 of outline left out" in err
    # A crop of them as they are is impossible.
    _, out, _ = main("data", "check", "--model", "pix2pix", "outline", "colour", "--crop", "8", "--json", code=3)
    assert any("differs in size" in reason for reason in json.loads(out)["fatal"])


def test_check_of_side_by_side_pictures(main, data):
    main("data", "pair", "outline", "colour", "pairs")
    Image.fromarray(photo(0, (13, 6))).save(data / "pairs" / "odd.png")
    _, out, _ = main("data", "check", "--aligned", "BA", "pairs", "--json", code=3)
    a, b = json.loads(out)["domains"]
    assert a["widths"] == b["widths"] == [12, 12, 12]
    assert "13 pixels wide" in a["unreadable"]["odd.png"]
    _, _, err = main("data", "check", "--model", "cyclegan", "--aligned", "AB", "pairs", code=2)
    assert "pairs" in err
