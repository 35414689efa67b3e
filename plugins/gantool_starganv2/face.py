"""Where a face is: the landmark network FAN, and masks from its heat maps.

FAN is the network of Wang, Bo and Fuxin, ICCV 2019, arXiv 1904.07399 (adaptive wing loss): 98 landmarks and a boundary.
StarGAN v2 uses it, with weights that others trained, for the masks of its high-pass skip (section 3 of its appendix).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.importing.official import OfficialTensors
from gantool.importing.reading import read_official
from gantool.importing.table import load, same
from gantool.networks.precision import single
from gantool.runs import checkpoint
from gantool_starganv2.networks import Masks


class ConvBlock(nn.Module):
    """Three 3x3 convolutions of a half, a quarter and a quarter of the channels side by side, and a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half, quarter = outputs // 2, outputs // 4
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, half, 3, padding=1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(half), nn.Conv2d(half, quarter, 3, padding=1, bias=False)
        self.bn3, self.conv3 = nn.BatchNorm2d(quarter), nn.Conv2d(quarter, quarter, 3, padding=1, bias=False)
        self.downsample = (
            nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False))
            if inputs != outputs
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        one = self.conv1(F.relu(self.bn1(x)))
        two = self.conv2(F.relu(self.bn2(one)))
        three = self.conv3(F.relu(self.bn3(two)))
        joined: Tensor = torch.cat([one, two, three], dim=1) + self.downsample(x)
        return joined


class CoordConv(nn.Module):
    """A convolution that sees where it is: row and column in [-1, 1] and the distance from the middle as channels."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs + 3, outputs, kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        rows = torch.linspace(-1, 1, height, dtype=x.dtype, device=x.device)[:, None].expand(height, width)
        columns = torch.linspace(-1, 1, width, dtype=x.dtype, device=x.device).expand(height, width)
        radius = (rows**2 + columns**2).sqrt() / sqrt(2)  # 1 in the corners
        where = torch.stack([rows, columns, radius]).expand(n, 3, height, width)
        y: Tensor = self.conv(torch.cat([x, where], dim=1))
        return y


class Hourglass(nn.Module):
    """Four times half the size and back, with a branch at every size."""

    DEPTH = 4

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coordconv = CoordConv(channels, channels, 1)
        for level in range(self.DEPTH, 0, -1):
            for branch in ("b1", "b2", "b3"):
                self.add_module(f"{branch}_{level}", ConvBlock(channels, channels))
        self.b2_plus_1 = ConvBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self._level(self.DEPTH, self.coordconv(x))

    def _level(self, level: int, x: Tensor) -> Tensor:
        across = self.get_submodule(f"b1_{level}")(x)
        low = self.get_submodule(f"b2_{level}")(F.avg_pool2d(x, 2))
        low = self._level(level - 1, low) if level > 1 else self.b2_plus_1(low)
        low = self.get_submodule(f"b3_{level}")(low)
        both: Tensor = across + F.interpolate(low, scale_factor=2.0, mode="nearest")
        return both


class FAN(nn.Module):
    """Pictures (N, 3, 256, 256) in [0, 1] to heat maps (N, 99, 64, 64): 98 landmarks and the boundary.

    Somebody else's network: it stays in evaluation mode, and nothing trains it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = CoordConv(3, 64, 7, 2, 3), nn.BatchNorm2d(64)
        self.conv2, self.conv3, self.conv4 = ConvBlock(64, 128), ConvBlock(128, 128), ConvBlock(128, 256)
        self.m0 = Hourglass(256)
        self.top_m_0 = ConvBlock(256, 256)
        self.conv_last0, self.bn_end0 = nn.Conv2d(256, 256, 1), nn.BatchNorm2d(256)
        self.l0 = nn.Conv2d(256, 99, 1)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> FAN:
        return super().train(False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # (N, 64, 128, 128)
        x = F.avg_pool2d(self.conv2(x), 2)  # (N, 128, 64, 64)
        x = self.top_m_0(self.m0(self.conv4(self.conv3(x))))  # (N, 256, 64, 64)
        maps: Tensor = self.l0(F.relu(self.bn_end0(self.conv_last0(x))))
        return maps


@torch.no_grad()
def face_masks(fan: FAN, images: Tensor) -> Masks:
    """The masks of pictures (N, 3, H, W) in [-1, 1]. In single precision also under autocast."""
    with torch.autocast(images.device.type, enabled=False):
        return masks(enlarged(heatmaps(fan, single(images))))


def heatmaps(fan: FAN, images: Tensor) -> Tensor:
    """The 98 landmarks' heat maps (N, 98, 64, 64) of pictures (N, 3, H, W) in [-1, 1]."""
    x = F.interpolate(images, (256, 256), mode="bilinear", align_corners=False)
    maps: Tensor = fan((x + 1) / 2)[:, :98]
    return maps


def enlarged(maps: Tensor) -> Tensor:
    """Heat maps (N, 98, 64, 64) at 256 x 256."""
    return F.interpolate(maps, scale_factor=4.0, mode="bilinear", align_corners=True)


def masks(maps: Tensor) -> Masks:
    """The two masks (N, 1, H, W) in [0, 1] of heat maps (N, 98, H, W), H and W multiples of 256.

    Spots become patches of the size of what they belong to: they are moved, sharpened by powers, chosen and added up.
    """
    h = torch.where(maps < 0.1, 0.0, maps)
    low, high = h.amin((2, 3), keepdim=True), h.amax((2, 3), keepdim=True)
    h = h.sub_(low).div_(high - low + 1e-6)  # in place: the maps are large, and memory costs more than arithmetic

    scale = h.shape[2] // 256
    for part, rows, power in _MOVED:
        h[:, part] = _up(h[:, part], rows * scale) ** power
    for part in _LEFT_OUT:
        h[:, part] = 0
    h[:, 52:55] = _up(h[:, 52:55], 4)
    h[:, 60:76] = _up(h[:, 60:76], -8) ** 3 + _up(h[:, 60:76], -24)

    coarse = h.sum(1, keepdim=True)
    for part in _COARSE_ONLY:
        h[:, part] = 0
    fine = h.sum(1, keepdim=True)
    return torch.where(coarse.isnan(), 0.0, coarse).clamp(0, 1), fine.clamp(0, 1)


_MOVED = (
    (slice(8, 25), 0, 3),  # chin
    (slice(33, 51), -7, 2),  # brows
    (slice(55, 60), 8, 4),  # nostrils
    (slice(77, 82), -8, 4),  # upper lip
    (slice(83, 88), 8, 4),  # lower lip
    (slice(88, 96), -2, 3),  # inner lip
)
_LEFT_OUT = (slice(8), slice(25, 34), slice(46, 47), slice(76, 77), slice(82, 83))
_COARSE_ONLY = (slice(8, 25), slice(33, 51), slice(76, 96))


def _up(maps: Tensor, rows: int) -> Tensor:
    """Maps (N, K, H, W) moved up by so many rows; what leaves at the top comes back at the bottom."""
    return maps.roll(-rows, dims=2)


def read_fan(path: Path) -> dict[str, Tensor]:
    """The face network's weights from `wing.ckpt`, from an official file that holds them, or from weights of gantool.

    Raises CheckpointError for a file that does not hold them.
    """
    if path.suffix == ".safetensors":
        tensors = checkpoint.read(path)[1]
        content: OfficialTensors = {k.removeprefix("fan."): v for k, v in tensors.items() if k.startswith("fan.")}
    else:
        file = read_official(path)
        own = file.get("fan", file)
        content = own if isinstance(own, Mapping) else file
    with torch.device("meta"):
        network = FAN()
    expected = network.state_dict()
    weights = {key: value for key, value in content.items() if key in expected and isinstance(value, Tensor)}
    if not weights:
        raise CheckpointError(f"{path} does not hold the face network: its file is wing.ckpt")
    load(network, same(network), weights, str(path))
    return network.state_dict()
