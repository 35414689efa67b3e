"""Label maps and instance maps: ids stay ids, files find each other, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantool.data.layouts.labelled import labelled
from gantool.data.transforms import Preparation
from gantool.errors import DataError, UsageError
from gantool.pictures.ids import coloured, find_instances, padded, read_ids, read_planes, resized

CROP = Preparation("crop", 16, 16)


def scene(root: Path, name: str, labels: np.ndarray, instances: np.ndarray | None = None) -> None:
    """A label map, an instance map, and the picture whose red tells the label, so that both can be compared."""
    for folder in ("labels", "images", *(["instances"] if instances is not None else [])):
        (root / folder).mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels.astype(np.uint8)).save(root / "labels" / f"{name}.png")
    red = np.zeros((*labels.shape, 3), np.uint8)
    red[..., 0] = labels * 20
    Image.fromarray(red).save(root / "images" / f"{name}.png")
    if instances is not None:
        Image.fromarray(instances.astype(np.uint16)).save(root / "instances" / f"{name}.png")


def random_ids(seed: int, high: int, height: int = 24, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, (height, width))


@pytest.fixture
def data(tmp_path) -> Path:
    """Four scenes with instances whose ids need all 16 bits."""
    for number in range(4):
        labels = random_ids(number, 6)
        scene(tmp_path, f"{number}", labels, labels + 60_000)
    return tmp_path


def opened(root: Path, preparation: Preparation = CROP, classes: int = 6, instances: bool = True):
    layout = labelled(classes, instances=instances)
    domains = layout.find([root])
    return layout.open(domains, preparation, (1 + instances, 3), seed=0, cache=None)


@pytest.mark.parametrize(
    ("mode", "high"), [("L", 256), ("P", 200), ("I;16", 65_536), ("I", 100_000), ("RGB", 256), ("1", 2)]
)
def test_ids_of_every_depth_are_read_as_they_are(tmp_path, mode, high):
    ids = random_ids(0, high)
    ids[0, 0] = high - 1
    if mode == "P":
        picture = Image.fromarray(ids.astype(np.uint8), "L")
        picture.putpalette([int(v) for v in np.random.default_rng(1).integers(0, 256, 768)])
    elif mode == "RGB":  # grey, written by a program that knows no grey
        picture = Image.fromarray(np.repeat(ids[..., None], 3, axis=2).astype(np.uint8))
    elif mode == "1":
        picture = Image.fromarray(ids.astype(bool))
    else:
        picture = Image.fromarray(ids.astype({"L": np.uint8, "I;16": np.uint16, "I": np.int32}[mode]))
    file = tmp_path / ("x.tif" if mode == "I" else "x.png")
    picture.save(file)
    read = read_ids(file)
    assert read.dtype == np.int32
    assert (read == ids).all()


def test_what_is_no_map_of_ids_is_refused(tmp_path):
    colour, lossy, fractions = tmp_path / "c.png", tmp_path / "l.jpg", tmp_path / "f.tif"
    Image.new("RGB", (4, 4), (1, 2, 3)).save(colour)
    Image.new("L", (4, 4), 3).save(lossy)
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(fractions)
    for file, word in ((colour, "colour"), (lossy, "PNG"), (fractions, "whole")):
        with pytest.raises(DataError, match=word) as raised:
            read_ids(file)
        assert str(file) in str(raised.value)


def test_a_label_that_is_no_class_is_named_where_it_is_read_and_not_searched_at_every_start(data):
    scene(data, "bad", np.full((24, 30), 255), np.zeros((24, 30)))
    dataset = opened(data)
    with pytest.raises(DataError, match=r"label 255.*0 to 5") as raised:
        [dataset.item(0, index) for index in range(len(dataset))]
    assert str(data / "labels" / "bad.png") in str(raised.value)


@pytest.mark.parametrize("preprocess", ["crop", "resize_and_crop", "center_crop_and_resize", "none", "scale_width"])
def test_everything_of_a_scene_moves_together_and_no_id_is_mixed(data, preprocess):
    dataset = opened(data, Preparation(preprocess, 20, 16))
    mirrored = set()
    for index in range(4 * len(dataset)):
        item = dataset.item(*divmod(index, len(dataset)))
        labels, instances = item["A"]
        assert item["A"].dtype == np.int32
        assert item["A"].shape[1:] == item["B"].shape[:2]
        assert (instances == labels + 60_000).all()
        if preprocess == "crop":
            assert (item["B"][..., 0] == labels * 20).all()
            mirrored.add(labels.tobytes())
        assert set(np.unique(labels)) <= set(range(6))
    again = dataset.item(1, 2)["A"]
    assert (again == dataset.item(1, 2)["A"]).all()


def test_nearest_is_pillows():
    ids = random_ids(3, 30_000).astype(np.int32)
    for width, height in ((17, 40), (60, 11), (30, 24)):
        expected = np.asarray(Image.fromarray(ids).resize((width, height), Image.Resampling.NEAREST))
        assert (resized(ids, width, height) == expected).all()


def test_padding_repeats_the_edge():
    ids = np.arange(6, dtype=np.int32).reshape(2, 3, 1)
    assert padded(ids, 3, 5)[..., 0].tolist() == [[0, 1, 2, 2, 2], [3, 4, 5, 5, 5], [3, 4, 5, 5, 5]]


def test_labels_have_colours_of_their_own():
    ids = np.arange(256, dtype=np.int32).reshape(16, 16, 1)
    assert len(np.unique(coloured(ids).reshape(-1, 3), axis=0)) == 256


@pytest.mark.parametrize(
    ("label", "instance"),
    [
        ("test_label/a.png", "test_inst/a.png"),
        ("labels/a.png", "instances/a.png"),
        ("labels/city/a.png", "instances/city/a.tif"),
        ("val_label/x_gtFine_labelIds.png", "val_inst/x_gtFine_instanceIds.png"),
    ],
)
def test_an_instance_map_is_found_beside_its_label_map(tmp_path, monkeypatch, label, instance):
    (tmp_path / instance).parent.mkdir(parents=True)
    (tmp_path / instance).touch()
    assert find_instances(tmp_path / label) == tmp_path / instance
    monkeypatch.chdir(tmp_path)
    assert find_instances(Path(label)).samefile(tmp_path / instance)


def test_a_missing_instance_map_is_an_error_that_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=str(tmp_path / "test_inst")):
        find_instances(tmp_path / "test_label" / "a.png")
    with pytest.raises(DataError, match="label in its name"):
        find_instances(Path("photos/a.png"))


def test_maps_of_different_sizes_do_not_belong_together(tmp_path):
    scene(tmp_path, "a", random_ids(0, 3), np.zeros((9, 9)))
    with pytest.raises(DataError, match=r"30x24.*9x9"):
        read_planes(tmp_path / "labels" / "a.png", 3, tmp_path / "instances" / "a.png")


def test_one_folder_two_folders_three_folders(data):
    three = [data / "labels", data / "images", data / "instances"]
    for paths, instances in (([data], True), (three, True), (three[:2], False), ([data], False)):
        label, image = labelled(6, instances=instances).find(paths)
        assert (label.name, image.name) == ("labels", "images")
        assert len(label.files) == len(image.files) == 4
        assert len(label.instances) == (4 if instances else 0)
    for paths, instances in ((three[:2], True), (three, False)):
        with pytest.raises(DataError, match="instances=false"):
            labelled(6, instances=instances).find(paths)
    with pytest.raises(UsageError, match="aligned"):
        labelled(6, instances=False).find(three[:2], aligned="AB")


def test_the_authors_arrangement_and_cityscapes_own_names(tmp_path):
    for folder, ending in (("label", "gtFine_labelIds"), ("inst", "gtFine_instanceIds"), ("img", "leftImg8bit")):
        (tmp_path / f"train_{folder}").mkdir()
        for name in ("aachen_000000_000019", "bochum_000000_000313"):
            Image.new("L", (8, 8)).save(tmp_path / f"train_{folder}" / f"{name}_{ending}.png")
    label, image = labelled(35, instances=True).find([tmp_path])
    assert [file.name[:6] for file in (*label.files, *label.instances, *image.files)] == ["aachen", "bochum"] * 3
    assert (label.name, image.name) == ("label", "img")


def test_files_without_a_counterpart(data):
    (data / "images" / "0.png").unlink()
    (label, _) = labelled(6, instances=True).find([data])
    assert len(label.files) == 3
    assert "left out" in label.note
    for file in ("1", "2"):
        (data / "labels" / f"{file}.png").unlink()
    with pytest.raises(DataError, match="1 names in common"):
        labelled(6, instances=True).find([data])


def test_a_picture_of_another_size_than_its_label_map(data):
    Image.new("RGB", (31, 24)).save(data / "images" / "0.png")
    dataset = opened(data)
    with pytest.raises(DataError, match=r"0.png is 30x24 pixels"):
        dataset.samples(4)
    assert opened(data, Preparation("resize_and_crop", 20, 16)).item(0, 0)["A"].shape == (2, 16, 16)


def test_samples_are_fixed_rows(data):
    samples = opened(data).samples(4)
    assert list(samples) == ["labels", "images"]
    for planes, picture in zip(samples["labels"], samples["images"], strict=True):
        assert planes.shape == (16, 16, 2)
        assert (picture[..., 0] == planes[..., 0] * 20).all()
