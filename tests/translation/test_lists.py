"""Lists of files as systems write them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest

from gantool.errors import DataError
from gantool.translation.inputs import find_inputs
from gantool.translation.lists import listed


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def names(content: bytes, **more) -> list[str]:
    return [str(path) for path in listed(content, "the list", **more)]


WANTED = ["in/0.png", "in/é 図.png"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-32-le", b"\xff\xfe\0\0"),
        ("utf-32-be", b"\0\0\xfe\xff"),
    ],
)
def test_encodings_and_line_ends(encoding, mark, end):
    for last in ("", end, end * 3):
        assert names(mark + (end.join(WANTED) + last).encode(encoding)) == WANTED
    assert names(mark + ("\0".join(WANTED) + "\0").encode(encoding)) == WANTED


def test_utf_16_without_a_mark():
    for encoding in ("utf-16-le", "utf-16-be"):
        assert names("".join(f"{name}\r\n" for name in WANTED).encode(encoding)) == WANTED


def test_nul_separates_names_of_any_bytes():
    odd = [b"a\nb.png", b" c .png", b"\xff\r.png", b'"d".png']
    for content in (b"\0".join(odd), b"\0".join(odd) + b"\0", b"\0".join(odd) + b"\0\n"):
        assert [os.fsencode(name) for name in names(content)] == odd
    assert names(b"a\nb.png", nul=True) == ["a\nb.png"], "where it is said, even a list of one name"


def test_lines_mean_the_file_that_is_there():
    for name in ("plain.png", "two words.png", "caf\u00e9.png", "nai\u0308ve.png", '"quoted".png', " edge .png"):
        Path(name).touch()
    lines = b'"plain.png"\n  plain.png  \n"two words.png"\n"quoted".png\n edge .png\ncaf\xe9.png\n'
    assert names(lines) == ["plain.png", "plain.png", "two words.png", '"quoted".png', " edge .png", "caf\u00e9.png"]
    assert names("cafe\u0301.png\nna\u00efve.png".encode()) == ["caf\u00e9.png", "nai\u0308ve.png"], "accents"
    Path("in").mkdir()
    Path("in/two words.png").touch()
    address = Path("in/two words.png").absolute().as_uri()
    assert names(f"{address}\nin\\two words.png".encode()) == [
        str(Path("in/two words.png").absolute()),
        "in/two words.png",
    ]
    assert names(b'"nowhere.png"\n') == ['"nowhere.png"'], "as it is written, for the message"


@pytest.mark.parametrize("content", [b"", b"\n\r\n \n", b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\0\0\n"])
def test_an_empty_list_says_so(content):
    with pytest.raises(DataError, match="the list is empty: one path a line"):
        listed(content, "the list")


def test_no_bytes_break_a_list():
    rng = np.random.default_rng(0)
    marks = [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0"]
    for number in range(500):
        content = marks[number % 5] + rng.integers(0, 256, int(rng.integers(0, 60)), dtype=np.uint8).tobytes()
        with contextlib.suppress(DataError):  # it may be empty
            assert listed(content, "the list")


def test_a_file_or_folder_may_begin_with_an_at():
    for folder in ("@eaDir", "@home"):
        Path(folder).mkdir()
        Path(folder, "a.png").touch()
    Path("@x.png").touch()
    Path("b").mkdir()
    Path("b", "b.png").touch()

    def found(*words: str) -> list[str]:
        return [source.name for source in find_inputs(words, Path("out"), bytes).sources]

    assert found("@x.png") == ["@x.png"]
    assert found("@home") == ["@home/a.png"]
    assert found("@eaDir", "@home", "b") == ["@home/a.png", "b/b.png"], "a shell's * gives what servers make, too"
    assert found("@eaDir") == ["@eaDir/a.png"], "named alone it is meant"
    with pytest.raises(DataError, match=r"cannot read the list nowhere\.txt"):
        found("@nowhere.txt")
