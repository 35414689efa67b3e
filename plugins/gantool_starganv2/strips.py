"""StarGAN v2's generator on pictures that are too large for one pass: see `gantool.networks.strips`."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.strips import Added, Band, Held, Layer, Mapped, WithStyle, hold, through

if TYPE_CHECKING:
    from gantool_starganv2.networks import AdainResBlk, Generator, ResBlk, StyleNorm


def generated(network: Generator, x: Tensor, s: Tensor, strip: int) -> Tensor:
    """What the generator makes of one picture (1, 3, H, W) in the style (1, style_dim), without masks.

    What a block makes at half the resolution is held as well: the next one would compute it four times.
    """
    full = x.shape[2]
    band = through(Held(x), [network.from_rgb], strip, full)
    for block in network.encode:
        band = _kept(_encoded(block, band, strip, full), strip, full)  # type: ignore[arg-type]
    for block in network.decode:
        band = _kept(_decoded(block, band, s, strip, full), strip, full)  # type: ignore[arg-type]
    return hold(through(band, network.to_rgb, strip, full), strip)


class Halved:
    """A band of half the rows and columns: means of squares of four pixels."""

    def __init__(self, source: Band) -> None:
        self.source = source
        self.height = source.height // 2

    def rows(self, start: int, stop: int) -> Tensor:
        return F.avg_pool2d(self.source.rows(2 * start, 2 * stop), 2)


def _encoded(block: ResBlk, x: Band, strip: int, full: int) -> Band:
    y = through(x, [block.norm1, nn.LeakyReLU(0.2), block.conv1], strip, full)
    if block.down:
        x, y = Halved(x), Halved(y)
    y = through(y, [block.norm2, nn.LeakyReLU(0.2), block.conv2], strip, full)
    return _summed(through(x, [block.conv1x1], strip, full), y)


def _decoded(block: AdainResBlk, x: Band, s: Tensor, strip: int, full: int) -> Band:
    larger: list[Layer] = [nn.Upsample(scale_factor=2)] if block.up else []
    before: list[Layer] = [_styled(block.norm1, s), nn.LeakyReLU(0.2), *larger, block.conv1]
    y = through(x, [*before, _styled(block.norm2, s), nn.LeakyReLU(0.2), block.conv2], strip, full)
    return _summed(through(x, [block.conv1x1, *larger], strip, full), y)


def _styled(layer: StyleNorm, s: Tensor) -> WithStyle:
    gamma, beta = layer.fc(s)[..., None, None].chunk(2, dim=1)
    return WithStyle(layer.norm, beta, 1 + gamma)


def _summed(x: Band, y: Band) -> Band:
    return Mapped(Added(x, y), lambda rows: rows.div_(sqrt(2)))


def _kept(band: Band, strip: int, full: int) -> Band:
    """Held, but for what has the full resolution. Two layers read it, so none may work on it."""
    if 2 * band.height > full:
        return band
    return Held(hold(band, max(1, strip * band.height // full)))
