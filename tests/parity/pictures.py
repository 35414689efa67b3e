"""Figures of the data pipeline: random parameters, sizes, and whole preparations of a picture."""

from __future__ import annotations

import random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gantool.data.loader import to_device
from gantool.data.transforms import (
    Augmentation,
    Preparation,
    crop_and_flip,
    crop_square,
    resize,
    resized_size,
)
from gantool.pictures.file import Picture, as_channels

from . import fill
from .suite import Entry, assert_close


def check_parameters(entry: Entry) -> None:
    """The draw that both pictures of a pair share."""
    drawn = paired_parameters(
        random.Random(entry["python random.seed"]), *entry["size (w, h)"], preparation_of(entry["options"])
    )
    assert [[drawn.x, drawn.y], drawn.flip] == [entry["crop_pos"], entry["flip"]]


def check_size(entry: Entry) -> None:
    """The size after one step of the pipeline."""
    width, height = entry["size"]
    if entry["step"] == "crop":
        planes = crop_square(np.zeros((3, height, width), np.uint8), *entry["pos"], entry["crop_size"])
    elif entry["step"] in ("scale_width", "none"):
        preparation = Preparation(entry["step"], entry.get("load_size", 286), entry.get("crop_size", 256))
        assert list(resized_size(width, height, preparation)) == entry["result (w, h)"]
        planes = resize(np.zeros((height, width, 3), np.uint8), preparation)
    else:
        raise NotImplementedError(f"step {entry['step']!r}")
    assert [planes.shape[2], planes.shape[1]] == entry["result (w, h)"]


def check_tensor(entry: Entry) -> None:
    """A prepared picture."""
    photo, params = entry["photo"], entry["params"] or {"crop_pos": [0, 0], "flip": False}
    pixels = as_channels(Picture(pixels_of(photo), None, "PNG", None), 1 if entry["grayscale"] else 3)
    preparation = preparation_of(entry["options"])
    augmentation = Augmentation(*params["crop_pos"], flip=params["flip"] and preparation.flip)
    if entry["params"] is None and preparation.crops:
        assert resized_size(*photo["size (w, h)"], preparation) == (preparation.crop,) * 2, (
            "a crop without its position"
        )
    assert_close(
        tensor_of(crop_and_flip(resize(pixels, preparation), preparation, augmentation)),
        entry["output"],
        1e-6,
        "the picture",
    )


def paired_parameters(rng: random.Random, width: int, height: int, preparation: Preparation) -> Augmentation:
    """The one draw that both pictures of a pair share, in the reference's order: x, y, mirror.

    `width` and `height` are those of the picture on file. A crop position is drawn in every mode; modes without a crop
    ignore it.
    """
    size, crop = preparation.size, preparation.crop
    if preparation.preprocess == "scale_width_and_crop":
        width, height = size, size * height // width
    elif preparation.crops:
        width, height = resized_size(width, height, preparation)
    x = rng.randint(0, max(0, width - crop))
    y = rng.randint(0, max(0, height - crop))
    mirrored = rng.random() > 0.5
    return Augmentation(x, y, preparation.flip and mirrored)


def preparation_of(options: Entry) -> Preparation:
    return Preparation(
        options["preprocess"], options["load_size"], options["crop_size"], not options.get("no_flip", False)
    )


def pixels_of(rule: Entry) -> NDArray[np.uint8]:
    """(H, W, 3)."""
    if not rule["rule"].startswith("uint8 array (h, w, 3) = round((image(name, (h, w, 3)) + 1) * 127.5)"):
        raise NotImplementedError(f"photo rule {rule['rule']!r}")
    width, height = rule["size (w, h)"]
    values = fill.image(rule["name"], (height, width, 3)).numpy()
    return np.round((values + 1) * 127.5).astype(np.uint8)


def tensor_of(planes: NDArray[np.uint8]) -> Tensor:
    """A prepared picture (C, H, W) in [-1, 1], as the training step gets it."""
    return to_device({"x": torch.from_numpy(planes.copy())[None]}, torch.device("cpu"))["x"][0]
