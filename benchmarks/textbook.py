"""CycleGAN as a textbook would have it: the baseline of the benchmarks, in plain eager PyTorch, without a trick.

The same mathematics as gantool's (Zhu et al. 2017, arXiv 1703.10593, with the settings of the authors' PyTorch code):
torch's own layers, one pass a picture, Adam as it comes, and eight losses read after every step.
"""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn


class Block(nn.Module):
    """x + f(x)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for activation in ([nn.ReLU(True)], []):
            layers += [
                nn.ReflectionPad2d(1),
                nn.Conv2d(channels, channels, 3),
                nn.InstanceNorm2d(channels),
                *activation,
            ]
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def generator(width: int = 64, blocks: int = 9) -> nn.Sequential:
    """The ResNet generator: pictures (N, 3, H, W) in [-1, 1] both ways."""
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU(True)]
    for c in (width, 2 * width):
        layers += [nn.Conv2d(c, 2 * c, 3, stride=2, padding=1), nn.InstanceNorm2d(2 * c), nn.ReLU(True)]
    layers += [Block(4 * width) for _ in range(blocks)]
    for c in (2 * width, width):
        layers += [
            nn.ConvTranspose2d(2 * c, c, 3, stride=2, padding=1, output_padding=1),
            nn.InstanceNorm2d(c),
            nn.ReLU(True),
        ]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


def discriminator(width: int = 64) -> nn.Sequential:
    """The 70x70 PatchGAN."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, True)]
    for c, stride in ((width, 2), (2 * width, 2), (4 * width, 1)):
        layers += [nn.Conv2d(c, 2 * c, 4, stride=stride, padding=1), nn.InstanceNorm2d(2 * c), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, padding=1))


def take_weights(network: nn.Module, other: nn.Module) -> None:
    """Gives `network` the parameters of `other`, whose layers stand in the same order."""
    with torch.no_grad():
        for mine, theirs in zip(network.parameters(), other.parameters(), strict=True):
            mine.copy_(theirs)


class Pool:
    """Fifty fakes, half of the answers from among them."""

    def __init__(self) -> None:
        self.images: list[Tensor] = []

    def query(self, images: Tensor) -> Tensor:
        answer = []
        for image in images.detach().split(1):
            if len(self.images) < 50:
                self.images.append(image)
                answer.append(image)
            elif random.uniform(0, 1) > 0.5:
                index = random.randint(0, 49)
                answer.append(self.images[index].clone())
                self.images[index] = image
            else:
                answer.append(image)
        return torch.cat(answer)


class Textbook:
    """Four networks, two Adams, and `step`."""

    def __init__(self) -> None:
        self.g_ab, self.g_ba, self.d_a, self.d_b = generator(), generator(), discriminator(), discriminator()
        self.pool_a, self.pool_b = Pool(), Pool()
        self.adam_g = self._adam(self.g_ab, self.g_ba)
        self.adam_d = self._adam(self.d_a, self.d_b)
        self.l1, self.mse = nn.L1Loss(), nn.MSELoss()

    def step(self, a: Tensor, b: Tensor) -> dict[str, float]:
        """One iteration on pictures (1, 3, H, W) in [-1, 1]: the losses."""
        fake_b = self.g_ab(a)
        rec_a = self.g_ba(fake_b)
        fake_a = self.g_ba(b)
        rec_b = self.g_ab(fake_a)

        self._discriminators_learn(False)
        self.adam_g.zero_grad()
        identity_b = 0.5 * 10 * self.l1(self.g_ab(b), b)
        identity_a = 0.5 * 10 * self.l1(self.g_ba(a), a)
        gan_ab = self._says(self.d_b(fake_b), True)
        gan_ba = self._says(self.d_a(fake_a), True)
        cycle_a = 10 * self.l1(rec_a, a)
        cycle_b = 10 * self.l1(rec_b, b)
        (gan_ab + gan_ba + cycle_a + cycle_b + identity_a + identity_b).backward()
        self.adam_g.step()

        self._discriminators_learn(True)
        self.adam_d.zero_grad()
        d_b = self._discriminator_loss(self.d_b, b, self.pool_b.query(fake_b))
        d_a = self._discriminator_loss(self.d_a, a, self.pool_a.query(fake_a))
        self.adam_d.step()

        losses = {"gan_ab": gan_ab, "cycle_a": cycle_a, "identity_b": identity_b, "d_b": d_b}
        losses |= {"gan_ba": gan_ba, "cycle_b": cycle_b, "identity_a": identity_a, "d_a": d_a}
        return {name: loss.item() for name, loss in losses.items()}

    def _discriminator_loss(self, network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        loss = 0.5 * (self._says(network(real), True) + self._says(network(fake), False))
        loss.backward()
        return loss

    def _says(self, scores: Tensor, real: bool) -> Tensor:
        return self.mse(scores, torch.tensor(float(real)).expand_as(scores))

    def _discriminators_learn(self, learn: bool) -> None:
        for parameter in itertools.chain(self.d_a.parameters(), self.d_b.parameters()):
            parameter.requires_grad = learn

    def _adam(self, *networks: nn.Module) -> torch.optim.Adam:
        parameters = itertools.chain.from_iterable(network.parameters() for network in networks)
        return torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999))


def transform(path: Path) -> Tensor:
    """A training picture (3, 256, 256) in [-1, 1]: decoded, resized to 286, cropped, mirrored, normalised."""
    picture = Image.open(path).convert("RGB").resize((286, 286), Image.Resampling.BICUBIC)
    x, y = random.randint(0, 30), random.randint(0, 30)
    picture = picture.crop((x, y, x + 256, y + 256))
    if random.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    tensor = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
    return tensor.sub_(0.5).div_(0.5)
