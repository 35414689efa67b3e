"""Discriminators that judge a picture at several scales (Wang et al. 2018, arXiv 1711.11585, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn


class MultiScaleDiscriminator(nn.Module):
    """One network a scale: the first sees the pictures (N, C, H, W), each other one copies of half the size.

    `forward` gives a list of what the networks give, that of the full size first. With `coarsest_first` the networks
    are numbered from the coarsest, so that two of them keep their places inside three; the list stays as it is.
    """

    def __init__(self, networks: Iterable[nn.Module], *, coarsest_first: bool = False) -> None:
        super().__init__()
        self.scales = nn.ModuleList(networks)
        self.coarsest_first = coarsest_first

    def forward(self, x: Tensor) -> list[Any]:
        outputs = []
        for index, network in enumerate(reversed(self.scales) if self.coarsest_first else self.scales):
            x = halved(x) if index else x
            outputs.append(network(x))
        return outputs


def halved(x: Tensor) -> Tensor:
    """(N, C, H, W) at half the size, rounded up: means over 3x3 pixels, of which those outside do not count."""
    return F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
