"""Damaged files are told of in gantool's own lines; what Pillow's readers would write to stderr is not seen."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.conftest import TRAIN_TINY, draw
from tests.runs import untrained


def tiff(compression: str) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (48, 40, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels).convert("1" if compression == "group4" else "RGB")
    picture.save(buffer, "TIFF", compression=compression)
    return buffer.getvalue()


def damaged(compression: str) -> bytes:
    """A picture with zeros in the middle of its pixels, of which libtiff has much to say."""
    content = bytearray(tiff(compression))
    content[60:160] = bytes(100)
    return bytes(content)


def of_many_samples() -> bytes:
    """A picture that claims 34816 samples a pixel (tag 277), which Pillow writes into its log."""
    content = tiff("tiff_lzw")
    tag = b"\x15\x01\x03\x00\x01\x00\x00\x00"
    assert content.count(tag + b"\x03\x00") == 1
    return content.replace(tag + b"\x03\x00", tag + b"\x00\x88")


@pytest.fixture
def folder(tmp_path):
    """Two good pictures among three bad ones."""
    folder = draw(tmp_path / "in", 2, seed=1)
    for compression in ("tiff_lzw", "tiff_adobe_deflate"):
        (folder / f"{compression}.tif").write_bytes(damaged(compression))
    (folder / "samples.tif").write_bytes(of_many_samples())
    return folder


BAD = ("samples.tif", "tiff_adobe_deflate.tif", "tiff_lzw.tif")


def test_translate(gantool, folder, tmp_path):
    untrained(tmp_path / "run")
    lines = gantool("translate", "-q", "--model", "run", folder, "out", code=1).stderr.splitlines()
    for name in BAD:
        assert sum(line.startswith(f"error: cannot read {folder / name}: ") for line in lines) == 1, lines
    assert len(lines) == len(BAD) + 1, lines  # and the sum


def test_data_check(gantool, folder, tmp_path):
    draw(tmp_path / "B", 2, seed=2)
    lines = gantool("data", "check", folder, "B", code=3).stderr.splitlines()
    for name in BAD:
        assert sum(line.startswith(f"unreadable: {folder / name}: ") for line in lines) == 1, lines
    ours = ("error: ", "warning: ", "unreadable: ", "pictures ", "without a counterpart: ")
    assert [line for line in lines if not line.startswith(ours)] == []


def test_training(gantool, folder, tmp_path):
    draw(tmp_path / "B", 2, seed=2)
    lines = gantool("train", "-q", "cyclegan", folder, "B", "-o", "run", *TRAIN_TINY, code=3).stderr.splitlines()
    assert len(lines) == 1, lines
    assert any(f"{folder / name}" in lines[0] for name in BAD), lines


def test_what_can_be_read_all_the_same_is_read_without_a_word(gantool, tmp_path):
    """Of a damaged fax libtiff writes a line for each row, and gives the picture."""
    untrained(tmp_path / "run")
    (tmp_path / "fax.tif").write_bytes(damaged("group4"))
    done = gantool("translate", "--model", "run", "fax.tif", "fax.png")
    assert done.stderr.splitlines() == ["wrote fax.png"]
