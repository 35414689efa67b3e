"""The Inception-v3 network whose features FID and KID are defined on, and the reader of its weights file.

The network is Szegedy et al., CVPR 2016, arXiv 1512.00567, in the variant of the TensorFlow graph of 2015-12-05 that
the FID authors used: 1008 classes, padding left out of the average pools, and a max pool in the last block. Its weights
are the file `pt_inception-2015-12-05-6726825d.pth`; gantool neither ships nor downloads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.evaluation.files import INCEPTION
from gantool.evaluation.pictures import Pictures, Progress, as_rgb, silent
from gantool.importing.reading import leaves, read_official
from gantool.inference.devices import kernels
from gantool.pictures.decoding import Array

FEATURES = 2048
SIDE = 299
VERSION = 1
"""Of the features, as bytes: another one where `inception_features` computes them otherwise, in other batches, say."""
RESIZE = "bilinear to 299x299 without anti-aliasing, corners not aligned, in floating point"
_Network = TypeVar("_Network", bound=nn.Module)
_COUNTER = "num_batches_tracked"  # BatchNorm's count of training steps: in some files, never used here


class _Conv(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int | tuple[int, int], *, stride: int = 1, same: bool = False
    ) -> None:
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (height // 2, width // 2) if same else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, (height, width), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def _average() -> nn.AvgPool2d:
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


class _BlockA(nn.Module):
    """35x35: 1x1, 5x5, two 3x3, pool."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = _Conv(inputs, 64, 1)
        self.branch5x5_1 = _Conv(inputs, 48, 1)
        self.branch5x5_2 = _Conv(48, 64, 5, same=True)
        self.branch3x3dbl_1 = _Conv(inputs, 64, 1)
        self.branch3x3dbl_2 = _Conv(64, 96, 3, same=True)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, same=True)
        self.average = _average()
        self.branch_pool = _Conv(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, double, self.branch_pool(self.average(x))], 1)


class _BlockB(nn.Module):
    """35x35 to 17x17."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = _Conv(inputs, 384, 3, stride=2)
        self.branch3x3dbl_1 = _Conv(inputs, 64, 1)
        self.branch3x3dbl_2 = _Conv(64, 96, 3, same=True)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, stride=2)], 1)


class _BlockC(nn.Module):
    """17x17: convolutions of 7x7 taken apart into rows and columns."""

    def __init__(self, inputs: int, middle: int) -> None:
        super().__init__()
        row, column = (1, 7), (7, 1)
        self.branch1x1 = _Conv(inputs, 192, 1)
        self.branch7x7_1 = _Conv(inputs, middle, 1)
        self.branch7x7_2 = _Conv(middle, middle, row, same=True)
        self.branch7x7_3 = _Conv(middle, 192, column, same=True)
        self.branch7x7dbl_1 = _Conv(inputs, middle, 1)
        self.branch7x7dbl_2 = _Conv(middle, middle, column, same=True)
        self.branch7x7dbl_3 = _Conv(middle, middle, row, same=True)
        self.branch7x7dbl_4 = _Conv(middle, middle, column, same=True)
        self.branch7x7dbl_5 = _Conv(middle, 192, row, same=True)
        self.average = _average()
        self.branch_pool = _Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), seven, double, self.branch_pool(self.average(x))], 1)


class _BlockD(nn.Module):
    """17x17 to 8x8."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3_1 = _Conv(inputs, 192, 1)
        self.branch3x3_2 = _Conv(192, 320, 3, stride=2)
        self.branch7x7x3_1 = _Conv(inputs, 192, 1)
        self.branch7x7x3_2 = _Conv(192, 192, (1, 7), same=True)
        self.branch7x7x3_3 = _Conv(192, 192, (7, 1), same=True)
        self.branch7x7x3_4 = _Conv(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, F.max_pool2d(x, 3, stride=2)], 1)


class _BlockE(nn.Module):
    """8x8: 3x3 convolutions spread into a row and a column."""

    def __init__(self, inputs: int, *, max_pool: bool) -> None:
        super().__init__()
        self.max_pool = max_pool
        row, column = (1, 3), (3, 1)
        self.branch1x1 = _Conv(inputs, 320, 1)
        self.branch3x3_1 = _Conv(inputs, 384, 1)
        self.branch3x3_2a = _Conv(384, 384, row, same=True)
        self.branch3x3_2b = _Conv(384, 384, column, same=True)
        self.branch3x3dbl_1 = _Conv(inputs, 448, 1)
        self.branch3x3dbl_2 = _Conv(448, 384, 3, same=True)
        self.branch3x3dbl_3a = _Conv(384, 384, row, same=True)
        self.branch3x3dbl_3b = _Conv(384, 384, column, same=True)
        self.average = _average()
        self.branch_pool = _Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = F.max_pool2d(x, 3, stride=1, padding=1) if self.max_pool else self.average(x)
        parts = [self.branch1x1(x), self.branch3x3_2a(single), self.branch3x3_2b(single)]
        parts += [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double), self.branch_pool(pooled)]
        return torch.cat(parts, 1)


class Inception(nn.Module):
    """Pictures (N, 3, 299, 299) in [-1, 1] to the 2048 features of the last average pool (N, 2048).

    The parameters are named as in the weights file; `fc`, the classifier, is part of the file but not of the features.
    """

    def __init__(self, classes: int = 1008) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Conv(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = _Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = _Conv(32, 64, 3, same=True)
        self.Conv2d_3b_1x1 = _Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = _Conv(80, 192, 3)
        self.Mixed_5b = _BlockA(192, 32)
        self.Mixed_5c = _BlockA(256, 64)
        self.Mixed_5d = _BlockA(288, 64)
        self.Mixed_6a = _BlockB(288)
        self.Mixed_6b = _BlockC(768, 128)
        self.Mixed_6c = _BlockC(768, 160)
        self.Mixed_6d = _BlockC(768, 160)
        self.Mixed_6e = _BlockC(768, 192)
        self.Mixed_7a = _BlockD(768)
        self.Mixed_7b = _BlockE(1280, max_pool=False)
        self.Mixed_7c = _BlockE(2048, max_pool=True)
        self.fc = nn.Linear(FEATURES, classes)

    @kernels()
    def forward(self, images: Tensor) -> Tensor:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        x = F.max_pool2d(x, 3, stride=2)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))
        x = F.max_pool2d(x, 3, stride=2)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        features: Tensor = x.mean(dim=(2, 3))
        return features


def load_inception(path: Path) -> Inception:
    """The network with the weights of `path` (.pth or .safetensors), ready for inference on the CPU.

    Raises CheckpointError if the file cannot be read without running code, or does not hold exactly this network.
    """
    other = f"{path}: not the Inception weights of FID, {INCEPTION}"
    return filled(Inception, dict(leaves(read_official(path))), other)


def filled(make: Callable[[], _Network], found: Mapping[str, Tensor], problem: str) -> _Network:
    """What `make` makes, with exactly these weights, ready for inference. Raises CheckpointError, `problem` first."""
    weights = {name: value for name, value in found.items() if not name.endswith(_COUNTER)}
    with torch.device("meta"):
        network = make()
    expected = {name: value for name, value in network.state_dict().items() if not name.endswith(_COUNTER)}
    missing = [name for name in expected if name not in weights]
    unexpected = [name for name in weights if name not in expected]
    shapes = [
        f"{name} is {list(weights[name].shape)}, not {list(value.shape)}"
        for name, value in expected.items()
        if name in weights and weights[name].shape != value.shape
    ]
    faults = [*_some("missing", missing), *_some("unexpected", unexpected), *_some("of another shape", shapes)]
    if faults:
        raise CheckpointError(f"{problem}: {'; '.join(faults)}")
    network.to_empty(device="cpu")
    with torch.no_grad():
        for name, value in network.state_dict().items():
            value.copy_(weights[name]) if name in weights else value.zero_()
    return network.eval().requires_grad_(False)


def _some(what: str, names: list[str]) -> list[str]:
    """The first names of a kind of fault, and how many there are."""
    if not names:
        return []
    return [f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"]


def prepare(pixels: Array, size: tuple[int, int] | None = None) -> Tensor:
    """A picture as the network takes it: (1, 3, 299, 299) in [-1, 1], resized as `RESIZE` says.

    Before that it is brought to (height, width) `size`, where that is given, as `inputs.RESIZE` says.
    """
    image = F.interpolate(as_rgb(pixels, size), (SIDE, SIDE), mode="bilinear", align_corners=False)
    return image * 2 - 1


@torch.inference_mode()
def inception_features(
    pictures: Pictures,
    network: Inception,
    *,
    size: tuple[int, int] | None = None,
    device: torch.device,
    batch: int = 16,
    stage: str = "Inception",
    progress: Progress = silent,
) -> NDArray[np.float32]:
    """The features (N, 2048) of N pictures of any sizes, `batch` at a time. `network` moves to `device`."""
    network.to(device)
    found = np.empty((len(pictures), FEATURES), np.float32)
    for start in range(0, len(pictures), batch):
        progress(stage, start, len(pictures))
        stop = min(start + batch, len(pictures))
        images = torch.cat([prepare(pictures[index], size) for index in range(start, stop)])
        found[start:stop] = network(images.to(device)).cpu().numpy()
    return found
