"""The authors' networks, numbered as their files are: the other side of the key maps, written independently of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn


def norm_of(norm: str) -> Callable[[int], nn.Module]:
    """`instance_with_statistics` is how files of 2017 have it: running statistics that nobody used."""
    return {
        "instance": nn.InstanceNorm2d,
        "instance_with_statistics": lambda c: nn.InstanceNorm2d(c, track_running_stats=True),
        "batch": nn.BatchNorm2d,
        "none": lambda c: nn.Identity(),
    }[norm]


class Block(nn.Module):
    def __init__(self, channels: int, norm: str, dropout: bool, padding: str) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for last in (False, True):
            if padding == "reflect":
                layers.append(nn.ReflectionPad2d(1))
            layers.append(nn.Conv2d(channels, channels, 3, padding=int(padding == "zero"), bias=_bias(norm)))
            layers.append(norm_of(norm)(channels))
            if not last:
                layers.append(nn.ReLU())
                if dropout:
                    layers.append(nn.Dropout(0.5))
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class Resnet(nn.Module):
    def __init__(
        self,
        into: int = 3,
        out: int = 3,
        width: int = 8,
        blocks: int = 2,
        norm: str = "instance",
        dropout: bool = False,
        padding: str = "reflect",
    ) -> None:
        super().__init__()
        n, bias, w = norm_of(norm), _bias(norm), width
        self.model = nn.Sequential(
            nn.ReflectionPad2d(3),
            *(nn.Conv2d(into, w, 7, bias=bias), n(w), nn.ReLU()),
            *(nn.Conv2d(w, 2 * w, 3, 2, 1, bias=bias), n(2 * w), nn.ReLU()),
            *(nn.Conv2d(2 * w, 4 * w, 3, 2, 1, bias=bias), n(4 * w), nn.ReLU()),
            *(Block(4 * w, norm, dropout, padding) for _ in range(blocks)),
            *(nn.ConvTranspose2d(4 * w, 2 * w, 3, 2, 1, 1, bias=bias), n(2 * w), nn.ReLU()),
            *(nn.ConvTranspose2d(2 * w, w, 3, 2, 1, 1, bias=bias), n(w), nn.ReLU()),
            *(nn.ReflectionPad2d(3), nn.Conv2d(w, out, 7), nn.Tanh()),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Level(nn.Module):
    """One level of the U-Net, holding the deeper ones."""

    def __init__(self, outer: int, inner: int, deeper: Level | None, norm: str, into: int | None = None) -> None:
        super().__init__()
        bias, n = _bias(norm), norm_of(norm)
        self.outermost = into is not None
        down = nn.Conv2d(outer if into is None else into, inner, 4, 2, 1, bias=bias)
        up = nn.ConvTranspose2d(inner * (2 if deeper else 1), outer, 4, 2, 1, bias=bias or self.outermost)
        if self.outermost:
            layers = [down, deeper, nn.ReLU(), up, nn.Tanh()]
        elif deeper is None:
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, n(outer)]
        else:
            layers = [nn.LeakyReLU(0.2), down, n(inner), deeper, nn.ReLU(), up, n(outer)]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class Unet(nn.Module):
    def __init__(self, into: int = 3, out: int = 3, width: int = 4, depth: int = 5, norm: str = "instance") -> None:
        super().__init__()
        channels = [width * min(2**level, 8) for level in range(depth)]
        level: Level | None = None
        for outer, inner in reversed(list(pairwise(channels))):
            level = Level(outer, inner, level, norm)
        self.model = Level(out, width, level, norm, into=into)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Patch(nn.Module):
    def __init__(self, into: int = 3, width: int = 8, layers: int = 3, norm: str = "instance") -> None:
        super().__init__()
        n, bias = norm_of(norm), _bias(norm)
        body: list[nn.Module] = [nn.Conv2d(into, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for k in range(1, layers + 1):
            old, new = width * min(2 ** (k - 1), 8), width * min(2**k, 8)
            body += [nn.Conv2d(old, new, 4, 1 if k == layers else 2, 1, bias=bias), n(new), nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*body, nn.Conv2d(new, 1, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Pixel(nn.Module):
    def __init__(self, into: int = 3, width: int = 8, norm: str = "instance") -> None:
        super().__init__()
        n, bias, w = norm_of(norm), _bias(norm), width
        self.net = nn.Sequential(
            *(nn.Conv2d(into, w, 1), nn.LeakyReLU(0.2), nn.Conv2d(w, 2 * w, 1, bias=bias), n(2 * w)),
            *(nn.LeakyReLU(0.2), nn.Conv2d(2 * w, 1, 1, bias=bias)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def _bias(norm: str) -> bool:
    return norm.startswith("instance")
