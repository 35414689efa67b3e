"""The pictures that a check makes are what each layout takes."""

from __future__ import annotations

import numpy as np
import pytest

from gantool.checking.pictures import as_image, noise, training_pictures
from gantool.data.dataset import Recipe
from gantool.data.layouts.domains import domains
from gantool.data.layouts.labelled import labelled
from gantool.data.layouts.paired import colour_pictures, paired
from gantool.data.layouts.unpaired import unpaired
from gantool.data.transforms import Preparation
from gantool.model import Data
from gantool.pictures.ids import planes_of
from gantool.spec import LabelMaps, Pictures

ALL = {
    "unpaired": (Data(unpaired()), {"A", "B"}),
    "paired": (Data(paired()), {"A", "B"}),
    "colour pictures": (Data(colour_pictures(), (Pictures(1), Pictures(3))), {"A", "B"}),
    "domains": (Data(domains()), {"image", "label"}),
    "attributes": (Data(domains(attributes=("x", "y", "z", "w")), attributes=True), {"image", "label"}),
    "labels": (Data(labelled(3, instances=False), (LabelMaps(3), Pictures())), {"A", "B"}),
    "labels and instances": (Data(labelled(9, instances=True), (LabelMaps(9, True), Pictures())), {"A", "B"}),
}


@pytest.mark.parametrize("name", ALL)
def test_a_layout_takes_them(name, tmp_path):
    data, keys = ALL[name]
    found = data.layout.find(training_pictures(data, tmp_path))
    spec = data.spec([domain.name for domain in found], 32)
    dataset = data.layout.open(found, Recipe(Preparation("resize_and_crop", 36, 32), spec.channels))
    assert len(dataset) >= 4
    assert dataset.item(0, 0).keys() == keys
    assert not any(domain.note for domain in found), "all pictures are used"


@pytest.mark.parametrize("kind", [Pictures(), Pictures(1), LabelMaps(300), LabelMaps(5, True)])
def test_noise_as_an_opened_picture_is_the_same_noise(kind):
    pixels = noise(kind, 7, 5)
    assert pixels.shape == (5, 7, kind.channels)
    image, instances = as_image(kind, pixels)
    back = planes_of(image, kind.classes, instances) if isinstance(kind, LabelMaps) else np.asarray(image)
    assert np.array_equal(np.reshape(back, pixels.shape), pixels)
