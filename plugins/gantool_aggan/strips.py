"""AGGAN's networks on pictures that are too large for one pass: strip by strip, with the statistics of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor

from gantool.networks.strips import (
    Band,
    Convolved,
    Deconvolved,
    Enlarged,
    Held,
    Normalized,
    convolve_in_place,
    finish_in_place,
    hold,
    hold_mapped,
    strips,
)

if TYPE_CHECKING:
    from gantool_aggan.networks import Attention, Generator, Layer, ResidualBlock


def generated(network: Generator, x: Tensor, strip: int) -> Tensor:
    """What the generator makes of one picture (1, 3, H, W)."""
    stem = Normalized(Convolved(Held(x), network.c1.conv, "zero", 3), network.c1.norm, strip)
    half = Normalized(Convolved(stem, network.c2.conv, "zero", 0, 1), network.c2.norm, strip // 2)
    held = _quarter(half, network.c3, strip // 4)
    del stem, half
    for name, block in network.named_children():
        if name.startswith("r"):
            _run_block(held, block, "zero", strip // 4)  # type: ignore[arg-type]
    up_half = Normalized(Deconvolved(Held(held), network.c4.conv), network.c4.norm, strip // 2)
    full = Normalized(Deconvolved(up_half, network.c5.conv), network.c5.norm, strip)
    _, conv, tanh = network.c6
    return hold_mapped(Convolved(full, conv, "zero", 3), strip, tanh)  # type: ignore[arg-type]


def attended(network: Attention, x: Tensor, strip: int) -> Tensor:
    """The mask (1, 1, H, W) of one picture (1, 3, H, W)."""
    half = Normalized(Convolved(Held(x), network.c1.conv, "reflect", 3), network.c1.norm, strip // 2)
    held = _quarter(half, network.c2, strip // 4)
    del half
    _run_block(held, network.r1, "reflect", strip // 4)
    if not network.fine:  # all the rest is at a quarter of the resolution
        mask: Tensor = network.up(network.c6(network.c5(network.c4(held))))
        return mask
    up_half = Normalized(Convolved(Enlarged(Held(held)), network.c4.conv, "reflect", 1), network.c4.norm, strip // 2)
    full = Normalized(Convolved(Enlarged(up_half), network.c5.conv, "reflect", 1), network.c5.norm, strip)
    _, conv, sigmoid = network.c6
    return hold_mapped(Convolved(full, conv, "reflect", 3), strip, sigmoid)  # type: ignore[arg-type]


def _quarter(half: Band, layer: Layer, strip: int) -> Tensor:
    """The second halving layer's output, in memory."""
    held = hold(Convolved(half, layer.conv, "zero", 0, 1), strip)
    finish_in_place(held, layer.norm, strip, relu=True)
    return held


def _run_block(x: Tensor, block: ResidualBlock, pad: str, strip: int) -> None:
    """x = block(x), with one more tensor of x's size."""
    hidden = hold(Convolved(Held(x), block.c1.conv, pad, 1), strip)
    finish_in_place(hidden, block.c1.norm, strip, relu=True)
    convolve_in_place(hidden, block.c2.conv, pad, strip)
    change = Normalized(Held(hidden), block.c2.norm, strip, relu=False)
    for start, stop in strips(change.height, strip):
        rows = x[..., start:stop, :]
        rows += change.rows(start, stop)
        F.relu_(rows)
