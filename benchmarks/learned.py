"""What the three learning benchmarks share: pictures, a small classifier of drawing styles, diversity, a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from gantool.api import Trained
from gantool.evaluation.swd import sliced_wasserstein
from gantool.pictures.file import read_pixels
from gantool.pictures.find import find_pictures
from gantool.report.grids import grid

SIDE = 64
Pixels = NDArray[np.uint8]


def folder(path: Path) -> dict[str, Pixels]:
    """The pictures of a folder by name, (SIDE, SIDE, 3), transparency on white."""

    def sized(file: Path) -> Pixels:
        return np.asarray(Image.fromarray(read_pixels(file, 3)).resize((SIDE, SIDE), Image.Resampling.BICUBIC))

    return {file.name: sized(file) for file in find_pictures(path)}


def unit(pictures: Sequence[Pixels]) -> Tensor:
    """(N, 3, SIDE, SIDE) in [-1, 1]."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def translated(translator: Trained, pictures: Sequence[Pixels], to: str | None, seed: int = 0) -> list[Pixels]:
    """What the model makes of them, each in a random style of its own, as `gantool translate` draws them."""
    return [
        np.asarray(
            translator.translate(Image.fromarray(picture), to=to, seed=seed * len(pictures) + index).convert("RGB")
        )
        for index, picture in enumerate(pictures)
    ]


def in_styles_of(translator: Trained, pictures: Sequence[Pixels], references: Sequence[Pixels]) -> list[Pixels]:
    """What the model makes of them in B, each in the style of one of the references, drawn at random."""
    drawn = np.random.default_rng(0).integers(len(references), size=len(pictures))
    chosen = (Image.fromarray(references[index]) for index in drawn)
    return [
        np.asarray(
            translator.translate(Image.fromarray(picture), to=translator.facts.spec.domains[-1], style=style).convert(
                "RGB"
            )
        )
        for picture, style in zip(pictures, chosen, strict=True)
    ]


def diversity(styles: Sequence[Sequence[Pixels]]) -> float:
    """Mean absolute difference, in [-1, 1], of the results of one picture in two styles, over all pairs."""
    tensors = [unit(pictures) for pictures in styles]
    return float(np.mean([float((a - b).abs().mean()) for a, b in combinations(tensors, 2)]))


def train_classifier(sets: Sequence[Sequence[Pixels]], epochs: int = 30) -> nn.Module:
    """A small network whose logits say which of the drawing styles. Sees training pictures shifted and mirrored."""
    torch.manual_seed(0)
    widths = (3, 32, 64, 128)
    layers: list[nn.Module] = []
    for inside, outside in pairwise(widths):
        layers += [nn.Conv2d(inside, outside, 3, stride=2, padding=1), nn.BatchNorm2d(outside), nn.ReLU()]
    head = nn.Linear(widths[-1], len(sets))
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), head)
    pictures = torch.cat([unit(each) for each in sets])
    labels = torch.cat([torch.full((len(each),), number) for number, each in enumerate(sets)])
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, epochs)
    for _ in range(epochs):
        for part in torch.randperm(len(pictures)).split(32):
            x = F.pad(pictures[part], (4, 4, 4, 4), value=1.0)
            dx, dy = (int(torch.randint(9, ())) for _ in range(2))
            x = x[..., dy : dy + SIDE, dx : dx + SIDE]
            x = x.flip(-1) if torch.rand(()) > 0.5 else x
            loss = F.cross_entropy(network(x), labels[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def taken_for(network: nn.Module, pictures: Sequence[Pixels], style: int) -> float:
    """The share of these pictures that the classifier takes for this drawing style."""
    return float((network(unit(pictures)).argmax(1) == style).float().mean())


def swd(real: Sequence[Pixels], fake: Sequence[Pixels]) -> float:
    """The mean over scales of the sliced Wasserstein distance, times 1000."""
    return sliced_wasserstein(real, fake, size=(SIDE, SIDE))["mean"]


def draw_sheet(path: Path, columns: Sequence[Sequence[Pixels]], header: Sequence[str], wanted: int, side: int) -> None:
    """`wanted` rows of examples, evenly spread, in `side` blocks beside each other."""
    count = len(columns[0])
    chosen = [index * count // wanted for index in range(wanted)]
    lines = [chosen[start : start + side] for start in range(0, wanted, side)]
    cells = [[column[i] for i in line for column in columns] for line in lines]
    path.parent.mkdir(parents=True, exist_ok=True)
    grid(cells, [*header] * side).save(path)
