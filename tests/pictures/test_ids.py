"""Label maps and instance maps: ids stay ids, an instance map is found, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantool.errors import DataError
from gantool.pictures.ids import coloured, find_instances, read_ids, read_planes


def random_ids(seed: int, high: int, height: int = 24, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, (height, width))


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


def test_classes_have_colours_of_their_own():
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
    labels, instances = tmp_path / "labels.png", tmp_path / "instances.png"
    Image.fromarray(random_ids(0, 3).astype(np.uint8)).save(labels)
    Image.new("L", (9, 9)).save(instances)
    with pytest.raises(DataError, match=r"30x24.*9x9"):
        read_planes(labels, 3, instances)
