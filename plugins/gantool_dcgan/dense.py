"""The conditional GANs without convolutions: networks of one layer after the other, for small pictures.

`Linear...` are those of a widely read implementation (eriklindernoren/PyTorch-GAN), `Maxout...` those of Mirza and
Osindero 2014, arXiv 1411.1784, section 4.1. Both take what the networks of DCGAN take.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantool.networks.layers import Tanh


class LinearGenerator(nn.Module):
    """Latents (N, `latent`) and labels (N, `classes`) to pictures (N, channels, size, size) in [-1, 1]."""

    def __init__(self, size: int, channels: int = 3, *, latent: int = 100, classes: int = 0) -> None:
        super().__init__()
        self.picture = (channels, size, size)
        self.label_emb = nn.Embedding(classes, classes)

        def normed(inside: int, outside: int) -> list[nn.Module]:
            # An eps of 0.8, meant as the momentum, is what the implementation has.
            return [nn.Linear(inside, outside), nn.BatchNorm1d(outside, 0.8), nn.LeakyReLU(0.2, inplace=True)]

        self.model = nn.Sequential(
            *(nn.Linear(latent + classes, 128), nn.LeakyReLU(0.2, inplace=True)),
            *(*normed(128, 256), *normed(256, 512), *normed(512, 1024)),
            *(nn.Linear(1024, channels * size * size), Tanh()),
        )

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        pictures: Tensor = self.model(torch.cat([labels.to(z.dtype) @ self.label_emb.weight, z], 1))
        return pictures.view(-1, *self.picture)


class LinearDiscriminator(nn.Module):
    """Pictures (N, channels, size, size) in [-1, 1] and labels (N, `classes`) to scores (N,)."""

    def __init__(self, size: int, channels: int = 3, *, classes: int = 0) -> None:
        super().__init__()
        self.label_embedding = nn.Embedding(classes, classes)

        def dropped() -> list[nn.Module]:
            return [nn.Linear(512, 512), nn.Dropout(0.4), nn.LeakyReLU(0.2, inplace=True)]

        self.model = nn.Sequential(
            *(nn.Linear(channels * size * size + classes, 512), nn.LeakyReLU(0.2, inplace=True)),
            *(*dropped(), *dropped(), nn.Linear(512, 1)),
        )

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        scores: Tensor = self.model(torch.cat([x.flatten(1), labels.to(x.dtype) @ self.label_embedding.weight], 1))
        return scores.flatten()


class MaxoutGenerator(nn.Module):
    """As `LinearGenerator`; the paper draws latents uniformly from [0, 1), which normal ones become here."""

    def __init__(self, size: int, channels: int = 3, *, latent: int = 100, classes: int = 0) -> None:
        super().__init__()
        self.picture = (channels, size, size)
        self.z = nn.Linear(latent, 200)
        self.y = nn.Linear(classes, 1000)
        self.joint = nn.Linear(1200, 1200)
        self.out = nn.Linear(1200, channels * size * size)
        self.dropout = nn.Dropout(0.5)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return 2 * self.shares(torch.special.ndtr(z), labels).view(-1, *self.picture) - 1

    def shares(self, u: Tensor, labels: Tensor) -> Tensor:
        """Pictures (N, channels size^2) in [0, 1] of uniform latents: the paper's network."""
        hidden = torch.cat([self.z(u).relu(), self.y(labels.to(u.dtype)).relu()], 1)
        pictures: Tensor = self.out(self.dropout(self.joint(self.dropout(hidden)).relu())).sigmoid()
        return pictures


class MaxoutDiscriminator(nn.Module):
    """As `LinearDiscriminator`."""

    def __init__(self, size: int, channels: int = 3, *, classes: int = 0) -> None:
        super().__init__()
        self.x = Maxout(channels * size * size, 240, pieces=5)
        self.y = Maxout(classes, 50, pieces=5)
        self.joint = Maxout(240 + 50, 240, pieces=4)
        self.out = nn.Linear(240, 1)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        hidden = torch.cat([self.x((x.flatten(1) + 1) / 2), self.y(labels.to(x.dtype))], 1)
        scores: Tensor = self.out(self.dropout(self.joint(self.dropout(hidden))))
        return scores.flatten()


class Maxout(nn.Module):
    """(N, `inside`) to (N, `units`), each the largest of its `pieces` (Goodfellow et al. 2013, arXiv 1302.4389)."""

    def __init__(self, inside: int, units: int, *, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.lin = nn.Linear(inside, units * pieces)

    def forward(self, x: Tensor) -> Tensor:
        of_units: Tensor = self.lin(x).unflatten(1, (-1, self.pieces))
        return of_units.amax(2)
