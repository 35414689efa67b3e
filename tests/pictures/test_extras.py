"""HEIC and JPEG XL: read where their packages are installed, and named where they are not."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from PIL import Image

from gantool.errors import DataError
from gantool.pictures import extras
from gantool.pictures.file import picture_size, read_picture
from gantool.pictures.find import find_pictures, look_below, passed_over

HEIC = b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + b"\0" * 100
JXL = b"\xff\x0a" + b"\0" * 100


@pytest.fixture(autouse=True)
def fresh():
    """What is installed is asked once a process."""
    yield forget()
    forget()


def forget() -> None:
    extras.register.cache_clear()
    extras.can_read.cache_clear()
    extras.extensions.cache_clear()


@pytest.fixture
def without(monkeypatch):
    for package in ("pillow_heif", "pillow_jxl"):
        monkeypatch.setitem(sys.modules, package, None)
    forget()


def test_without_the_packages_the_way_to_read_them_is_said(tmp_path, without):
    for name, content in (("a.heic", HEIC), ("b.HIF", HEIC), ("c.jxl", JXL), ("phone.jpg", HEIC)):
        (tmp_path / name).write_bytes(content)
    found = look_below(tmp_path)
    assert [path.name for path in found.pictures] == ["phone.jpg"]
    said = passed_over(found.others)
    assert said.startswith("passed over ")
    assert "1 .heic" in said
    assert said.endswith("; pip install 'gantool[heif]' reads .heic and .hif and .jxl")
    with pytest.raises(DataError, match=r"phone\.jpg: it is HEIC, which pip install 'gantool\[heif\]' reads"):
        read_picture(tmp_path / "phone.jpg")
    with pytest.raises(DataError, match=r"cannot read the picture: it is JPEG XL, which pip"):
        read_picture(JXL)
    (tmp_path / "phone.jpg").unlink()
    with pytest.raises(DataError, match=r"holds no picture \(3 files: .*pip install 'gantool\[heif\]' reads"):
        find_pictures(tmp_path)


def formats(main) -> str:
    """What doctor says of them."""
    (found,) = [row["found"] for row in json.loads(main("doctor", "--json")[1]) if row["check"] == "formats"]
    return found


def test_doctor_says_how_to_have_them_read(main, without):
    assert formats(main).endswith(f"no HEIC ({extras.INSTALL}), no JPEG XL ({extras.INSTALL})")


def test_doctor_says_that_they_are_read(main):
    pytest.importorskip("pillow_heif")
    pytest.importorskip("pillow_jxl")
    assert formats(main).endswith(", HEIC, JPEG XL")


@pytest.mark.parametrize(("name", "settings"), [("a.heic", {"quality": -1}), ("a.jxl", {"lossless": True})])
def test_with_the_packages_they_are_pictures_like_others(tmp_path, name, settings):
    package = "pillow_heif" if name.endswith("heic") else "pillow_jxl"
    pytest.importorskip(package, reason="comes with gantool[heif]")
    extras.register()
    ramp = np.arange(24 * 36, dtype=np.uint32).reshape(24, 36, 1)
    pixels = (ramp * (1, 2, 3) // 12).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / name, **settings)
    assert find_pictures(tmp_path) == (tmp_path / name,)
    assert picture_size(tmp_path / name) == (36, 24)
    assert np.abs(read_picture(tmp_path / name).pixels.astype(int) - pixels).mean() < 3
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot read"):
        read_picture(tmp_path / name)
