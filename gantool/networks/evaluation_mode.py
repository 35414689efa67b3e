"""Dropout and batch norms that go on working in translation, as in training, and are repeatable.

Some authors translate in training mode: dropout drops, and batch norms use the statistics of the picture itself (Isola
et al. 2017, arXiv 1611.07004, section 3.2). The layers here do that in evaluation mode, each picture by itself. What is
dropped follows from a seed by integer arithmetic alone, so every device, every batch and every exported file drops the
same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEEDS = 2**24
"""Seeds are the whole numbers below this: single precision holds every one of them exactly."""

_PRIME = 2**31 - 1  # the fifth power permutes the numbers below it, and products of two of them fit into 64 bits
_KEYS = ((1_327_217_885, 950_706_376), (2_027_812_808, 742_938_285))  # a pair a round: of the seed and of the layer


def random_seed(generator: torch.Generator) -> Tensor:
    """(1, 1): a seed, as a style code."""
    return torch.randint(SEEDS, (1, 1), generator=generator).float()


def no_seed() -> Tensor:
    """(1, 1): -1, which drops nothing."""
    return torch.full((1, 1), -1.0)


class PictureNorm(nn.BatchNorm2d):
    """A batch norm that uses each picture's own statistics in evaluation mode; running ones stay as they are."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return super().forward(x)
        return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)


class SeededDropout(nn.Dropout):
    """Dropout (p = 0.5) that drops in evaluation mode too while it has seeds: see `seeded`."""

    def __init__(self, number: int) -> None:
        super().__init__(0.5)
        self.number = number
        """Tells the layers of a network apart."""
        self.seeds: Tensor | None = None
        """(N, 1), a seed a picture; one below 0 drops nothing."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training or self.seeds is None:
            return super().forward(x)
        seeds = self.seeds.view(-1, 1, 1, 1)
        factors = torch.where(seeds < 0, 1.0, 2.0 * kept(seeds.to(torch.int64), self.number, x))
        return x * factors.to(x.dtype)


def kept(seeds: Tensor, layer: int, like: Tensor) -> Tensor:
    """Which values of a map (N, C, H, W) a layer keeps, True or False: for seeds (N, 1, 1, 1) int64.

    A hash of (seed, layer, channel, row, column): two rounds of x -> (x + key)^5 modulo the prime 2^31 - 1, a
    permutation (as in the cipher MiMC, Albrecht et al. 2016). Multiplication, addition and remainder of integers are
    the same everywhere, and every exported graph has them.
    """
    _, channels, height, width = like.shape
    x = torch.arange(channels * height * width, device=like.device).view(1, channels, height, width)
    for of_seed, of_layer in _KEYS:
        key = (seeds * of_seed + (layer + 1) * of_layer) % _PRIME
        x = (x + key) % _PRIME
        square = x * x % _PRIME
        x = square * square % _PRIME * x % _PRIME
    return x < _PRIME // 2


def prepare(network: nn.Module, *, dropout: bool, statistics: bool) -> int:
    """Exchanges a generator's dropout layers and batch norms for those above, as far as asked for.

    Returns the number of layers that drop. The keys of the state dict stay.
    """
    drops = 0
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if dropout and isinstance(child, nn.Dropout):
                setattr(module, name, SeededDropout(drops))
                drops += 1
            elif statistics and isinstance(child, nn.BatchNorm2d):
                setattr(module, name, PictureNorm(child.num_features))
    return drops


@contextmanager
def seeded(network: nn.Module, seeds: Tensor) -> Iterator[None]:
    """Inside, the network's dropout layers drop as seeds (N, 1) say, in evaluation mode too."""
    layers = [module for module in network.modules() if isinstance(module, SeededDropout)]
    for layer in layers:
        layer.seeds = seeds
    try:
        yield
    finally:
        for layer in layers:
            layer.seeds = None
