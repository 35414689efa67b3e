"""Networks of one layer after the other: the WGAN authors' perceptrons, and a small pair for 32 pixels.

`Cifar...` are those of a widely read port of WGAN-GP to PyTorch (caogang/wgan-gp).
"""

from __future__ import annotations

from torch import Tensor, nn

from gantool.networks.layers import Tanh


class DenseGenerator(nn.Module):
    """Latents (N, `latent`) to pictures (N, channels, size, size), unbounded: nothing but the critic keeps them in
    [-1, 1]."""

    def __init__(self, size: int, channels: int = 3, *, latent: int = 100, width: int = 512) -> None:
        super().__init__()
        self.picture = (channels, size, size)
        self.main = _perceptron(latent, width, channels * size * size)

    def forward(self, z: Tensor) -> Tensor:
        pictures: Tensor = self.main(z)
        return pictures.view(-1, *self.picture)


class DenseCritic(nn.Module):
    """Pictures (N, channels, size, size) to scores (N,)."""

    def __init__(self, size: int, channels: int = 3, *, width: int = 512) -> None:
        super().__init__()
        self.main = _perceptron(channels * size * size, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.main(x.flatten(1))
        return scores.flatten()


def _perceptron(inside: int, width: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Linear(inside, width), nn.ReLU(inplace=True)),
        *(nn.Linear(width, width), nn.ReLU(inplace=True)),
        *(nn.Linear(width, width), nn.ReLU(inplace=True)),
        nn.Linear(width, outside),
    )


class CifarGenerator(nn.Module):
    """Latents (N, `latent`) to pictures (N, channels, 32, 32) in [-1, 1]."""

    def __init__(self, channels: int = 3, *, latent: int = 128, width: int = 128) -> None:
        super().__init__()
        w, inside = width, 4 * 4 * 4 * width
        self.preprocess = nn.Sequential(nn.Linear(latent, inside), nn.BatchNorm1d(inside), nn.ReLU(inplace=True))
        self.block1 = _doubled(4 * w, 2 * w)  # (N, 2 w, 8, 8)
        self.block2 = _doubled(2 * w, w)
        self.deconv_out = nn.ConvTranspose2d(w, channels, 2, stride=2)
        self.tanh = Tanh()

    def forward(self, z: Tensor) -> Tensor:
        x = self.preprocess(z).unflatten(1, (-1, 4, 4))
        pictures: Tensor = self.tanh(self.deconv_out(self.block2(self.block1(x))))
        return pictures


def _doubled(inside: int, outside: int) -> nn.Sequential:
    layer = nn.ConvTranspose2d(inside, outside, 2, stride=2)
    return nn.Sequential(layer, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class CifarCritic(nn.Module):
    """Pictures (N, channels, 32, 32) in [-1, 1] to scores (N,)."""

    def __init__(self, channels: int = 3, *, width: int = 128) -> None:
        super().__init__()
        w = width
        self.main = nn.Sequential(  # (N, 4 w, 4, 4)
            *(nn.Conv2d(channels, w, 3, stride=2, padding=1), nn.LeakyReLU(0.01, inplace=True)),
            *(nn.Conv2d(w, 2 * w, 3, stride=2, padding=1), nn.LeakyReLU(0.01, inplace=True)),
            *(nn.Conv2d(2 * w, 4 * w, 3, stride=2, padding=1), nn.LeakyReLU(0.01, inplace=True)),
        )
        self.linear = nn.Linear(4 * 4 * 4 * w, 1)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.linear(self.main(x).flatten(1))
        return scores.flatten()
