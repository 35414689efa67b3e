"""LPIPS, a perceptual distance of two pictures, and diversity, its mean over several translations of one picture.

Zhang et al., CVPR 2018, arXiv 1801.03924: squared differences of a network's features, weighted by what people said.
The network is AlexNet or VGG-16. Its weights (torchvision's `alexnet-owt-7be5be79.pth` or `vgg16-397923af.pth`) and the
five linear heads (`alex.pth` or `vgg.pth` of the package `lpips`, version 0.1) are files that gantool neither ships nor
downloads.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import torch
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.importing.reading import leaves, read_official
from gantool.inference.devices import kernels

HEADS = ("lin{}.model.1.weight", "lpips_weights.{}.main.1.weight")
"""Names of the heads in known files: the package's, and StarGAN v2's."""
ALEX, VGG = "AlexNet", "VGG-16"
CHANNELS = {ALEX: (64, 192, 384, 256, 256), VGG: (64, 128, 256, 512, 512)}
"""Channels of the five feature maps."""
_TAPS = {ALEX: (1, 4, 7, 9, 11), VGG: (3, 8, 15, 22, 29)}  # the ReLUs whose outputs are compared
_SMALLEST = {ALEX: 31, VGG: 16}


class LPIPS(nn.Module):
    """The distance (N,) of pictures (N, 3, H, W) in [-1, 1] and others, 0 for equal ones. Sides are at least
    `smallest_side`: a network halves pictures until less than a pixel would be left of smaller ones.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: str = ALEX) -> None:
        super().__init__()
        self.network = network
        self.smallest_side = _SMALLEST[network]
        self.features = _alexnet() if network == ALEX else _vgg16()
        self.heads = nn.ParameterList(torch.empty(1, channels, 1, 1) for channels in CHANNELS[network])
        self.register_buffer("mean", torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1), persistent=False)

    @kernels()
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        terms = [
            ((a - b).square() * head).sum(1).mean((1, 2))
            for a, b, head in zip(self._maps(x), self._maps(y), self.heads, strict=True)
        ]
        return torch.stack(terms).sum(0)

    def _maps(self, x: Tensor) -> list[Tensor]:
        """The five feature maps, each pixel's features scaled to length 1."""
        x = (x - self.mean) / self.std
        maps = []
        for place, layer in enumerate(self.features):
            x = layer(x)
            if place in _TAPS[self.network]:
                maps.append(x * (x.square().sum(1, keepdim=True) + 1e-10).rsqrt())
        return maps


def _alexnet() -> nn.Sequential:
    relu, pool = nn.ReLU, nn.MaxPool2d
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 11, 4, 2), relu(), pool(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), relu(), pool(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), relu()),
        *(nn.Conv2d(384, 256, 3, padding=1), relu()),
        *(nn.Conv2d(256, 256, 3, padding=1), relu()),
    )


def _vgg16() -> nn.Sequential:
    layers: list[nn.Module] = []
    inside = 3
    for channels, convolutions in zip(CHANNELS[VGG], (2, 2, 3, 3, 3), strict=True):
        if layers:
            layers.append(nn.MaxPool2d(2))
        for _ in range(convolutions):
            layers += [nn.Conv2d(inside, channels, 3, padding=1), nn.ReLU()]
            inside = channels
    return nn.Sequential(*layers)


def load(backbone: Path, heads: Path) -> LPIPS:
    """The distance with a network's weights from one file and the linear heads from another; nothing in it trains.

    `backbone` has torchvision's keys (`features.0.weight`; its classifier is not needed) and says which network it is,
    `heads` one of `HEADS`. Raises CheckpointError for files that cannot be read or do not hold these weights.
    """
    features, linear = (dict(leaves(read_official(path))) for path in (backbone, heads))
    first = features.get("features.0.weight")
    network = LPIPS(VGG if first is not None and tuple(first.shape) == (64, 3, 3, 3) else ALEX)
    expected = network.state_dict()
    names = next((n for n in HEADS if n.format(0) in linear), HEADS[0])
    found = {key: (backbone, key, features) for key in expected if key.startswith("features.")}
    found |= {f"heads.{i}": (heads, names.format(i), linear) for i in range(len(network.heads))}
    for ours, (path, theirs, content) in found.items():
        shape = tuple(content[theirs].shape) if theirs in content else "missing"
        if shape != tuple(expected[ours].shape):
            raise CheckpointError(
                f"{path} holds no weights of LPIPS with {network.network}: {theirs} is {shape}, not"
                f" {tuple(expected[ours].shape)}"
            )
    network.load_state_dict({ours: content[theirs] for ours, (_, theirs, content) in found.items()})
    return network.eval().requires_grad_(False)


@torch.no_grad()
def diversity(samples: Tensor, distance: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Mean `distance` over all pairs of K translations of each of N pictures, samples (K, N, 3, H, W) in [-1, 1].

    A number without dimensions. Raises ValueError for a single translation, which has no pairs.
    """
    if len(samples) < 2:
        raise ValueError("diversity is a property of two translations of a picture or more")
    return torch.stack([distance(a, b).mean() for a, b in combinations(samples, 2)]).mean()
