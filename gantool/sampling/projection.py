"""The latent of a picture: what a model is given to make it (Karras et al. 2020, arXiv 1912.04958, section 5)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gantool.capabilities import Mixes, Samples
from gantool.model import Model
from gantool.sampling.asked import PROJECTION_STEPS

Distance = Callable[[Tensor, Tensor], Tensor]
"""How far pictures (N, C, H, W) in [-1, 1] are from others: (N,)."""

RATE = 0.1
"""The learning rate of Adam between its rise and its fall."""
NOISE = 1e5
"""Weight of the regularisation of noise maps."""
LATENTS = 10_000
"""Latents of which the middle and the spread of styles are taken."""
_COMPARED = 256  # larger pictures are compared at this side


def project(
    model: Model[Any],
    picture: Tensor,
    *,
    label: Tensor | None = None,
    distance: Distance | None = None,
    steps: int = PROJECTION_STEPS,
    advance: Callable[[float], None] = lambda loss: None,
) -> Tensor:
    """The styles (1, layers, numbers) of a picture (1, C, H, W) in [-1, 1], or its latent (1, L) where the model has no
    styles: found by Adam from their mean, with noise that shrinks. `advance` is told the distance of each step.

    One style for all layers is sought, and the maps of noise move along; those are not kept. `distance` None compares
    pixels (`pixel_distance`). The model stays as it is.
    """
    compare = distance or pixel_distance
    model = copy.deepcopy(model).eval().requires_grad_(False)
    assert isinstance(model, Samples)
    device = picture.device
    target = _compared(picture)
    noises: list[Tensor] = model.noises() if isinstance(model, Mixes) else []
    for noise in noises:
        noise.normal_(generator=None).requires_grad_()
    start, spread = _begin(model, label, device)
    point = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([point, *noises], lr=RATE, betas=(0.9, 0.999))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * rate_share(step, steps)
        trial = point + torch.randn_like(point) * spread * noise_share(step, steps)
        apart = compare(_compared(_pictures(model, trial, label)), target).sum()
        loss = apart + NOISE * sum((noise_regularisation(noise) for noise in noises), torch.zeros((), device=device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for noise in noises:
                noise.copy_(normalised(noise))
        advance(float(apart.detach()))
    found = point.detach()
    return found.expand(1, *model.style_shape).clone() if isinstance(model, Mixes) else found


def _begin(model: Samples, label: Tensor | None, device: torch.device) -> tuple[Tensor, Tensor]:
    """Where the search begins, (1, 1, numbers) or (1, L), and how far points are from there."""
    if not isinstance(model, Mixes):
        return torch.zeros(1, model.latent_size, device=device), torch.tensor(math.sqrt(model.latent_size))
    rng = np.random.RandomState(123)  # as the authors draw them
    latents = torch.from_numpy(rng.randn(LATENTS, model.latent_size)).float().to(device)
    with torch.no_grad():
        told = None if label is None else label.to(device).expand(len(latents), -1)
        return style_statistics(model.styles(latents, labels=told)[:, :1])


def style_statistics(styles: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (1, ...) of styles (N, ...), and the root of the summed squared distances from it over N: one number."""
    mean = styles.mean(0, keepdim=True)
    return mean, ((styles - mean).square().sum() / len(styles)).sqrt()


def rate_share(step: int, steps: int) -> float:
    """The learning rate as a share of `RATE`: it rises in the first twentieth and falls in the last quarter."""
    done = step / steps
    fall = min(1.0, (1 - done) / 0.25)
    return (0.5 - 0.5 * math.cos(math.pi * fall)) * min(1.0, done / 0.05)


def noise_share(step: int, steps: int) -> float:
    """The noise on styles as a share of their spread: from 0.05 to nothing in the first three quarters."""
    return 0.05 * max(0.0, 1 - step / steps / 0.75) ** 2


def noise_regularisation(noise: Tensor) -> Tensor:
    """How much a map of noise (H, W) is like itself a pixel further, at all sizes down to 8 pixels: signal is."""
    total = noise.new_zeros(())
    x = noise[None, None]
    while True:
        total = total + (x * x.roll(1, 3)).mean() ** 2 + (x * x.roll(1, 2)).mean() ** 2
        if x.shape[2] <= 8:
            return total
        x = F.avg_pool2d(x, 2)


def normalised(noise: Tensor) -> Tensor:
    """A map of noise with mean 0 and variance 1."""
    centred = noise - noise.mean()
    return centred * centred.square().mean().rsqrt()


def pixel_distance(one: Tensor, other: Tensor) -> Tensor:
    """(N,): mean squared differences of pictures and of their halves down to 8 pixels, summed."""
    total = one.new_zeros(len(one))
    while True:
        total = total + (one - other).square().mean((1, 2, 3))
        if min(one.shape[2:]) < 16:
            return total
        one, other = F.avg_pool2d(one, 2), F.avg_pool2d(other, 2)


def _pictures(model: Samples, point: Tensor, label: Tensor | None) -> Tensor:
    if isinstance(model, Mixes):
        return model.of_styles(point.expand(1, *model.style_shape))
    return model.sample(point, labels=None if label is None else label.to(point.device))


def _compared(pictures: Tensor) -> Tensor:
    """As they are compared: in colour, at most 256 pixels large."""
    pictures = pictures.expand(-1, 3, -1, -1)
    return F.interpolate(pictures, size=(_COMPARED,) * 2, mode="area") if pictures.shape[2] > _COMPARED else pictures
