from __future__ import annotations

import hashlib
import json
import sys
from contextlib import closing
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from PIL import Image

from gantool.data.care.check import check_folders
from gantool.data.care.results import translated_there
from gantool.data.layouts.domains import domains
from gantool.data.layouts.labelled import labelled
from gantool.data.layouts.unpaired import unpaired
from gantool.data.source import Domain
from gantool.data.transforms import Preparation
from gantool.pictures import results
from gantool.pictures.results import Recorder


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
    (tmp_path / "testA").mkdir()
    photo(40).save(tmp_path / "testA" / "0.png")
    beside = check(tmp_path)
    assert any("only trainA, trainB are trained on" in line for line in beside.warnings)
    assert any("without a counterpart" in line for line in beside.warnings)


def test_values_beyond_the_known_ranges_are_said(root):
    values = np.random.default_rng(0).uniform(-5, 900, (16, 20)).astype(np.float32)
    Image.fromarray(values).save(root / "trainA" / "deep.tif")
    report = check(root)
    assert report.domains[0].stretched == ("deep.tif",)
    assert any("minimum and maximum" in line for line in report.warnings)


def test_what_training_does_not_see_of_animations_and_pages_is_said(root):
    for name, format in (("film.gif", "GIF"), ("scan.tif", "TIFF")):
        photo(50).save(root / "trainA" / name, format, save_all=True, append_images=[photo(51)])
    report = check(root)
    assert report.domains[0].several == ("film.gif", "scan.tif")
    said = f"{root / 'trainA'}: 2 pictures (such as film.gif) with several frames; training sees the first"
    assert said in report.warnings


def test_translations_beside_their_pictures_are_said(root):
    folder = root / "trainA"
    for name, of in (("a.translated.png", folder / "deep/trainA0.png"), ("b.png", root / "elsewhere/b.png")):
        photo(len(name)).save(folder / name)
        of.parent.mkdir(exist_ok=True)
        of.touch()
        with closing(Recorder(folder)) as recorder:
            recorder.note(
                folder / name, of, "", {"model": "m"}, hashlib.sha256((folder / name).read_bytes()).hexdigest()
            )
    said = "1 picture (such as a.translated.png) that gantool translated from others there; training takes them, too"
    assert [line for line in check(root).warnings if line.startswith(f"{folder}: {said}")]
    assert check(root).domains[0].pictures == 6


def test_the_report_is_json(root):
    (root / "trainA" / "empty.png").write_bytes(b"")
    report = json.loads(json.dumps(check(root).to_dict()))
    assert report["domains"][0]["unreadable"] == {"empty.png": "the file is empty"}
    assert report["fatal"]


@pytest.fixture
def scenes(tmp_path) -> Path:
    """Three label maps of the classes 0 to 4, with pictures and instance maps."""
    for i in range(3):
        ids = np.random.default_rng(i).integers(0, 5, (16, 20)).astype(np.uint8)
        files = {"labels": Image.fromarray(ids), "instances": Image.fromarray(ids + 100), "images": photo(i)}
        for name, picture in files.items():
            (tmp_path / name).mkdir(exist_ok=True)
            picture.save(tmp_path / name / f"{i}.png")
    return tmp_path


def check_maps(root: Path, classes: int, preparation: Preparation | None = None):
    return check_folders(labelled(classes, instances=True).find([root]), preparation, pairs=True)


def test_ids_that_are_no_classes_are_fatal_and_named(scenes):
    sound = check_maps(scenes, 5)
    assert (sound.fatal, sound.warnings, sound.domains[0].modes) == ((), (), {"L": 3})
    ids = np.zeros((16, 20), np.uint8)
    ids[3, 4] = 255
    Image.fromarray(ids).save(scenes / "labels" / "1.png")
    report = check_maps(scenes, 5)
    assert set(report.domains[0].unfit) == {"1.png"}
    assert "1 of 3 label maps do not fit, such as 1.png: it holds the id 255" in report.fatal[0]
    assert "label_nc=256" in report.fatal[0]
    assert not report.domains[0].unreadable


def test_maps_that_hold_no_ids_or_do_not_belong_together_are_fatal(scenes):
    photo(7).save(scenes / "labels" / "0.png")
    photo(7).save(scenes / "instances" / "1.png")
    Image.new("L", (9, 9)).save(scenes / "instances" / "2.png")
    maps = check_maps(scenes, 5).domains[0]
    assert "it is a colour picture" in maps.unreadable["0.png"]
    assert str(scenes / "instances" / "1.png") in maps.unreadable["1.png"]
    assert "it is 20x16 pixels" in maps.unfit["2.png"]
    assert "2.png 9x9" in maps.unfit["2.png"]


def test_a_label_map_and_a_picture_of_other_sizes(scenes):
    photo(7, (30, 16)).save(scenes / "images" / "0.png")
    assert any("1 pair differs in size" in line for line in check_maps(scenes, 5).warnings)
    assert any("1 pair differs in size" in line for line in check_maps(scenes, 5, Preparation("crop", 8, 8)).fatal)


def test_pictures_of_a_table_are_looked_at_once_also_those_that_have_no_attribute(tmp_path):
    for i in range(6):
        photo(i).save(tmp_path / f"{i}.png")
    (tmp_path / "5.png").write_bytes(b"no picture")
    rows = ["file,Odd,Small", "0.png,0,1", "1.png,1,1", "2.png,0,1", "3.png,1,0", "4.png,0,0", "5.png,0,0"]
    (tmp_path / "list.csv").write_text("\n".join(rows))
    seen = []
    found = domains(attributes=("Odd", "Small")).find([tmp_path, tmp_path / "list.csv"])
    report = check_folders(found, progress=lambda done, total: seen.append((done, total)))
    assert [(d.name, d.pictures) for d in report.domains] == [("Odd", 2), ("Small", 3), ("none of these attributes", 2)]
    assert seen == [(i + 1, 6) for i in range(6)]
    assert set(report.domains[2].unreadable) == {"5.png"}
    assert (report.duplicates, report.unmatched, report.warnings) == ((), (), ())
    (tmp_path / "list.csv").write_text("\n".join(rows[:5]))
    report = check_folders(domains(attributes=("Odd", "Small")).find([tmp_path, tmp_path / "list.csv"]))
    assert [d.pictures for d in report.domains] == [2, 3]
    assert report.unmatched == ()  # 1.png is in both, which makes no pair of it


# -- the command: options of the model decide on the arrangement


def test_the_default_arrangement_of_pix2pixhd_is_label_maps(main, scenes):
    main("data", "check", "--model", "pix2pixhd", "labels", "images", "instances")
    _, out, err = main(
        "data", "check", "-m", "pix2pixhd", "labels", "images", "instances", "--set", "label_nc=3", "--json", code=3
    )
    report = json.loads(out)
    assert [len(domain["unfit"]) for domain in report["domains"]] == [3, 0]
    assert "0.png" in err
    assert "the id 4" in err
    main("data", "check", "-m", "pix2pixhd", "labels", "images", "--preset", "smoke")  # plain pictures: label_nc=0
    photo(7, (30, 16)).save(scenes / "images" / "0.png")
    _, _, err = main("data", "check", "-m", "pix2pixhd", "labels", "images", "instances", "--crop", 8, code=3)
    assert "1 pair differs in size" in err


def test_a_table_of_attributes_is_checked(main, tmp_path):
    (tmp_path / "faces").mkdir()
    for i in range(4):
        photo(i).save(tmp_path / "faces" / f"{i}.png")
    (tmp_path / "list.csv").write_text("file,A,B\n0.png,1,0\n1.png,0,1\n2.png,1,1\n3.png,0,0\n")
    _, out, _ = main("data", "check", "--model", "stargan", "faces", "list.csv", "--set", "attributes=A,B", "--json")
    assert [domain["pictures"] for domain in json.loads(out)["domains"]] == [2, 2, 1]
    _, _, err = main("data", "check", "--model", "starganv2", "faces", "list.csv", code=3)
    assert "takes no table" in err


def test_a_preset_that_crops_without_resizing_says_what_is_too_small(main, root, tmp_path):
    _, _, err = main("data", "check", "trainA", "trainB", "--set", "width=4", code=2)
    assert "--set goes with --model" in err
    _, _, err = main("data", "check", "-m", "cyclegan", "trainA", "trainB", "--set", "preprocess=crop", code=3)
    assert "smaller than the crop of 256" in err


def test_translations_are_looked_for_folder_by_folder(root):
    """A lookup for each of a million pictures took seconds at the start of every training."""

    def calls(count: int) -> int:
        many = Domain("A", root / "trainA", tuple(root / "trainA/deep" / f"{number}.png" for number in range(count)))
        made = 0

        def see(frame: FrameType, event: str, _: object) -> None:
            nonlocal made
            made += event == "call" and frame.f_code.co_filename == results.__file__

        before = sys.getprofile()
        sys.setprofile(see)
        try:
            assert translated_there([many]) == ()
        finally:
            sys.setprofile(before)
        return made

    assert calls(1) == calls(100) > 0
