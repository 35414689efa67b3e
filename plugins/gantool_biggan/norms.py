"""Batch norms that are told a class, and statistics for sampling at another truncation."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool_biggan.spectral import Embedding, Linear, Network, SpectralNorm

MOMENTUM = 0.1
"""Share of a batch in the running statistics."""


class BatchNorm(nn.Module):
    """A batch norm without parameters of its own. (N, C, H, W) in and out."""

    stored_mean: Tensor
    stored_var: Tensor

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("stored_mean", torch.zeros(channels))
        self.register_buffer("stored_var", torch.ones(channels))

    def normalised(self, x: Tensor) -> Tensor:
        """By the batch's statistics in training, by the running ones otherwise."""
        return F.batch_norm(
            x, self.stored_mean, self.stored_var, training=self.training, momentum=MOMENTUM, eps=self.eps
        )


class ClassNorm(BatchNorm):
    """A batch norm whose scale and shift follow from what it is told."""

    def __init__(self, channels: int, told: int, eps: float, norm: SpectralNorm | None, *, embeds: bool) -> None:
        """`told` numbers for each picture; `embeds`: labels, for which it has a table of its own."""
        super().__init__(channels, eps)
        self.gain, self.bias = (
            Embedding(told, channels) if embeds else Linear(told, channels, norm, bias=False) for _ in range(2)
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        gain, bias = (network(y)[:, :, None, None] for network in (self.gain, self.bias))  # (N, C, 1, 1)
        normalised: Tensor = self.normalised(x) * (1 + gain) + bias
        return normalised


class OutputNorm(BatchNorm):
    """The generator's last batch norm, which is told nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-5)
        self.gain = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.normalised(x) * self.gain[:, None, None] + self.bias[:, None, None]


@torch.no_grad()
def with_standing_statistics(generator: Network, draws: Iterable[tuple[Tensor, Tensor]]) -> Network:
    """A copy of the generator, in evaluation mode, whose statistics are the means over these passes (appendix of the
    paper). `draws` are the latents (N, Z) and labels (N, classes) of each.

    As in the authors' code the passes are in training mode: vectors of spectral norms move, too.
    """
    collected = copy.deepcopy(generator).train()
    seen: dict[BatchNorm, list[tuple[Tensor, Tensor]]] = {}

    def look(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, BatchNorm)
        x = inputs[0].float() if inputs[0].dtype.itemsize < 4 else inputs[0]
        seen[norm].append((x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)))

    norms = [module for module in collected.modules() if isinstance(module, BatchNorm)]
    hooks = [norm.register_forward_pre_hook(look) for norm in norms]
    seen.update((norm, []) for norm in norms)
    for z, labels in draws:
        collected(z, labels)
    for hook in hooks:
        hook.remove()
    for norm, moments in seen.items():
        means, variances = zip(*moments, strict=True)
        norm.stored_mean.copy_(torch.stack(means).mean(0))
        norm.stored_var.copy_(torch.stack(variances).mean(0))
    return collected.eval()
