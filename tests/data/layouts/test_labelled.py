"""Label maps with pictures: files find each other, and no two ids are mixed."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

from gantool.data.dataset import Recipe
from gantool.data.layouts.domains import domains
from gantool.data.layouts.labelled import labelled
from gantool.data.layouts.paired import paired
from gantool.data.layouts.unpaired import unpaired
from gantool.data.transforms import Preparation
from gantool.errors import DataError, UsageError
from gantool.pictures.ids import find_instances
from tests.conftest import cityscapes

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
    return layout.open(domains, Recipe(preparation, (1 + instances, 3)))


def test_an_id_that_is_no_class_is_named_where_it_is_read_and_not_searched_at_every_start(data):
    scene(data, "bad", np.full((24, 30), 255), np.zeros((24, 30)))
    dataset = opened(data)
    with pytest.raises(DataError, match=r"id 255.*0 to 5") as raised:
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
        assert item["A"].shape[1:] == item["B"].shape[1:]
        assert (instances == labels + 60_000).all()
        if preprocess == "crop":
            assert (item["B"][0] == labels * 20).all()
            mirrored.add(labels.tobytes())
        assert set(np.unique(labels)) <= set(range(6))
    again = dataset.item(1, 2)["A"]
    assert (again == dataset.item(1, 2)["A"]).all()


def test_one_folder_two_folders_three_folders(data):
    three = [data / "labels", data / "images", data / "instances"]
    for paths, instances in (([data], True), (three, True), (three[:2], False), ([data], False)):
        label, image = labelled(6, instances=instances).find(paths)
        assert (label.name, image.name) == ("labels", "images")
        assert len(label.files) == len(image.files) == 4
        assert len(label.instances) == (4 if instances else 0)
    for paths, instances in ((three[:2], True), (three, False)):
        with pytest.raises(DataError, match=r'set=\{"instances": .false.\}'):
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


@pytest.mark.parametrize(
    ("given", "instances"),
    [
        (("",), True),
        (("",), False),
        (("gtFine/train", "leftImg8bit/train", "gtFine/train"), True),
        (("gtFine/train", "leftImg8bit/train"), True),
        (("gtFine/train", "leftImg8bit/train"), False),
        (("gtFine/train/aachen", "leftImg8bit/train/aachen"), True),
    ],
)
def test_cityscapes_as_it_is_downloaded(tmp_path, given, instances):
    root = cityscapes(tmp_path)
    layout = labelled(5, instances=instances)
    label, image = layout.find([root / path for path in given])
    assert [file.name[14:] for file in label.files] == ["000019_gtFine_labelIds.png"] * 3
    assert [file.name[14:] for file in label.instances] == ["000019_gtFine_instanceIds.png"] * 3 * instances
    assert [file.name[14:] for file in image.files] == ["000019_leftImg8bit.png"] * 3
    assert label.note is None
    planes = layout.open((label, image), Recipe(CROP, (1 + instances, 3))).item(0, 0)["A"]
    assert planes.shape[0] == 1 + instances
    if instances:
        assert (planes[1] == planes[0] * 1000).all()


def test_maps_and_pictures_that_are_held_back_are_not_trained_on(data):
    for folder in ("labels", "images", "instances"):
        (data / folder).rename(data / "all")
        for part, numbers in (("train", "012"), ("val", "3")):
            (data / folder / part).mkdir(parents=True)
            for number in numbers:
                (data / "all" / f"{number}.png").rename(data / folder / part / f"{number}.png")
        (data / "all").rmdir()
    for given in ([data], [data / "labels", data / "images", data / "instances"]):
        maps, pictures = labelled(6, instances=True).find(given)
        assert (maps.name, pictures.name) == ("labels", "images")
        assert [len(files) for files in (maps.files, maps.instances, pictures.files)] == [3, 3, 3]
        assert "only train is trained on" in (maps.note or "")


def test_the_instance_map_of_a_label_map_as_cityscapes_has_them(tmp_path):
    folder = cityscapes(tmp_path) / "gtFine/train/aachen"
    found = find_instances(folder / "aachen_000001_000019_gtFine_labelIds.png")
    assert found == folder / "aachen_000001_000019_gtFine_instanceIds.png"


def test_colours_and_pictures_of_cityscapes_are_pairs(tmp_path):
    root = cityscapes(tmp_path)
    a, b = paired().find([root / "leftImg8bit/train", root / "gtFine/train"])
    assert [file.name[14:] for file in (*a.files, *b.files)] == ["000019_leftImg8bit.png"] * 3 + [
        "000019_gtFine_color.png"
    ] * 3
    assert a.note is b.note is None


@pytest.mark.parametrize("layout", [unpaired(), domains()], ids=["unpaired", "domains"])
def test_maps_of_ids_are_no_pictures_where_cityscapes_has_them_among_pictures(tmp_path, layout):
    root = cityscapes(tmp_path)
    a, b = layout.find([root / "leftImg8bit/train", root / "gtFine/train"])
    assert [file.name[14:] for file in (*a.files, *b.files)] == ["000019_leftImg8bit.png"] * 3 + [
        "000019_gtFine_color.png"
    ] * 3
    said = "3 instanceIds, 3 labelIds, 3 labelTrainIds of Cityscapes left out: color is taken"
    assert (a.note, b.note) == (None, f"{root / 'gtFine/train'}: {said}")


def test_names_in_two_spellings_of_unicode_belong_together(data):
    for folder, form in (("labels", "NFC"), ("images", "NFD"), ("instances", "NFD")):
        for number in range(4):
            (data / folder / f"{number}.png").rename(data / folder / normalize(form, f"rué {number}.png"))
    label, image = labelled(6, instances=True).find([data])
    assert len(label.files) == len(label.instances) == len(image.files) == 4
    assert find_instances(label.files[0]) == label.instances[0]


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
