"""Tiny networks that judge: trained in a moment on noisy pictures of three colours, written as ONNX."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

COLORS = {"ruby": (200, 40, 60), "leaf": (50, 170, 60), "sea": (40, 70, 190)}
"""The classes."""


def noisy(name: str, seed: int, *, size: tuple[int, int] = (12, 10), noise: float = 60) -> np.ndarray:
    """A picture (H, W, 3) of a class; `size` is (width, height)."""
    rng = np.random.default_rng(seed)
    levels = rng.normal(COLORS[name], noise, (size[1], size[0], 3)) + rng.normal(0, noise, 3)
    return levels.clip(0, 255).astype(np.uint8)


def scene(places: np.ndarray, seed: int, noise: float = 50) -> np.ndarray:
    """A picture (H, W, 3) whose pixels are of these classes (H, W)."""
    colors = np.array(list(COLORS.values()))
    return np.random.default_rng(seed).normal(colors[places], noise).clip(0, 255).astype(np.uint8)


class Means(nn.Module):
    """Pictures (N, 3, H, W) to logits (N, 3) of their mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.linear(images.mean((2, 3)))
        return logits


def segmenter() -> nn.Module:
    """Pictures (N, 3, H, W) to logits (N, 3, H, W)."""
    return nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 3, 1))


def trained(network: nn.Module, images: np.ndarray, classes: np.ndarray, steps: int = 80) -> nn.Module:
    """After some steps on images (N, 3, H, W) of these classes, (N,) or (N, H, W)."""
    optimizer = torch.optim.Adam(network.parameters(), 0.05)
    x, y = torch.from_numpy(images), torch.from_numpy(classes)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(network(x), y).backward()
        optimizer.step()
    return network.eval()


def exported(network: nn.Module, file: Path, channels: int = 3) -> Path:
    """As ONNX, for any number of pictures of any size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older exporter takes a twentieth of the newer one's seconds
        torch.onnx.export(
            network,
            (torch.zeros(2, channels, 4, 6),),
            file,
            dynamo=False,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "n", 2: "h", 3: "w"}, "y": {0: "n"}},
        )
    return file


def stored(pixels: np.ndarray, file: Path) -> Path:
    """Writes a picture."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)
    return file
