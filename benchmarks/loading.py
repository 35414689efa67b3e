"""Training pictures from files to tensors: the textbook's transform against gantool's data set, cached or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from textbook import transform
from timing import Comparison, compare
from torch import Tensor

from gantool.data.dataset import Dataset, Recipe
from gantool.data.layouts.unpaired import unpaired
from gantool.data.loader import batches, to_device
from gantool.data.transforms import Preparation

PICTURES = 12  # a domain
PREPARATION = Preparation("resize_and_crop", 286, 256)


def loading(folder: Path, rounds: int) -> dict[str, Comparison]:
    """One batch of CycleGAN (a picture of each domain) from 600 x 400 JPEG files, as float tensors on the CPU.

    "cached" has every picture in its cache already, as from the second epoch on. Times are of two pictures.
    """
    for number, side in enumerate(("A", "B")):
        photographs(folder / f"train{side}", PICTURES, seed=number)
    layout = unpaired()
    domains = layout.find([folder])
    files = [domain.files for domain in domains]
    turn = iter_forever(list(zip(*files, strict=True)))

    def book() -> list[Tensor]:
        return [transform(path)[None] for path in next(turn)]

    cached, anew = (layout.open(domains, Recipe(PREPARATION, (3, 3))) for _ in range(2))
    cached.keep_in(folder / "cache")
    for index in range(4 * PICTURES):  # until every picture of B, which is drawn at random, has come
        cached.item(*divmod(index, PICTURES))
    found = {
        "cached": compare(book, _ours(cached), rounds=rounds, repeat=2 * PICTURES),
        "without a cache": compare(book, _ours(anew), rounds=rounds, repeat=2 * PICTURES),
    }
    cached.close()
    return found


def photographs(folder: Path, count: int, *, seed: int) -> None:
    """JPEG files of 600 x 400: large shapes and ever finer ones, the finer the fainter, as in photographs."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        levels = np.full((400, 600, 3), 128.0)
        for scale in (200, 100, 50, 25, 12, 6, 3, 1):
            noise = rng.normal(0, 4 * scale**0.5, (400 // scale + 1, 600 // scale + 1, 3)).astype(np.float32)
            layers = [Image.fromarray(noise[..., c]).resize((600, 400), Image.Resampling.BICUBIC) for c in range(3)]
            levels += np.stack([np.asarray(layer) for layer in layers], axis=-1)
        Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)).save(folder / f"{number:02d}.jpg", quality=90)


def iter_forever(things: list[tuple[Path, ...]]) -> Iterator[tuple[Path, ...]]:
    while True:
        yield from things


def _ours(dataset: Dataset):  # noqa: ANN202
    stream = batches(dataset, batch=1, first=0)
    return lambda: to_device(next(stream), torch.device("cpu"))
