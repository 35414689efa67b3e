"""Words to vectors: a small encoder of gantool's own, in the place of the authors' char-CNN-RNN, which nobody can run.

It learns before the GAN does, from the same pictures and captions: each picture of a batch has to be closest to its own
caption, and each caption to its own picture, as in the sentence part of AttnGAN's DAMSM (Xu et al. 2018, arXiv
1711.10485, equations 10 to 12). Then it stays as it is: the GAN alone could not train it, because its discriminator
sees the text without gradients.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.precision import single
from gantool_stackgan.networks import halving

_SHARPNESS = 10.0  # AttnGAN's gamma 3


class TextEncoder(nn.Module):
    """Bytes of texts to vectors: every byte sees 14 on each side of it, and a text is the mean of its bytes."""

    def __init__(self, size: int, *, width: int) -> None:
        super().__init__()
        self.bytes = nn.Embedding(256, width)
        self.layers = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2 * d, dilation=d) for d in (1, 2, 4))
        self.head = nn.Linear(width, size)

    def forward(self, text: Tensor) -> Tensor:
        """(N, size) of unit variance, of bytes (N, L); zeros behind a text, however many, change nothing."""
        there = (text > 0).unsqueeze(1)
        x = self.bytes(text).transpose(1, 2) * there  # (N, width, L)
        for layer in self.layers:
            x = F.relu(layer(x)) * there + x
        mean = x.sum(2) / there.sum(2).clamp(min=1)
        return unit(self.head(mean))


class PictureEncoder(nn.Module):
    """Pictures to vectors that are compared with those of texts; for the training of the text encoder alone."""

    def __init__(self, size: int, *, width: int) -> None:
        super().__init__()
        d = width
        first = [nn.Conv2d(3, d, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
        self.layers = nn.Sequential(*first, *halving(d, 2 * d), *halving(2 * d, 4 * d), *halving(4 * d, 8 * d))
        self.head = nn.Linear(8 * d * 16, size)

    def forward(self, x: Tensor) -> Tensor:
        """(N, size) of unit variance, of pictures (N, 3, 64, 64)."""
        return unit(self.head(self.layers(x).flatten(1)))


def unit(x: Tensor) -> Tensor:
    """Vectors (N, T), each as long as the root of T."""
    return F.normalize(single(x)).mul(x.shape[1] ** 0.5)


def matching_loss(pictures: Tensor, vectors: Tensor, texts: Tensor) -> Tensor:
    """Cross-entropy of finding the text (N, T) of each picture (N, T) in the batch, and the picture of each text.

    Equal `texts` (N, L) are not told apart: each is right for the other's picture.
    """
    likeness = _SHARPNESS * pictures @ vectors.T / pictures.shape[1]
    same = (texts[:, None] == texts[None]).all(2)
    likeness = likeness.masked_fill(same & ~torch.eye(len(texts), dtype=torch.bool, device=texts.device), -1e4)
    own = torch.arange(len(texts), device=texts.device)
    return 0.5 * (F.cross_entropy(likeness, own) + F.cross_entropy(likeness.T, own))
