"""Adaptive discriminator augmentation: Karras et al., "Training Generative Adversarial Networks with Limited Data",
NeurIPS 2020, arXiv 2006.06676.

A discriminator that sees real and made pictures only through random transformations cannot learn a few pictures by
heart. They come with a probability p below 1, so that the generator does not learn to make them; p follows how far the
discriminator goes astray.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantool.augmentation.colors import COLOR, color_matrix, recolored
from gantool.augmentation.corruption import cut_out, filtered, noisy
from gantool.augmentation.draws import Draws
from gantool.augmentation.geometry import BLIT, GEOMETRY, warp_back, warped
from gantool.networks.precision import single

_LETTERS = {"b": BLIT, "g": GEOMETRY, "c": COLOR, "f": ("imgfilter",), "n": ("noise",), "x": ("cutout",)}
SETS = {
    "blit": "b",
    "geom": "g",
    "color": "c",
    "filter": "f",
    "noise": "n",
    "cutout": "x",
    "bg": "bg",
    "bgc": "bgc",
    "bgcf": "bgcf",
    "bgcfn": "bgcfn",
    "bgcfnc": "bgcfnx",
}
"""Sets of transformations by the authors' names, and what they are made of."""
INTERVAL = 4
"""Batches from one move of p to the next."""


def kinds_of(name: str) -> tuple[str, ...]:
    """The transformations of a set, as `bgc`."""
    return tuple(kind for letter in SETS[name] for kind in _LETTERS[letter])


class Augment(nn.Module):
    """Pictures (N, 1 or 3, H, W) in [-1, 1] through random transformations, each with probability p."""

    p: Tensor
    signs: Tensor
    seen: Tensor

    def __init__(self, kinds: tuple[str, ...]) -> None:
        super().__init__()
        self.kinds = kinds
        for name in ("p", "signs", "seen"):
            self.register_buffer(name, torch.zeros(()))

    def forward(self, images: Tensor, draws: Draws) -> Tensor:
        """In single precision also under autocast."""
        with torch.autocast(images.device.type, enabled=False):
            return self._changed(single(images), draws)

    def _changed(self, images: Tensor, draws: Draws) -> Tensor:
        if set(self.kinds) & {*BLIT, *GEOMETRY}:
            images = warped(images, warp_back(images, self.kinds, self.p, draws))
        if set(self.kinds) & set(COLOR):
            images = recolored(images, color_matrix(images, self.kinds, self.p, draws))
        for kind, change in (("imgfilter", filtered), ("noise", noisy), ("cutout", cut_out)):
            if kind in self.kinds:
                images = change(images, self.p, draws)
        return images

    @torch.no_grad()
    def heed(self, scores: Tensor, batch: int, *, target: float, kimg: float) -> None:
        """Takes note of the discriminator's scores of real pictures, those of all processes.

        After `INTERVAL` batches of `batch` pictures p moves so far that it would rise from 0 to 1 within `kimg`
        thousand pictures: up where the discriminator is too sure (the mean sign of the scores is above `target`), else
        down.
        """
        self.signs += scores.sign().sum()
        self.seen += scores.numel()
        due = self.seen >= INTERVAL * batch
        step = torch.sign(self.signs / self.seen - target) * (batch * INTERVAL / (kimg * 1000))
        self.p.copy_((self.p + step * due).clamp(min=0))
        self.signs *= ~due
        self.seen *= ~due
