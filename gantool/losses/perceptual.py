"""Perceptual loss: pictures compared by what a network that classifies pictures makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gantool.networks.precision import single

WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1."""


def perceptual_loss(network: Callable[[Tensor], Sequence[Tensor]], fake: Tensor, real: Tensor) -> Tensor:
    """Weighted sum over the network's maps of the mean absolute difference between fake and real pictures.

    As in pix2pixHD (Wang et al. 2018, arXiv 1711.11585, section 3.3): pictures (N, 3 or 1, H, W) in [-1, 1] go into
    VGG-19 as they are, without ImageNet's mean and deviation; grey is repeated. Single precision also under autocast.
    """
    with torch.autocast(fake.device.type, enabled=False):
        with torch.no_grad():
            targets = network(_rgb(real))
        outputs = network(_rgb(fake))
        terms = [w * (x - y).abs().mean() for w, x, y in zip(WEIGHTS, outputs, targets, strict=True)]
        return torch.stack(terms).sum()


def _rgb(pictures: Tensor) -> Tensor:
    pictures = single(pictures)
    return pictures.expand(-1, 3, -1, -1) if pictures.shape[1] == 1 else pictures
