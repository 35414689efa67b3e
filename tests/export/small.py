"""Models of two convolutions, traced in a moment, for what an exported file may hold and must not hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.capabilities import Coded, Conditioned, Exports, Graph, Samples, Translates
from gantool.errors import UsageError
from gantool.export import session
from gantool.model import Model
from gantool.spec import Direction, Pictures, Sizes, Spec

SPEC = Spec(("photo", "painting"), (Pictures(), Pictures()), 16)
ONE = Spec(("photo",), (Pictures(),), 8)


class Small(Model, Translates):
    """One result for a picture."""

    contract = 2

    @dataclass(frozen=True, kw_only=True)
    class Options:
        pass

    def __init__(self, options: object, spec: Spec) -> None:
        super().__init__(options, spec)
        self.into, self.out = nn.Conv2d(spec.channels[0], 4, 3, padding=1), nn.Conv2d(4, spec.channels[1], 1)

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        return self.out(self.into(images)).tanh()


class OfNoise(Model, Samples):
    """Pictures of 8 x 8 of five random numbers, each of its own in every pixel."""

    contract = 2
    Options = Small.Options
    latent_size = 5

    def __init__(self, options: object, spec: Spec) -> None:
        super().__init__(options, spec)
        self.g = nn.Linear(5, 3 * 8 * 8)

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        return (2 * self.g(latents)).tanh().view(-1, 3, 8, 8)


class Wide(Small):
    """Of many channels: pictures of megapixels take gigabytes."""

    def __init__(self, options: object, spec: Spec) -> None:
        super().__init__(options, spec)
        self.into, self.out = nn.Conv2d(spec.channels[0], 512, 1), nn.Conv2d(512, spec.channels[1], 1)


class OneSize(Small):
    """Pictures of 24 x 24 only."""

    sizes = Sizes(exact=24)


class Styled(Small, Coded, Exports):
    """A style code of four numbers shifts the features; a second output is a heat map at half the resolution."""

    sizes = Sizes(multiple=2, minimum=4)
    code_size = 4
    outputs = ("translation", "heat")

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        assert code is not None
        return self.both(images, code)[0]

    def both(self, images: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        features = self.into(images) + code[:, :, None, None]
        return self.out(features).tanh(), 100 * F.avg_pool2d(features, 2).square().sum(1, keepdim=True)

    def translation(self, direction: Direction) -> nn.Module:
        return Calls(self.both, self)


class WrongHeat(Styled):
    """Its heat map is another one in an exported file."""

    def both(self, images: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        picture, heat = super().both(images, code)
        return picture, heat * 1.1 if torch.compiler.is_exporting() else heat


class Told(Small, Conditioned, Exports):
    """Its target is an input; two networks can be exported by themselves, one of them wrongly."""

    condition_names = ("photo", "painting", "sketch", "relief")

    def condition(self, target: str, images: Tensor) -> Tensor:
        return F.one_hot(torch.full((len(images),), self.condition_names.index(target)), 4).float()

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        assert condition is not None
        return self.out(self.into(images) + condition[:, :, None, None]).tanh()

    def graphs(self) -> dict[str, Graph]:
        images = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        half = Calls(lambda x: x / 2 if torch.compiler.is_exporting() else x)
        return {
            "first": Graph(self.into, {"picture": images}, ("features",)),
            "wrong": Graph(half, {"x": images}, ("y",)),
        }


class OneTarget(Told):
    """In an exported file it makes the same of every condition but that of the second domain."""

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        assert condition is not None
        told = condition * condition[:, 1:2] if torch.compiler.is_exporting() else condition
        return super().translate(images, source=source, target=target, condition=told)


class Labelled(Small):
    """Label maps of five classes, with instance maps, to pictures."""

    def __init__(self, options: object, spec: Spec) -> None:
        super().__init__(options, spec)
        self.into = nn.Conv2d(6, 4, 3, padding=1)

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        assert images.dtype == torch.int32
        labels = (images[:, :1] == torch.arange(5, dtype=torch.int32).view(1, -1, 1, 1)).to(self.out.weight.dtype)
        borders = (images[:, 1:] != F.pad(images[:, 1:, :, :-1], (1, 0))).to(labels.dtype)
        return self.out(self.into(torch.cat([labels, borders], 1))).tanh()


class Casting(Small):
    """Casts on its way, as norms do for their statistics: torch notes the device of what is cast."""

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        return self.out(self.into(images).double().to(images.dtype)).tanh()


class Counting(Casting):
    """Makes a tensor on the pictures' device: the graph names that device."""

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        columns = torch.arange(images.shape[3], device=images.device)
        return super().translate(images + columns / 1000, source=source, target=target)


class Unsure(Small, Exports):
    """Refuses to be exported, in its own words."""

    def translation(self, direction: Direction) -> nn.Module:
        raise UsageError("name exactly what is asked for")


class Saturated(Small):
    """Its pictures reach both ends of the range."""

    def translate(self, images: Tensor, *, source: int = 0, target: int = 1, code=None, condition=None) -> Tensor:
        return (20 * self.out(self.into(images))).tanh()


class AnotherNetwork(Saturated, Exports):
    def translation(self, direction: Direction) -> nn.Module:
        return nn.Sequential(self.into, nn.Conv2d(4, 3, 1), nn.Tanh())


class AnotherScale(Saturated, Exports):
    def translation(self, direction: Direction) -> nn.Module:
        return Calls(lambda x: self.translate(x).clamp(-0.98, 0.98), self)


class NotANumber(Saturated, Exports):
    def translation(self, direction: Direction) -> nn.Module:
        return Calls(lambda x: x * float("nan"))


class AnotherSize(Saturated, Exports):
    """Right at one size only."""

    def translation(self, direction: Direction) -> nn.Module:
        return Calls(lambda x: F.interpolate(self.translate(x), size=(64, 32)), self)


class NoGraph(Saturated, Exports):
    """Decides by the pictures' values, which no graph can."""

    def translation(self, direction: Direction) -> nn.Module:
        return Calls(lambda x: x if x.mean() > 0 else -x)


class Calls(nn.Module):
    """A function of the inputs as a module; `owner` has its weights."""

    def __init__(self, function: Callable[..., Any], owner: nn.Module | None = None) -> None:
        super().__init__()
        self.function, self.owner = function, owner

    def forward(self, images: Tensor, code: Tensor | None = None) -> Any:
        return self.function(images) if code is None else self.function(images, code)


def exported(weights: Path, out: Path, **more: Any) -> session.Report:
    """An export through Python, from beginning to end."""
    return session.start(session.plan(session.Request(weights=weights, out=out, **more)))


def run(file: Path, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """What onnxruntime, or torch without gantool's classes, makes of the inputs: all outputs in their order."""
    if file.suffix == ".onnx":
        return onnxruntime.InferenceSession(file).run(None, dict(inputs))
    with torch.no_grad():
        outputs = torch.export.load(file).module()(*map(torch.from_numpy, inputs.values()))
    return [output.numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)
