"""The mapping from latents z to styles w (StyleGAN, section 2), of both versions."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool_stylegan.layers import Dense, normalized

SLOWLY = 0.01
"""Share of the learning rate (StyleGAN, appendix C)."""


class Mapping(nn.Module):
    """Latents (N, `latent`) and labels (N, `classes`) to styles (N, `style`).

    Version 1 knows a label by a vector beside z, version 2 by a layer; either may be missing (`latent` 0, `classes` 0).
    """

    w_avg: Tensor

    def __init__(
        self,
        latent: int,
        classes: int,
        style: int,
        *,
        layers: int,
        version: int = 2,
        hidden: int | None = None,
        lr: float = SLOWLY,
    ) -> None:
        super().__init__()
        self.version = version
        beside = 0
        if classes and version == 1:
            self.label = nn.Parameter(torch.randn(classes, latent))
            beside = latent
        elif classes:
            self.embed = Dense(classes, style)
            beside = style
        widths = [latent + beside, *[hidden or style] * (layers - 1), style]
        gain = math.sqrt(2) if version == 1 else 1.0
        for i in range(layers):
            self.add_module(f"fc{i}", Dense(widths[i], widths[i + 1], gain=gain, lr=lr))
        self.layers, self.classes = layers, classes
        if latent:
            self.register_buffer("w_avg", torch.zeros(style))

    def forward(self, z: Tensor | None, labels: Tensor | None = None) -> Tensor:
        """z is None where there are no latents, labels where there are no classes."""
        given = [] if z is None else [z]
        if self.version == 1:
            if labels is not None:
                given.append(labels.to(self.label.dtype) @ self.label)
            x = normalized(torch.cat(given, 1))
        else:
            if labels is not None:
                given.append(self.embed(labels.to(self.embed.weight.dtype)))
            x = torch.cat([normalized(part) for part in given], 1)
        for i in range(self.layers):
            x = F.leaky_relu(self.get_submodule(f"fc{i}")(x), 0.2)
            x = x if self.version == 1 else x * math.sqrt(2)
        return x

    @torch.no_grad()
    def follow(self, w: Tensor) -> None:
        """Moves the mean style toward that of w (N, `style`)."""
        self.w_avg.copy_(w.detach().to(self.w_avg.dtype).mean(0).lerp(self.w_avg, 0.995))

    def truncated(self, w: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """Styles (N, layers, `style`) drawn toward the mean style: w_avg + psi (w - w_avg), those of the first `cutoff`
        layers or of all (StyleGAN, appendix B)."""
        drawn = self.w_avg.lerp(w, psi)
        return drawn if cutoff is None else torch.cat([drawn[:, :cutoff], w[:, cutoff:]], 1)
