"""The networks of both stages (section 3 of the paper, supplement), with the authors' names for layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantool.networks.layers import Tanh
from gantool.networks.precision import single

SIZES = {1: 64, 2: 256}
"""The side of each stage's pictures."""


def conv3x3(into: int, out: int) -> nn.Conv2d:
    """3 x 3, without bias."""
    return nn.Conv2d(into, out, 3, padding=1, bias=False)


def up(into: int, out: int) -> nn.Sequential:
    """Twice as large: nearest pixels, a convolution, a norm."""
    return nn.Sequential(nn.Upsample(scale_factor=2), conv3x3(into, out), nn.BatchNorm2d(out), nn.ReLU(True))


def halving(into: int, out: int) -> list[nn.Module]:
    """A discriminator's step to half the size."""
    return [nn.Conv2d(into, out, 4, 2, 1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.2, True)]


def with_condition(features: Tensor, c: Tensor) -> Tensor:
    """Features (N, F, h, w) and the condition c (N, C) at every place: (N, F + C, h, w)."""
    return torch.cat([features, c.to(features.dtype)[:, :, None, None].expand(-1, -1, *features.shape[2:])], 1)


class ConditioningAugmentation(nn.Module):
    """Section 3.2: a text's distribution N(mu, exp(logvar)). `free` leaves out the authors' ReLU on logvar, which keeps
    the deviation from falling below 1."""

    def __init__(self, text: int, condition: int, *, free: bool = False) -> None:
        super().__init__()
        self.free = free
        self.fc = nn.Linear(text, 2 * condition)

    def forward(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """(mu, logvar), each (N, C), of texts (N, T)."""
        mu, logvar = single(self.fc(text)).chunk(2, 1)
        return mu.relu(), logvar if self.free else logvar.relu()


def drawn(mu: Tensor, logvar: Tensor, eps: Tensor | None) -> Tensor:
    """c of this distribution (N, C), with standard normal `eps`; its mean without."""
    return mu if eps is None else mu + (logvar / 2).exp() * eps


class Stage1G(nn.Module):
    """Texts and noise to pictures of 64 x 64."""

    def __init__(self, text: int, *, width: int, condition: int, noise: int, free: bool = False) -> None:
        super().__init__()
        g = self.width = 8 * width
        self.ca_net = ConditioningAugmentation(text, condition, free=free)
        self.fc = nn.Sequential(nn.Linear(noise + condition, g * 16, bias=False), nn.BatchNorm1d(g * 16), nn.ReLU(True))
        self.upsample1, self.upsample2 = up(g, g // 2), up(g // 2, g // 4)
        self.upsample3, self.upsample4 = up(g // 4, g // 8), up(g // 8, g // 16)
        self.img = nn.Sequential(conv3x3(g // 16, 3), Tanh())

    def forward(self, text: Tensor, z: Tensor, eps: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures (N, 3, 64, 64) in [-1, 1], mu and logvar (N, C)."""
        mu, logvar = self.ca_net(text)
        x = self.fc(torch.cat([z, drawn(mu, logvar, eps)], 1))
        x = self.upsample1(x.view(-1, self.width, 4, 4))  # (N, 4 width, 8, 8)
        x = self.upsample4(self.upsample3(self.upsample2(x)))  # (N, width / 2, 64, 64)
        return self.img(x), mu, logvar


class Residual(nn.Module):
    """Two convolutions beside the way straight through."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first = [conv3x3(channels, channels), nn.BatchNorm2d(channels), nn.ReLU(True)]
        self.block = nn.Sequential(*first, conv3x3(channels, channels), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.block(x)
        return y.relu()


class Stage2G(nn.Module):
    """Small pictures and their texts again, to pictures of 256 x 256. Stage I inside is not trained."""

    def __init__(
        self, text: int, *, width: int, condition: int, noise: int, blocks: int, free: bool = False, moves: bool = False
    ) -> None:
        super().__init__()
        g = width
        self.moves = moves
        self.stage1 = Stage1G(text, width=width, condition=condition, noise=noise, free=free)
        self.stage1.requires_grad_(False)
        self.ca_net = ConditioningAugmentation(text, condition, free=free)
        self.encoder = nn.Sequential(
            *(conv3x3(3, g), nn.ReLU(True)),
            *(nn.Conv2d(g, 2 * g, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * g), nn.ReLU(True)),
            *(nn.Conv2d(2 * g, 4 * g, 4, 2, 1, bias=False), nn.BatchNorm2d(4 * g), nn.ReLU(True)),
        )
        self.hr_joint = nn.Sequential(conv3x3(condition + 4 * g, 4 * g), nn.BatchNorm2d(4 * g), nn.ReLU(True))
        self.residual = nn.Sequential(*(Residual(4 * g) for _ in range(blocks)))
        self.upsample1, self.upsample2 = up(4 * g, 2 * g), up(2 * g, g)
        self.upsample3, self.upsample4 = up(g, g // 2), up(g // 2, g // 4)
        self.img = nn.Sequential(conv3x3(g // 4, 3), Tanh())

    def train(self, mode: bool = True) -> Stage2G:
        super().train(mode)
        # The authors' stage I stays in training mode, and its running statistics move although it learns nothing.
        self.stage1.train(mode and self.moves)
        return self

    def forward(
        self, text: Tensor, z: Tensor, eps: Tensor | None, eps2: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pictures (N, 3, 256, 256) in [-1, 1], mu and logvar (N, C), and stage I's pictures (N, 3, 64, 64)."""
        with torch.no_grad():
            small, _, _ = self.stage1(text, z, eps)
        mu, logvar = self.ca_net(text)
        x = self.hr_joint(with_condition(self.encoder(small), drawn(mu, logvar, eps2)))  # (N, 4 width, 16, 16)
        x = self.upsample2(self.upsample1(self.residual(x)))  # (N, width, 64, 64)
        return self.img(self.upsample4(self.upsample3(x))), mu, logvar, small


class Logits(nn.Module):
    """The judgement (N,) of features (N, F, 4, 4), alone or with a condition."""

    def __init__(self, channels: int, condition: int = 0) -> None:
        super().__init__()
        last = nn.Conv2d(channels, 1, 4, 4)
        joint = [conv3x3(channels + condition, channels), nn.BatchNorm2d(channels), nn.LeakyReLU(0.2, True)]
        self.outlogits = nn.Sequential(*(joint if condition else []), last)

    def forward(self, features: Tensor, c: Tensor | None = None) -> Tensor:
        x: Tensor = self.outlogits(features if c is None else with_condition(features, c))
        return x.flatten()


class Discriminator(nn.Module):
    """`encode_img` makes features of a picture; `get_cond_logits` judges them with a text, and in stage II
    `get_uncond_logits` by themselves. Logits: the authors' probabilities before the sigmoid."""

    def __init__(self, stage: int, *, width: int, condition: int) -> None:
        super().__init__()
        d = width
        layers: list[nn.Module] = [nn.Conv2d(3, d, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
        for step in range(5 if stage == 2 else 3):
            layers += halving(d << step, d << step + 1)
        if stage == 2:  # (N, 32 d, 4, 4)
            for into, out in ((32 * d, 16 * d), (16 * d, 8 * d)):
                layers += [conv3x3(into, out), nn.BatchNorm2d(out), nn.LeakyReLU(0.2, True)]
        self.encode_img = nn.Sequential(*layers)  # (N, 8 d, 4, 4)
        self.get_cond_logits = Logits(8 * d, condition)
        self.get_uncond_logits = Logits(8 * d) if stage == 2 else None

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.encode_img(x)
        return features
