from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantool.data.check import check_folders
from gantool.data.transforms import Preparation
from gantool.data.unpaired import unpaired


def photo(seed: int, size: tuple[int, int] = (20, 16)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


@pytest.fixture
def root(tmp_path) -> Path:
    for number, name in enumerate(("trainA", "trainB")):
        (tmp_path / name / "deep").mkdir(parents=True)
        for i in range(4):
            photo(10 * number + i, (20 + i, 16)).save(tmp_path / name / "deep" / f"{name}{i}.png")
    return tmp_path


def check(root: Path, preparation: Preparation | None = None, **settings):
    return check_folders(unpaired().find([root]), preparation, **settings)


def test_sound_folders(root):
    seen = []
    report = check(root, progress=lambda done, total: seen.append((done, total)))
    a = report.domains[0]
    assert (a.name, a.pictures, a.widths, a.heights) == ("A", 4, (20, 21.5, 23), (16, 16, 16))
    assert (a.formats, a.modes, a.transparent) == ({"PNG": 4}, {"RGB": 4}, 0)
    assert (report.warnings, report.fatal, report.duplicates, report.unmatched) == ((), (), (), ())
    assert seen == [(i + 1, 8) for i in range(8)]


def test_modes_and_formats_are_counted(root):
    photo(50).convert("L").save(root / "trainA" / "grey.jpg")
    Image.fromarray(np.arange(320, dtype=np.uint16).reshape(16, 20) * 200).save(root / "trainA" / "deep.tif")
    report = check(root)
    assert report.domains[0].modes == {"RGB": 4, "L": 1, "I;16": 1}
    assert report.domains[0].formats == {"PNG": 4, "JPEG": 1, "TIFF": 1}


def test_unreadable_pictures_are_fatal_and_named_with_the_reason(root):
    (root / "trainA" / "empty.png").write_bytes(b"")
    (root / "trainA" / "text.jpg").write_text("no picture")
    whole = (root / "trainB" / "deep" / "trainB0.png").read_bytes()
    (root / "trainB" / "cut.png").write_bytes(whole[: len(whole) // 2])
    report = check(root)
    assert set(report.domains[0].unreadable) == {"empty.png", "text.jpg"}
    assert report.domains[0].unreadable["empty.png"] == "the file is empty"
    assert "truncated" in report.domains[1].unreadable["cut.png"]
    assert len(report.fatal) == 2
    assert "2 of 6 cannot be read, such as empty.png" in report.fatal[0]


def test_a_folder_without_any_readable_picture(root):
    for path in (root / "trainA" / "deep").iterdir():
        path.write_bytes(b"no picture")
    report = check(root)
    assert report.domains[0].widths is None
    assert len(report.domains[0].unreadable) == 4
    assert report.fatal


def test_pictures_of_a_single_colour(root):
    Image.new("RGB", (20, 16), (1, 2, 3)).save(root / "trainA" / "flat.png")
    hidden = np.random.default_rng(0).integers(0, 256, (16, 20, 4), dtype=np.uint8)
    hidden[..., 3] = 0  # white all over, whatever the hidden colours are
    Image.fromarray(hidden).save(root / "trainA" / "hidden.png")
    report = check(root)
    assert report.domains[0].constant == ("flat.png", "hidden.png")
    assert any("2 pictures (such as flat.png) of a single colour" in line for line in report.warnings)
    assert report.domains[0].transparent == 1
    assert not report.fatal


def test_equal_pictures_are_found_by_content_within_and_across_folders(root):
    photo(0, (20, 16)).save(root / "trainA" / "again.bmp")
    photo(0, (20, 16)).save(root / "trainB" / "other.tif")
    report = check(root)
    assert [sorted(Path(file).name for file in group) for group in report.duplicates] == [
        ["again.bmp", "other.tif", "trainA0.png"]
    ]
    assert any("1 group of equal pictures" in line for line in report.warnings)


def test_pictures_too_small_for_the_crop(root):
    report = check(root, Preparation("crop", 18, 18))
    assert len(report.domains[0].too_small) == 4
    assert "4 pictures (such as deep/trainA0.png) smaller than the crop of 18" in report.fatal[0]
    assert not check(root, Preparation("resize_and_crop", 18, 18)).fatal
    assert not check(root, Preparation("crop", 16, 16)).fatal


def test_missing_counterparts_are_named_where_names_suggest_pairs(tmp_path):
    for number, name in enumerate(("trainA", "trainB")):
        (tmp_path / name).mkdir()
        for i in range(4):
            photo(10 * number + i).save(tmp_path / name / f"{i}.{('png', 'bmp')[number]}")
    assert check(tmp_path).unmatched == ()
    photo(30).save(tmp_path / "trainA" / "alone.png")
    report = check(tmp_path)
    assert report.unmatched == (str(tmp_path / "trainA" / "alone.png"),)
    assert any("without a counterpart" in line for line in report.warnings)


def test_values_beyond_the_known_ranges_are_said(root):
    values = np.random.default_rng(0).uniform(-5, 900, (16, 20)).astype(np.float32)
    Image.fromarray(values).save(root / "trainA" / "deep.tif")
    report = check(root)
    assert report.domains[0].stretched == ("deep.tif",)
    assert any("minimum and maximum" in line for line in report.warnings)


def test_the_report_is_json(root):
    (root / "trainA" / "empty.png").write_bytes(b"")
    report = json.loads(json.dumps(check(root).to_dict()))
    assert report["domains"][0]["unreadable"] == {"empty.png": "the file is empty"}
    assert report["fatal"]
