from __future__ import annotations

import subprocess
import sys

import pytest

from gantool.errors import DataError
from gantool.pictures.find import find_pictures


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(folder):
    return [path.relative_to(folder).as_posix() for path in find_pictures(folder)]


def test_pictures_are_found_below_in_a_fixed_order(tmp_path):
    touch(tmp_path, "b.JPG", "a.png", "deep/er/c.TiFf", "deep/a.webp", "deep.png", "notes.txt", "d.avif")
    touch(tmp_path, ".hidden.png", "._a.png", ".cache/e.png")
    (tmp_path / "folder.png").mkdir()
    assert names(tmp_path) == ["a.png", "b.JPG", "d.avif", "deep.png", "deep/a.webp", "deep/er/c.TiFf"]


def test_links_are_followed_once(tmp_path):
    touch(tmp_path, "real/a.png", "elsewhere/b.png")
    root = tmp_path / "root"
    root.mkdir()
    touch(root, "own.png")
    (root / "loop").symlink_to(root)
    (root / "one").symlink_to(tmp_path / "real")
    (root / "two").symlink_to(tmp_path / "real")
    (root / "file.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "real" / "back").symlink_to(root)
    assert names(root) == ["file.png", "one/a.png", "own.png"]


def test_a_link_to_a_missing_picture_is_not_passed_over(tmp_path):
    touch(tmp_path, "a.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert names(tmp_path) == ["a.png", "gone.png"]


def test_no_picture_says_what_is_there(tmp_path):
    touch(tmp_path, "a.heic", "b.HEIC", "c.txt")
    with pytest.raises(DataError, match=r"holds no picture \(3 files: \.heic, \.txt\)"):
        find_pictures(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no picture \(no files at all\)"):
        find_pictures(tmp_path / "empty")


def test_a_missing_folder_and_a_file_are_named(tmp_path):
    touch(tmp_path, "a.png")
    with pytest.raises(DataError, match="nowhere does not exist"):
        find_pictures(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"a\.png is not a folder"):
        find_pictures(tmp_path / "a.png")
    with pytest.raises(DataError, match="below is not a folder"):
        find_pictures(tmp_path / "a.png" / "below")


def test_a_folder_that_cannot_be_listed_is_named(tmp_path):
    (tmp_path / "self").symlink_to(tmp_path / "self")
    with pytest.raises(DataError, match=r"cannot list .*self: "):
        find_pictures(tmp_path / "self")


def test_finding_needs_neither_pillow_nor_numpy():
    code = "import sys, gantool.pictures.find; sys.exit(bool({'PIL', 'numpy', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
