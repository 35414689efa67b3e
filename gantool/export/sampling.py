"""What a model that makes pictures of noise is as graphs: latents, and labels where it is told something, go in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gantool.capabilities import Exports, Graph, Inverts, Mixes, Samples, Translates
from gantool.model import Model

ROWS = 3
"""Of examples: batches of one, two and three are compared."""


def picture_graph(model: Model[Any]) -> Graph:
    """Latents to pictures, without truncation."""
    assert isinstance(model, Samples)
    settled = model.settled() if isinstance(model, Exports) else model
    return Graph(_Sample(settled), _inputs(model), ("picture",))


def parts(model: Model[Any]) -> dict[str, Graph]:
    """The networks that are exported by themselves: the model's own, and where it has styles `mapping` (latents to
    styles) and `synthesis` (styles to pictures). Whoever truncates does it with the styles in between. Where the whole
    model is a translation, `sample` makes pictures of latents; `invert` finds the latents of pictures.
    """
    found = dict(model.graphs()) if isinstance(model, Exports) else {}
    if isinstance(model, Mixes):
        inputs = _inputs(model)
        mapping = _Styles(model)
        with torch.no_grad():
            styles = mapping(*inputs.values())
        found = {
            "mapping": Graph(mapping, inputs, ("styles",)),
            "synthesis": Graph(_OfStyles(model), {"styles": styles}, ("picture",)),
            **found,
        }
    if isinstance(model, Samples) and isinstance(model, Translates):
        found["sample"] = picture_graph(model)
    if isinstance(model, Inverts):
        side = model.spec.size
        images = (
            torch.rand(ROWS, model.spec.channels[0], side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
        )
        found["invert"] = Graph(_Invert(model), {"picture": images}, ("latent",))
    return found


def _inputs(model: Samples) -> dict[str, Tensor]:
    latents = torch.cat([model.latent(seed) for seed in range(ROWS)])
    if not model.label_size:
        return {"latent": latents}
    labels = torch.eye(model.label_size)[torch.arange(ROWS) % model.label_size]
    return {"latent": latents, "label": labels}


class _Sample(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        pictures: Tensor = self.model.sample(latents, labels=labels)
        return pictures


class _Invert(_Sample):
    def forward(self, images: Tensor) -> Tensor:  # type: ignore[override]
        latents: Tensor = self.model.invert(images)
        return latents


class _Styles(_Sample):
    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        styles: Tensor = self.model.styles(latents, labels=labels)
        return styles


class _OfStyles(_Sample):
    def forward(self, styles: Tensor) -> Tensor:  # type: ignore[override]
        pictures: Tensor = self.model.of_styles(styles)
        return pictures
