"""Feature matching: a fake should look to the discriminator's inner layers as the real picture does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gantool.losses.reconstruction import l1


def feature_matching_loss(fake: Sequence[Sequence[Tensor]], real: Sequence[Sequence[Tensor]]) -> Tensor:
    """Mean over scales of 4 times the mean over stages of mean |fake - real| (Wang et al. 2018, arXiv 1711.11585,
    equation 4, weighted as in the authors' code).

    `fake` and `real` hold, for each scale of a discriminator, the outputs of its stages; the last one, the scores, does
    not count. No gradient goes through `real`. Single precision also under autocast.
    """
    terms = []
    for scale, targets in zip(fake, real, strict=True):
        weight = 4.0 / (len(fake) * (len(scale) - 1))
        for ours, theirs in zip(scale[:-1], targets[:-1], strict=True):
            terms.append(weight * l1(ours, theirs.detach()))
    return torch.stack(terms).sum()
