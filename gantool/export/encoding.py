"""The network that finds the style of a picture, for a page: pixels in, style codes out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from gantool.capabilities import Encodes
from gantool.export import check, graphs
from gantool.export.checked import Checked, Tell, checked
from gantool.model import Model
from gantool.pictures.resize import to_unit
from gantool.spec import Facts

_SIDE = 32  # of the smallest pictures that it is compared with, where the model takes such


def checked_encoder(model: Model[Any], facts: Facts, domains: Sequence[int], verbose: bool, tell: Tell) -> Checked:
    """Pictures uint8 (N, H, W, C), neither side below the model's minimum, to their styles (N, D, S) as pictures of
    each of these domains. Compared with `encode` at three sizes. Raises CheckpointError.
    """
    encoder = _Encoder(model, domains)
    channels, low = model.spec.channels[domains[0]], max(_SIDE, facts.sizes.minimum)
    sizes = [(1, low, low), (2, low + 31, low), (3, low, low + 64)]
    made = [_case(encoder, size, channels) for size in sizes]
    least = facts.sizes.minimum
    dims = {0: Dim("batch", min=1), 1: Dim("height", min=least), 2: Dim("width", min=least)}
    images = torch.zeros(2, low + 31, low + 64, channels, dtype=torch.uint8)
    notes = {
        "model": facts.model,
        "inputs": {"image": f"uint8 (N, H, W, {channels}) in [0, 255]"},
        "outputs": {"style": f"float32 (N, {len(domains)}, {facts.code_size})"},
        "part": "style encoder",
        "sizes": {"multiple": 1, "minimum": least},
    }
    capture = partial(graphs.captured, _Pixels(encoder), (images,), (dims,))
    return checked(capture, notes, made, "onnx", facts.model, verbose, tell)


class _Encoder(nn.Module):
    def __init__(self, model: Any, domains: Sequence[int]) -> None:
        super().__init__()
        assert isinstance(model, Encodes)
        self.model, self.domains = model, tuple(domains)

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([self.model.encode(images, domain=number) for number in self.domains], dim=1)


class _Pixels(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, image: Tensor) -> Tensor:
        styles: Tensor = self.encoder(to_unit(image.permute(0, 3, 1, 2).float()))
        return styles


@torch.no_grad()
def _case(encoder: _Encoder, size: tuple[int, int, int], channels: int) -> check.Case:
    pixels = torch.randint(0, 256, (*size, channels), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = to_unit(pixels.permute(0, 3, 1, 2).float())
    expected, exact = encoder(images), copy.deepcopy(encoder).double()(images.double())
    return check.Case(size, (pixels.numpy(),), (expected.numpy(),), (check.tolerance(expected, exact),), ("float32",))
