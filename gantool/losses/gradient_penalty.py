"""Gradient penalties on discriminators."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gantool.networks.precision import single


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor], pictures: Tensor, constant: float = 1.0, epsilon: float = 0.0
) -> Tensor:
    """mean over samples of (||g_i|| - constant)^2, with g_i the gradient of the summed scores by picture i.

    Gulrajani et al. 2017 (arXiv 1704.00028, equation 3), without its weight. `pictures` (N, C, H, W) are the points at
    which the gradient is taken: real, fake, or `interpolated` ones. With an `epsilon` the norm is sqrt(||g_i||^2 +
    epsilon). Runs in single precision also under autocast.
    """
    with torch.autocast(pictures.device.type, enabled=False):
        _, gradients = _differentiated(discriminator, pictures)
        # 1e-16 keeps the root's derivative finite at a gradient of zero.
        norms = (gradients.flatten(1) + 1e-16).norm(2, dim=1)
        if epsilon > 0:
            norms = (norms**2 + epsilon).sqrt()
        penalty: Tensor = ((norms - constant) ** 2).mean()
        return penalty


def r1(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> tuple[Tensor, Tensor]:
    """The scores of real pictures (N, C, H, W), and half the mean over samples of ||g_i||^2 as above.

    Mescheder et al. 2018 (arXiv 1801.04406, equation 9), without its weight. Runs in single precision also under
    autocast, and so do the scores.
    """
    with torch.autocast(real.device.type, enabled=False):
        scores, gradients = _differentiated(discriminator, real)
        return scores, 0.5 * gradients.square().flatten(1).sum(1).mean()


def interpolated(real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """Points between real and fake pictures (N, C, H, W): alpha real + (1 - alpha) fake, with alpha (N,) in [0, 1]."""
    alpha = alpha.view(-1, 1, 1, 1)
    return alpha * real + (1 - alpha) * fake


def _differentiated(discriminator: Callable[[Tensor], Tensor], pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Scores, and the gradient (N, C, H, W) of their sum: a graph that a loss may go back through."""
    points = single(pictures.detach()).requires_grad_()
    with torch.compiler.set_stance("force_eager"):  # a compiled network cannot be differentiated twice
        scores = discriminator(points)
    (gradients,) = torch.autograd.grad(scores.sum(), points, create_graph=True)
    return scores, gradients
