"""The replay pool of generated pictures (Shrivastava et al. 2017, arXiv 1612.07828, section 2.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn

from gantool.model import Run


class ImagePool(nn.Module):
    """Shows the discriminator older fakes among the new ones, against oscillation.

    For every picture, in order: while the pool is not full it is stored and returned; afterwards, with probability 1/2,
    a random stored one is returned and the new one takes its place; otherwise the new one is returned and not stored.
    `size` 0 passes everything through. The stored pictures are part of the module's state. Several processes keep one
    and the same pool.
    """

    def __init__(self, size: int = 50) -> None:
        super().__init__()
        self.size = size
        self.images: list[Tensor] = []  # each (1, C, H, W)

    def forward(self, images: Tensor, run: Run) -> Tensor:
        """Pictures (N, C, H, W) for pictures (N, C, H, W), without gradients."""
        images = images.detach()
        if self.size == 0:
            return images
        return run.mine(torch.cat([self._exchange(image, run.rng) for image in run.gather(images).split(1)]))

    def _exchange(self, image: Tensor, rng: torch.Generator) -> Tensor:
        # A fake that is not finite belongs to a step that is not applied: it must not come back in a later one. What is
        # stored is a copy: a view would keep its whole batch.
        if len(self.images) < self.size:
            self.images.append(torch.nan_to_num(image, nan=0.0, posinf=1.0, neginf=-1.0))
            return image
        keep, index = self.draw(rng)
        if keep > 0.5:
            stored = self.images[index]
            self.images[index] = torch.where(image.isfinite().all(), image, stored)
            return stored
        return image

    def draw(self, rng: torch.Generator) -> tuple[float, int]:
        """A uniform number in [0, 1) and an index into the pool."""
        return float(torch.rand((), generator=rng)), int(torch.randint(self.size, (), generator=rng))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Takes the pictures to another device, or to another type, with the model."""
        self.images = [fn(image) for image in self.images]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        for index, image in enumerate(self.images):
            destination[f"{prefix}{index:04d}"] = image

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
        numbers = sorted(int(key.removeprefix(prefix)) for key in state_dict if key.startswith(prefix))
        self.images = [state_dict[f"{prefix}{number:04d}"].clone() for number in numbers]

    def extra_repr(self) -> str:
        return f"size={self.size}, stored={len(self.images)}"
