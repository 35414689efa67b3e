"""Layers under the authors' spectral norm: a weight divided by its largest singular value (Miyato et al. 2018, arXiv
1802.05957).

`u0` is the left singular vector as the last pass in training left it. Every pass does power iterations from there;
those in evaluation keep nothing of them. So gantool.networks.spectral, which keeps both vectors, gives other numbers.
"""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.precision import single

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class SpectralNorm:
    """How a weight is normalised."""

    eps: float = 1e-12
    """Smallest length that a vector is divided by."""
    vectors: int = 1
    """Singular vectors that are followed. The first divides; the others are there to be looked at."""
    iterations: int = 1
    """Power iterations of a pass."""


class _Normalised(nn.Module):
    """A layer with a weight (O, ...), under spectral norm if it is given one."""

    weight: Tensor

    def begin(self, norm: SpectralNorm | None) -> None:
        """Draws the vectors."""
        self.norm = norm
        for i in range(norm.vectors if norm else 0):
            self.register_buffer(f"u{i}", torch.randn(1, len(self.weight)))  # (1, O)
            self.register_buffer(f"sv{i}", torch.ones(1))

    @torch.no_grad()
    def settle(self) -> None:
        """Makes the weight of evaluation mode the weight itself."""
        self.weight = nn.Parameter(self.eval().normalised())
        for i in range(self.norm.vectors if self.norm else 0):
            delattr(self, f"u{i}")
            delattr(self, f"sv{i}")
        self.norm = None

    def normalised(self) -> Tensor:
        """The weight of this pass. In training the vectors and the singular values are kept."""
        norm = self.norm
        if norm is None:
            return self.weight
        kind = self.weight.device.type
        with torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext():
            weight = single(self.weight)
            us = [self.get_buffer(f"u{i}") for i in range(norm.vectors)]
            new_us, vs = power_iterations(weight.detach().flatten(1), us, norm)
            values = [v @ weight.flatten(1).t() @ u.t() for u, v in zip(new_us, vs, strict=True)]
            if self.training:
                for i, (u, value) in enumerate(zip(new_us, values, strict=True)):
                    us[i].copy_(u)
                    self.get_buffer(f"sv{i}").copy_(value.detach().flatten())
            return weight / values[0]


def power_iterations(matrix: Tensor, us: list[Tensor], norm: SpectralNorm) -> tuple[list[Tensor], list[Tensor]]:
    """The singular vectors (1, O) and (1, I) of a matrix (O, I) after more iterations, each at right angles to those
    before it.
    """
    vs: list[Tensor] = []
    for _ in range(norm.iterations):
        told, us, vs = us, [], []
        for u in told:
            vs.append(F.normalize(_across(u @ matrix, vs), eps=norm.eps))
            us.append(F.normalize(_across(vs[-1] @ matrix.t(), us), eps=norm.eps))
    return us, vs


def _across(x: Tensor, others: list[Tensor]) -> Tensor:
    """What is left of a vector without its shares of the others (Gram and Schmidt)."""
    for other in others:
        x = x - (x @ other.t()) * other
    return x


class Conv(nn.Conv2d, _Normalised):
    """A convolution that keeps the size."""

    def __init__(self, into: int, out: int, kernel: int, norm: SpectralNorm | None, *, bias: bool = True) -> None:
        super().__init__(into, out, kernel, padding=kernel // 2, bias=bias)
        self.begin(norm)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.normalised(), self.bias, padding=self.padding)


class Linear(nn.Linear, _Normalised):
    """A linear layer."""

    def __init__(self, into: int, out: int, norm: SpectralNorm | None, *, bias: bool = True) -> None:
        super().__init__(into, out, bias=bias)
        self.begin(norm)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.normalised(), self.bias)


class Embedding(nn.Embedding, _Normalised):
    """A row for each class: of labels (N, classes), shares of classes, it gives these shares of the rows."""

    def __init__(self, classes: int, width: int, norm: SpectralNorm | None = None) -> None:
        super().__init__(classes, width)
        self.begin(norm)

    def forward(self, labels: Tensor) -> Tensor:
        weight = self.normalised()
        return labels.to(weight.dtype) @ weight  # (N, width)


def settled(network: Network) -> Network:
    """A copy without spectral norm that gives what the network gives in evaluation mode."""
    copied = copy.deepcopy(network)
    for module in copied.modules():
        if isinstance(module, _Normalised):
            module.settle()
    return copied


INITIALIZATIONS = ("orthogonal", "normal", "xavier")


def initialize(network: nn.Module, init: str) -> None:
    """Fills all weights of convolutions, linear layers and embeddings: `orthogonal`, `normal` N(0, 0.02), `xavier`
    uniform. Biases stay as torch draws them, as the authors'.
    """
    for module in network.modules():
        if isinstance(module, (Conv, Linear, Embedding)):
            if init == "orthogonal":
                nn.init.orthogonal_(module.weight)
            elif init == "normal":
                nn.init.normal_(module.weight, 0.0, 0.02)
            else:
                nn.init.xavier_uniform_(module.weight)
