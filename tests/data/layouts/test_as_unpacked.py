"""Folders as archives unpack and as people name them: found, and never the test pictures with those to learn from."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from gantool.data.dataset import Layout
from gantool.data.layouts.domains import domains
from gantool.data.layouts.paired import colour_pictures, paired
from gantool.data.layouts.parts import held_back, held_back_pictures
from gantool.data.layouts.pictures import pictures
from gantool.data.layouts.unpaired import unpaired
from gantool.errors import DataError


def made(root: Path, *folders: str, size: tuple[int, int] = (8, 8)) -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        Image.new("RGB", size).save(root / folder / "1.png")
    return root


def roots(layout: Layout, *paths: Path) -> list[str]:
    """Where the pictures of each domain are."""
    found = layout.find(list(paths))
    assert all(len(domain.files) == 1 for domain in found)
    return [str(domain.files[0].parent.relative_to(paths[0])) for domain in found]


PARTS = ("trainA", "trainB", "testA", "testB")


@pytest.mark.parametrize("layout", [unpaired(), paired()], ids=["unpaired", "paired"])
@pytest.mark.parametrize(
    ("folders", "a", "b"),
    [
        ([f"h2z/h2z/{part}" for part in PARTS], "h2z/h2z/trainA", "h2z/h2z/trainB"),
        (["Train A", "Train B", "Test A", "Test B"], "Train A", "Train B"),
        (["train_a", "train_b", "test_a", "test_b"], "train_a", "train_b"),
        (["TRAINA", "TRAINB", "TESTA", "TESTB"], "TRAINA", "TRAINB"),
        (["Training/horse", "Training/zebra", "Testing/horse"], "Training/horse", "Training/zebra"),
        (["training_set/x/1", "training_set/y/1", "test_set/x/1"], "training_set/x/1", "training_set/y/1"),
        (["A/train", "A/val", "A/test", "B/train", "B/val", "B/test"], "A/train", "B/train"),
        (["data/train/horse", "data/train/zebra", "data/test/horse"], "data/train/horse", "data/train/zebra"),
    ],
)
def test_two_domains(tmp_path, layout, folders, a, b):
    assert roots(layout, made(tmp_path, *folders)) == [a, b]


def test_a_readme_and_a_table_are_in_nobodys_way(tmp_path):
    made(tmp_path, "h2z/trainA", "h2z/trainB")
    (tmp_path / "README.md").touch()
    (tmp_path / "h2z" / "metadata.csv").touch()
    assert roots(unpaired(), tmp_path) == ["h2z/trainA", "h2z/trainB"]


def test_domains_that_are_named_keep_their_test_pictures_back_and_say_so(tmp_path):
    made(tmp_path, "cat/train", "cat/test", "dog/train", "dog/valid")
    found = unpaired().find([tmp_path / "cat", tmp_path / "dog"])
    assert [domain.name for domain in found] == ["cat", "dog"]
    assert [domain.files[0].parent.name for domain in found] == ["train", "train"]
    assert found[0].note == f"of {tmp_path / 'cat'} only train is trained on"
    a, _ = paired().find([tmp_path / "cat", tmp_path / "dog"])
    assert a.name == "cat"
    assert a.note is not None
    assert "only train is trained on" in a.note


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        ([f"h2z/h2z/{part}" for part in PARTS], ["h2z/h2z/testA", "h2z/h2z/testB"]),
        (["Train A", "Train B", "Test A", "Test B"], ["Test A", "Test B"]),
        (["A/train", "A/val", "A/test", "B/train", "B/val", "B/test"], ["A/val", "B/val"]),
        (["cat/train", "cat/test", "dog/train", "dog/test"], ["cat/test", "dog/test"]),
        (["Training/horse", "Training/zebra", "Testing/horse", "Testing/zebra"], ["Testing"]),
        (["facades/train", "facades/val", "facades/test"], ["facades/val"]),
        (["horse", "zebra"], ["."]),
    ],
)
def test_validations_take_what_trainings_leave(tmp_path, folders, expected):
    made(tmp_path, *folders)
    assert [str(part.relative_to(tmp_path)) for part in held_back(tmp_path)] == expected


def test_folders_called_train_may_be_of_trains(tmp_path):
    made(tmp_path, "land/train", "land/bus", "air/jet")
    land, _ = unpaired().find([tmp_path / "land", tmp_path / "air"])
    assert len(land.files) == 2


@pytest.mark.parametrize(
    "folders",
    [
        ("MOUNTAIN", "VALLEY"),
        ("TrainStation", "ValThorens"),
        ("airport", "train station", "train yard"),
        ("bus", "car", "train"),
        ("boots", "training shoes"),
        ("face1", "face2"),
    ],
)
def test_names_of_domains_that_are_like_those_of_parts(tmp_path, folders):
    made(tmp_path, *folders)
    assert [domain.name for domain in domains().find([tmp_path])] == list(folders)
    assert [domain.name for domain in domains().find([tmp_path / name for name in folders])] == list(folders)


@pytest.mark.parametrize("layout", [pictures(augmented=True), colour_pictures()], ids=["pictures", "colour"])
def test_folders_without_a_part_that_is_held_back_are_taken_whole(tmp_path, layout):
    made(tmp_path, "photos/2019/train", "photos/2019/bus")
    for domain in layout.find([tmp_path]):
        assert (domain.root, len(domain.files)) == (tmp_path, 2), "as a run of earlier notes its pictures"


@pytest.mark.parametrize("folders", [("seg_train", "seg_test"), ("Training", "Testing"), ("trainA", "testA")])
def test_parts_of_the_data_are_no_domains(tmp_path, folders):
    made(tmp_path, *folders)
    for layout in (unpaired(), paired(), domains()):
        with pytest.raises(DataError, match=r"holds no (two domains|pairs)|parts of the data|the folders testA"):
            layout.find([tmp_path])


def test_side_by_side_pictures_of_the_training_part(tmp_path):
    made(tmp_path, "facades/train", "facades/val", "facades/test", size=(16, 8))
    for aligned in (None, "BA"):
        a, b = paired().find([tmp_path], aligned=aligned)
        assert a.files == b.files == (tmp_path / "facades/train/1.png",)
    for layout in (pictures(augmented=True), colour_pictures()):
        assert layout.find([tmp_path])[0].note == f"of {tmp_path} only facades/train is trained on"
    assert roots(pictures(augmented=True), tmp_path) == ["facades/train"]
    assert roots(colour_pictures(), tmp_path) == ["facades/train"] * 2


def test_many_domains_in_the_only_folder(tmp_path):
    made(tmp_path, "afhq/afhq/train/cat", "afhq/afhq/train/dog", "afhq/afhq/val/cat")
    assert roots(domains(), tmp_path) == ["afhq/afhq/train/cat", "afhq/afhq/train/dog"]


def test_what_lies_there_instead_is_said(tmp_path):
    (tmp_path / "train.zip").touch()
    (tmp_path / "data.mdb").touch()
    for layout in (unpaired(), domains(), pictures()):
        with pytest.raises(DataError, match=r"2 files: .*unpack \.zip; write the pictures within \.mdb out as files"):
            layout.find([tmp_path])


@pytest.mark.parametrize(
    ("folders", "trained", "validated"),
    [
        (["cat/train", "cat/test", "dog/train", "dog/test"], ["cat/train", "dog/train"], ["cat/test", "dog/test"]),
        (
            ["AB/A/train", "AB/A/test", "AB/A/val", "AB/B/train", "AB/B/test", "AB/B/val"],
            ["AB/A/train", "AB/B/train"],
            ["AB/A/val", "AB/B/val"],
        ),
        (
            [f"h2z/h2z/{part}" for part in PARTS],
            ["h2z/h2z/trainA", "h2z/h2z/trainB"],
            ["h2z/h2z/testA", "h2z/h2z/testB"],
        ),
        (
            ["seg_train/seg_train/sea", "seg_test/seg_test/sea", "seg_pred/seg_pred"],
            ["seg_train/seg_train/sea"],
            ["seg_test/seg_test/sea"],
        ),
        (["coco/train2017", "coco/val2017", "coco/test2017"], ["coco/train2017"], ["coco/val2017"]),
        (["train/sea", "val/sea"], ["train/sea"], ["val/sea"]),
        (["a/train/sea", "a/bus", "a/Test", "b"], ["a/train/sea", "b"], ["a/Test"]),
        # Of one of the two alone nothing is held back.
        (
            ["cat/test", "cat/bus", "dog/train"],
            ["cat/bus", "cat/test", "dog/train"],
            ["cat/bus", "cat/test", "dog/train"],
        ),
        (["bullet", "bullet train", "test_track"], ["bullet train", "bullet", "test_track"], None),
    ],
)
def test_one_folder_of_pictures_keeps_its_test_pictures_back_and_says_so(tmp_path, folders, trained, validated):
    made(tmp_path, *folders)
    for layout in (pictures(augmented=True), colour_pictures()):
        found = layout.find([tmp_path])[0]
        assert [str(file.parent.relative_to(tmp_path)) for file in found.files] == trained
        assert (found.note is None) == (len(trained) == len(folders))
    left = [str(file.parent.relative_to(tmp_path)) for file in held_back_pictures(tmp_path)]
    assert left == (validated or trained)


@pytest.mark.parametrize(
    ("layout", "folders", "said"),
    [
        (unpaired(), ["train/a", "train/b", "val/a", "val/b"], "train is"),
        (unpaired(), PARTS, "trainA, trainB are"),
        (unpaired(), ["trainA", "trainB"], None),
        (unpaired(), ["h2z/A", "h2z/B"], None),
        (paired(), ["x/train/A", "x/train/B", "x/val/A"], "x/train is"),
        (paired(), ["A/train", "A/val", "B/train", "B/val"], None),  # it is said of the two
        (domains(), ["seg_train/seg_train/sea", "seg_train/seg_train/ice", "seg_test/sea"], "seg_train/seg_train is"),
        (domains(), ["train_cat", "train_dog", "test_cat", "test_dog"], "train_cat, train_dog are"),
        (domains(), ["train/cat", "train/dog"], None),
        (pictures(augmented=True), ["train/cat", "val/cat"], "train is"),
    ],
)
def test_the_part_that_is_taken_is_said(tmp_path, layout, folders, said):
    note = layout.find([made(tmp_path, *folders)])[0].note or ""
    assert (f"of {tmp_path} only {said} trained on" in note) if said else (f"of {tmp_path} only" not in note)


def test_what_is_left_out_is_counted(tmp_path):
    made(tmp_path, "cat/train", "cat/test", "dog/train", "dog/test")
    (domain,) = pictures(augmented=True).find([tmp_path])
    assert domain.note == f"of {tmp_path} 2 pictures are not trained on: cat/test, dog/test"


def test_classes_of_a_training_part_that_is_unpacked_twice(tmp_path):
    made(tmp_path, *(f"seg_{part}/seg_{part}/{name}" for part in ("train", "test") for name in ("sea", "street")))
    assert roots(domains(), tmp_path) == ["seg_train/seg_train/sea", "seg_train/seg_train/street"]
