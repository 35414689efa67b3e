"""The frame that all layouts share."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gantool.data.dataset import Recipe
from gantool.data.layouts.domains import domains
from gantool.data.layouts.labelled import labelled
from gantool.data.layouts.paired import paired
from gantool.data.layouts.unpaired import unpaired
from gantool.data.transforms import Preparation

WIDTH = Preparation("scale_width", 16, 8)


@pytest.fixture
def folder(tmp_path):
    """Pictures of 32 x 20, 33 x 20 and 34 x 20 in each of two folders, and label maps of the same sizes."""
    for name in ("trainA", "trainB"):
        (tmp_path / name).mkdir()
        for i in range(3):
            pixels = np.random.default_rng(i).integers(0, 6, (20, 32 + i, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    (tmp_path / "labels").mkdir()
    for i in range(3):
        Image.open(tmp_path / "trainA" / f"{i}.png").getchannel(0).save(tmp_path / "labels" / f"{i}.png")
    return tmp_path


LAYOUTS = {
    "unpaired": (unpaired(), ("trainA", "trainB"), (3, 3)),
    "paired": (paired(), ("trainA", "trainB"), (3, 3)),
    "domains": (domains(), ("trainA", "trainB"), (3, 3)),
    "label maps": (labelled(6, instances=False), ("labels", "trainB"), (1, 3)),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_sizes_are_those_of_all_files_after_the_resize(folder, name):
    layout, folders, channels = LAYOUTS[name]
    found = layout.find([folder / name for name in folders])
    dataset = layout.open(found, Recipe(WIDTH, channels))
    assert dict(dataset.sizes()) == {
        file: (16, 16 * 20 // (32 + i)) for domain in found for i, file in enumerate(domain.files)
    }
    shapes = {dataset.item(0, index)[key].shape[1:] for index in range(3) for key in dataset.item(0, index)}
    assert shapes - {()} <= {(height, width) for _, (width, height) in dataset.sizes()}


@pytest.mark.parametrize("name", LAYOUTS)
def test_files_are_measured_once(folder, name):
    layout, folders, channels = LAYOUTS[name]
    found = layout.find([folder / name for name in folders])
    dataset = layout.open(found, Recipe(WIDTH, channels))
    before = dataset.sizes()
    for domain in found:
        for file in domain.files:
            file.write_bytes(b"no picture")
    assert dataset.sizes() == before
    dataset.keep_in(folder / "cache")
    assert dataset.cache_note is None


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_cache_may_come_late_and_changes_nothing(folder, name):
    layout, folders, channels = LAYOUTS[name]
    dataset = layout.open(
        layout.find([folder / name for name in folders]), Recipe(Preparation("resize_and_crop", 12, 8), channels)
    )
    items = [dataset.item(0, index) for index in range(3)]
    dataset.keep_in(folder / "cache")
    for _ in range(2):  # decoded and kept, then from the cache
        for index, item in enumerate(items):
            again = dataset.item(0, index)
            assert all(np.array_equal(again[key], item[key]) for key in item)
    assert len(list((folder / "cache").iterdir())) == 1
    dataset.close(remove=True)
    assert not (folder / "cache").exists()
