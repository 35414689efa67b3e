from __future__ import annotations

import os
import sys
import threading
from itertools import islice

import numpy as np
import pytest
import torch

from gantool.data.dataset import Dataset, Recipe
from gantool.data.layouts.unpaired import unpaired
from gantool.data.loader import batches, to_device
from gantool.data.transforms import Preparation
from gantool.errors import DataError
from gantool.pictures.resize import to_unit


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_cannot_be_read_ends_it_with_the_way_to_find_all_such(pictures, workers):
    bad = pictures[0] / "03.png"
    bad.write_bytes(bad.read_bytes()[:60])
    layout = unpaired()
    dataset = layout.open(layout.find(pictures), Recipe(Preparation("crop", 32, 32), (3, 3)))
    stream = batches(dataset, batch=1, first=0, workers=workers)
    with pytest.raises(DataError, match=rf"cannot read {bad}: .*gantool data check$"):
        list(islice(stream, 8))  # an epoch


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
def test_networks_get_the_items_pixels_scaled(tmp_path, pictures, batch, cached):
    layout = unpaired()
    dataset = layout.open(layout.find(pictures), Recipe(Preparation("resize_and_crop", 36, 32), (3, 1)))
    if cached:
        dataset.keep_in(tmp_path / "cache")
    stream = batches(dataset, batch=batch, first=0)
    for number in range(12):  # from the second epoch on out of the cache
        ready = to_device(next(stream), torch.device("cpu"))
        items = [dataset.item(*divmod(n, len(dataset))) for n in range(number * batch, (number + 1) * batch)]
        for name, channels in (("A", 3), ("B", 1)):
            expected = np.stack([to_unit(item[name].astype(np.float32)) for item in items])
            assert expected.shape == (batch, channels, 32, 32)
            assert np.array_equal(ready[name].numpy(), expected)
            assert ready[name].is_contiguous()
    stream.close()


def test_what_is_no_picture_stays_as_it_is():
    planes = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    item = {"A": planes, "label": np.asarray(3), "attributes": np.array([0.0, 1.0], np.float32)}
    recipe = Recipe(Preparation("crop", 4, 4), ())
    dataset = Dataset(
        (), recipe, (), length=1, draw=lambda rng, epoch, index: item, resized=lambda domain, number: planes
    )
    ready = to_device(next(batches(dataset, batch=2, first=0)), torch.device("cpu"))
    assert np.array_equal(ready["A"].numpy(), np.stack([planes, planes]))
    assert ready["label"].tolist() == [3, 3]
    assert ready["attributes"].tolist() == [[0, 1], [0, 1]]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux alone")
def test_decoding_goes_behind_the_networks():
    def item(rng: object, epoch: int, index: int) -> dict[str, np.ndarray]:
        return {"nice": np.asarray(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))}

    dataset = Dataset((), Recipe(Preparation("crop", 4, 4), ()), (), length=8, draw=item, resized=lambda *_: None)
    stream = batches(dataset, batch=2, first=0, workers=2)
    decoding, ours = next(stream)["nice"].tolist(), os.getpriority(os.PRIO_PROCESS, 0)
    stream.close()
    assert min(decoding) > ours
