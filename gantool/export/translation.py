"""A model's translation in one direction, as the module that goes into a file and as the model itself does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from gantool.capabilities import Coded, Conditioned, Exports, Translates
from gantool.model import Model
from gantool.spec import Direction, Facts, Kind, Sizes

STYLE, LABEL = "style", "label"
"""The second input of a file: style codes, or what the pictures shall become (a condition)."""


@dataclass(frozen=True)
class Translation:
    """The translation to export. Its module takes pictures, and then codes or conditions where the model has them."""

    model: Model[Any]
    facts: Facts
    direction: Direction

    @property
    def source(self) -> Kind:
        """The content of the source domain."""
        return self.model.spec.kind(self.direction.source)

    @property
    def sizes(self) -> Sizes:
        """Accepted sizes."""
        return self.facts.sizes

    @property
    def second(self) -> str | None:
        """The name of the second input; None where pictures are the only one."""
        return STYLE if "code" in self.facts.can else LABEL if "condition" in self.facts.can else None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The picture first."""
        if isinstance(self.model, Exports):
            own: Any = self.model.outputs  # an nn.Module makes its attributes look like tensors
            return tuple(own)
        return ("translation",)

    def module(self) -> nn.Module:
        """The module that is exported."""
        own = self.model.translation(self.direction) if isinstance(self.model, Exports) else None
        if own is not None:
            return own
        kind = {STYLE: _Styled, LABEL: _Conditioned, None: _Plain}[self.second]
        return kind(self.model, *map(self.model.spec.index, self.direction))

    def targets(self) -> list[Translation]:
        """This one and, where the target is an input, those to every other target."""
        if self.second != LABEL:
            return [self]
        names = dict.fromkeys((self.direction.target, *(way.target for way in self.facts.directions)))
        return [replace(self, direction=Direction(self.direction.source, name)) for name in names]

    @torch.no_grad()
    def second_input(self, images: Tensor) -> Tensor | None:
        """A second input for pictures (N, C, H, W): codes as the model draws them, or the target's condition."""
        if self.second == LABEL:
            assert isinstance(self.model, Conditioned)
            return self.model.condition(self.direction.target, images)
        if self.second == STYLE:
            assert isinstance(self.model, Coded)
            generator, target = torch.Generator().manual_seed(0), self.model.spec.index(self.direction.target)
            return torch.cat([self.model.random_code(target, generator) for _ in range(len(images))])
        return None

    @torch.no_grad()
    def results(self, images: Tensor, second: Tensor | None) -> list[Tensor]:
        """All outputs; the picture from `translate` itself, so that the exported module is checked, too."""
        assert isinstance(self.model, Translates)
        source, target = map(self.model.spec.index, self.direction)
        more = {STYLE: {"code": second}, LABEL: {"condition": second}, None: {}}[self.second]
        picture = self.model.translate(images, source=source, target=target, **more)
        if len(self.outputs) == 1:
            return [picture]
        made = self.module()(*(images,) if second is None else (images, second))
        return [picture, *made[1:]]


class _Plain(nn.Module):
    def __init__(self, model: Model[Any], source: int, target: int) -> None:
        super().__init__()
        assert isinstance(model, Translates)
        self.model, self.source, self.target = model, source, target

    def forward(self, images: Tensor) -> Tensor:
        return self.model.translate(images, source=self.source, target=self.target)


class _Styled(_Plain):
    def forward(self, images: Tensor, style: Tensor) -> Tensor:  # type: ignore[override]
        return self.model.translate(images, source=self.source, target=self.target, code=style)


class _Conditioned(_Plain):
    def forward(self, images: Tensor, label: Tensor) -> Tensor:  # type: ignore[override]
        return self.model.translate(images, source=self.source, target=self.target, condition=label)
