"""Path length regularisation (StyleGAN2, section 3.2): a step in w shall change any picture by the same length."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gantool.model import Run

DECAY = 0.01


def path_lengths(pictures: Tensor, ws: Tensor, direction: Tensor) -> Tensor:
    """(N,): how fast pictures (N, C, H, W) change with their styles ws (N, layers, K), along random directions in the
    space of pictures (N, C, H, W). A graph that a loss may go back through.
    """
    height, width = pictures.shape[2:]
    along = (pictures * direction).sum() / math.sqrt(height * width)
    (slopes,) = torch.autograd.grad(along, ws, create_graph=True)
    return slopes.square().sum(2).mean(1).sqrt()


class PathLength(nn.Module):
    """Knows the mean length so far."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def penalty(self, lengths: Tensor) -> Tensor:
        """Mean of the squared distance of lengths (N,) to the mean, which they move: the gradient knows it."""
        mean = self.mean.lerp(lengths.mean(), DECAY)
        return (lengths - mean).square().mean()

    @torch.no_grad()
    def follow(self, lengths: Tensor, run: Run) -> None:
        """Moves the mean length toward that of all processes."""
        self.mean.lerp_(run.gather(lengths).mean().to(self.mean.dtype), DECAY)
