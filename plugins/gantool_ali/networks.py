"""ALI's encoder, decoder and discriminator (appendix A of the paper, table 6). Pictures are in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.norms import unless_constant
from gantool.networks.precision import single

LAYERS = {
    64: ((2, 1), (7, 2), (5, 2), (7, 2), (4, 1)),  # maps of 64, 63, 29, 13, 4, 1
    32: ((5, 1), (4, 2), (4, 1), (4, 2), (4, 1)),  # maps of 32, 28, 13, 10, 4, 1
}
"""(kernel, stride) of the convolutions from a picture of this side to a single value a channel; none of them pads."""

_MOMENTUM = 0.05  # share of a batch in the statistics of a norm


class BatchNorm(nn.Module):
    """A batch norm whose running variance is the mean of the batches' own, not of what they estimate.

    Of maps (N, C, H, W).
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-4) -> None:
        super().__init__()
        self.eps = eps
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            x = unless_constant(x, x, (0, 2, 3))  # a blank batch stays blank: only rounding would be amplified
            with torch.no_grad():
                whole = single(x)
                self.running_mean.lerp_(whole.mean((0, 2, 3)), _MOMENTUM)
                self.running_var.lerp_(whole.var((0, 2, 3), correction=0), _MOMENTUM)
            return F.batch_norm(x, None, None, self.scale, self.shift, training=True, eps=self.eps)
        return F.batch_norm(x, self.running_mean, self.running_var, self.scale, self.shift, eps=self.eps)


class Bias(nn.Module):
    """Adds a value for each place of a map."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.b


class Encoder(nn.Module):
    """q(z | x): pictures (N, C, size, size) as the mean and the logarithm of the deviation of their latents."""

    def __init__(self, size: int, channels: int, latent: int, *, widths: Sequence[int], slope: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for (kernel, stride), out in zip(LAYERS[size], widths, strict=True):
            layers += [nn.Conv2d(channels, out, kernel, stride, bias=False), BatchNorm(out), nn.LeakyReLU(slope)]
            channels = out
        self.layers = nn.Sequential(
            *layers, nn.Conv2d(channels, 2 * latent, 1, bias=False), Bias(2 * latent, 1, 1)
        )  # (N, 2 latent, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, latent) both."""
        mu, log_sigma = single(self.layers(x)).flatten(1).chunk(2, dim=1)
        return mu, log_sigma


class Decoder(nn.Module):
    """p(x | z): pictures (N, C, size, size) in [0, 1] of latents (N, latent)."""

    def __init__(self, size: int, channels: int, latent: int, *, widths: Sequence[int], slope: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        into = latent
        for (kernel, stride), out in zip(reversed(LAYERS[size]), reversed(widths), strict=True):
            layers += [nn.ConvTranspose2d(into, out, kernel, stride, bias=False), BatchNorm(out), nn.LeakyReLU(slope)]
            into = out
        self.bias = Bias(channels, size, size)
        self.layers = nn.Sequential(*layers, nn.Conv2d(into, channels, 1, bias=False))

    def forward(self, z: Tensor) -> Tensor:
        return torch.sigmoid(single(self.bias(self.layers(z[:, :, None, None]))))

    @torch.no_grad()
    def begin(self, pictures: Tensor) -> None:
        """Lets a bias that is still 0 make the mean of these pictures (N, C, size, size), as the authors' does."""
        mean = pictures.mean(0).clamp(0.01, 0.99)
        self.bias.b.copy_(torch.where(self.bias.b.any(), self.bias.b, torch.logit(mean)))


class Discriminator(nn.Module):
    """Which pair of a picture and a latent is the encoder's: logits (N, 1)."""

    def __init__(
        self,
        size: int,
        channels: int,
        latent: int,
        *,
        widths: Sequence[int],
        z_widths: Sequence[int],
        joint_widths: Sequence[int],
        slope: float,
        dropout: float,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        x: list[nn.Module] = []
        for (kernel, stride), out in zip(LAYERS[size], widths, strict=True):
            first = not x
            x.append(nn.Conv2d(channels, out, kernel, stride, bias=first))
            x += [nn.LeakyReLU(slope)] if first else [BatchNorm(out), nn.LeakyReLU(slope)]
            channels = out
        self.x = nn.Sequential(*x)  # (N, C, 1, 1)
        self.z = nn.Sequential(*_dense([latent, *z_widths], slope, bias=False))
        joint = [channels + z_widths[-1], *joint_widths]
        self.joint = nn.Sequential(*_dense(joint, slope, bias=True), nn.Conv2d(joint[-1], 1, 1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        both = torch.cat([self.through(self.x, x), self.through(self.z, z[:, :, None, None])], dim=1)
        return single(self.through(self.joint, both)).flatten(1)

    def through(self, layers: nn.Sequential, x: Tensor) -> Tensor:
        """Dropout stands before every convolution: pictures and latents lose values, too."""
        for layer in layers:
            x = layer(self.dropped(x) if isinstance(layer, nn.Conv2d) else x)
        return x

    def dropped(self, x: Tensor) -> Tensor:
        """`x` without some of its values, in training."""
        return F.dropout(x, self.dropout, self.training)


def _dense(widths: Sequence[int], slope: float, *, bias: bool) -> list[nn.Module]:
    """Layers on maps of 1 x 1."""
    layers: list[nn.Module] = []
    for into, out in pairwise(widths):
        layers += [nn.Conv2d(into, out, 1, bias=bias), nn.LeakyReLU(slope)]
    return layers
