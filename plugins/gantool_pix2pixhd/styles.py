"""What features the encoder gave to each class: from these, styles are drawn where there is no real picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantool.model import Run
from gantool_pix2pixhd.maps import class_means

_WEIGHT = 0.01
"""Of a picture in the running means."""


class Styles(nn.Module):
    """Running means and deviations of the features by class, over the pictures in which the class occurs.

    A style code (N, classes F) holds a feature vector for each class, which all its instances share. Classes that were
    never seen have features of 0.
    """

    sums: Tensor
    squares: Tensor
    weights: Tensor

    def __init__(self, classes: int, features: int) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(classes, features))
        self.register_buffer("squares", torch.zeros(classes, features))
        self.register_buffer("weights", torch.zeros(classes, 1))

    @torch.no_grad()
    def observe(self, features: Tensor, labels: Tensor, run: Run) -> None:
        """Takes note of features (N, F, H, W) of pictures with these labels (N, 1, H, W), on all processes."""
        with torch.autocast(features.device.type, enabled=False):  # sums over many pixels
            found, there = class_means(features.to(self.sums.dtype), labels, len(self.sums))
        for mean, seen in zip(run.gather(found), run.gather(there), strict=True):
            keep = 1 - _WEIGHT * seen
            self.sums.mul_(keep).add_(seen * mean)
            self.squares.mul_(keep).add_(seen * mean**2)
            self.weights.mul_(keep).add_(seen)

    def means(self) -> Tensor:
        """(classes, F)."""
        return self.sums / self.weights.clamp(min=1)

    def random(self, generator: torch.Generator) -> Tensor:
        """A style (1, classes F): normal draws with the means and deviations of each class, within [-1, 1]."""
        means = self.means()
        deviations = (self.squares / self.weights.clamp(min=1) - means**2).clamp(min=0).sqrt()
        drawn = torch.randn(means.shape, generator=generator).to(means)
        return (means + deviations * drawn).clamp(-1, 1).flatten()[None]

    def spread(self, style: Tensor, classes: Tensor) -> Tensor:
        """Features (N, F, H, W) of style codes for pictures whose classes are given as one-hot (N, classes, H, W)."""
        n, count, height, width = classes.shape
        vectors = style.view(n, count, -1).transpose(1, 2)  # (N, F, classes)
        return (vectors @ classes.flatten(2)).view(n, -1, height, width)
