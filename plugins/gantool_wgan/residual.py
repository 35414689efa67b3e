"""The residual networks of WGAN-GP (Gulrajani et al. 2017, appendix F), for squares whose side is a power of two."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.dcgan import NORMS
from gantool.networks.layers import Tanh


class ResidualGenerator(nn.Module):
    """Latents (N, `latent`) to pictures (N, channels, size, size) in [-1, 1]."""

    def __init__(
        self, size: int, channels: int = 3, *, latent: int = 128, width: int = 64, norm: str = "batch"
    ) -> None:
        super().__init__()
        widths = [width * step for step in _steps(size)[::-1]]
        self.input = nn.Linear(latent, widths[0] * 16)
        self.blocks = nn.Sequential()  # from (N, width size / 8, 4, 4), at most 8 width, to (N, width, size, size)
        for inside, outside in pairwise(widths):
            self.blocks.append(Block(inside, outside, norm, up=True))
        self.norm = NORMS[norm](width)
        self.output = nn.Conv2d(width, channels, 3, padding=1)
        self.tanh = Tanh()

    def forward(self, z: Tensor) -> Tensor:
        x = self.blocks(self.input(z).unflatten(1, (-1, 4, 4)))
        pictures: Tensor = self.tanh(self.output(self.norm(x).relu()))
        return pictures


class ResidualCritic(nn.Module):
    """Pictures (N, channels, size, size) in [-1, 1] to scores (N,)."""

    def __init__(self, size: int, channels: int = 3, *, width: int = 64, norm: str = "layer") -> None:
        super().__init__()
        widths = [width * step for step in _steps(size)]
        self.input = nn.Conv2d(channels, width, 3, padding=1)
        self.blocks = nn.Sequential()  # from (N, width, size, size) to (N, width size / 8, 4, 4), at most 8 width
        for inside, outside in pairwise(widths):
            self.blocks.append(Block(inside, outside, norm, up=False))
        self.output = nn.Linear(widths[-1] * 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.output(self.blocks(self.input(x)).flatten(1))
        return scores.flatten()


class Block(nn.Module):
    """Norm, ReLU, convolution, twice, beside a shortcut: (N, inside, H, W) to (N, outside, 2H, 2W), or to H/2, W/2."""

    def __init__(self, inside: int, outside: int, norm: str, *, up: bool) -> None:
        super().__init__()
        between = outside if up else inside
        self.norm1, self.norm2 = NORMS[norm](inside), NORMS[norm](between)
        self.conv1 = nn.Conv2d(inside, between, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(between, outside, 3, padding=1)
        self.shortcut = nn.Conv2d(inside, outside, 1)
        self.larger: Callable[[Tensor], Tensor] = _doubled if up else _same
        self.smaller: Callable[[Tensor], Tensor] = _same if up else _halved

    def forward(self, x: Tensor) -> Tensor:
        changed = self.conv1(self.larger(self.norm1(x).relu()))
        changed = self.smaller(self.conv2(self.norm2(changed).relu()))
        short: Tensor = self.shortcut(self.smaller(self.larger(x)))
        return short + changed


def _same(x: Tensor) -> Tensor:
    return x


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2)


def _halved(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


def begin(network: nn.Module) -> None:
    """The authors' first weights: by He in the blocks, by Glorot elsewhere, uniform; biases 0."""
    for name, layer in network.named_modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            if "conv" in name.rpartition(".")[2]:
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            else:
                nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _steps(size: int) -> list[int]:
    """Widths of the stages from the whole side down to 4, as multiples of the first."""
    return [min(2**stage, 8) for stage in range(size.bit_length() - 3)] + [min(2 ** (size.bit_length() - 4), 8)]
