"""Whole-picture results in strips: large pictures through a generator with instance norms, in a fraction of the memory.

Tiles are wrong here, whatever their overlap: instance norm depends on the statistics of the whole picture. So every
norm gets exact statistics from a pass of its own over strips of rows (merged by Chan's formula in float64, where there
is one), and what was computed for them is thrown away and computed again. Only the quarter-resolution level is held in
memory.

A *band* stands for a tensor (1, C, H, W) of which any rows can be asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.layers import ReflectionPad
from gantool.networks.norms import AffineInstanceNorm, InstanceNorm
from gantool.networks.precision import widest


@runtime_checkable
class InStrips(Protocol):
    """A generator that can go through a picture in strips: the same result in much less memory. Any generator may."""

    strip_rows: int | None
    """Where set, `forward` goes in strips of this many rows."""

    def can_run_in_strips(self) -> bool:
        """Whether it consists of layers that can: no batch norm, no dropout that draws."""

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture takes: as a whole (`rows` None), or in strips of so many rows. Estimated from above."""


class Band(Protocol):
    """A picture-shaped tensor (1, C, height, W) that may not exist as a whole."""

    height: int

    def rows(self, start: int, stop: int) -> Tensor:
        """Rows start to stop - 1, (1, C, stop - start, W)."""


@runtime_checkable
class InBands(Protocol):
    """A layer that can work on a band. Any layer of a generator in strips may."""

    def band(self, source: Band) -> Band:
        """The band after this layer."""


class Held:
    """A band in memory."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.height = tensor.shape[-2]

    def rows(self, start: int, stop: int) -> Tensor:
        return self.tensor[..., start:stop, :]


class Convolved:
    """A band after a convolution; `pad` is "reflect", "replicate" or "zero".

    It is padded by `before` pixels at the top and on the left, by `after` at the bottom and on the right (None: by as
    many).
    """

    def __init__(self, source: Band, conv: nn.Conv2d, pad: str, before: int, after: int | None = None) -> None:
        self.source, self.conv, self.pad = source, conv, pad
        self.before, self.after = before, before if after is None else after
        self.kernel, self.stride = conv.kernel_size[0], conv.stride[0]
        self.height = (source.height + self.before + self.after - self.kernel) // self.stride + 1

    def rows(self, start: int, stop: int) -> Tensor:
        first = start * self.stride - self.before
        last = (stop - 1) * self.stride - self.before + self.kernel - 1
        x = padded_rows(self.source, first, last, self.pad)
        x = F.pad(x, (self.before, self.after, 0, 0), mode="constant" if self.pad == "zero" else self.pad)
        if self.conv.padding == (0, 0):
            return self.conv(x)  # type: ignore[no-any-return]  # the layer itself: it may know a faster route
        return F.conv2d(x, self.conv.weight, self.conv.bias, self.conv.stride)


class Deconvolved:
    """A band of twice the rows: a generator's transposed convolution, 3x3, stride 2, both paddings 1; or both 0, and
    the last row and column left out.
    """

    def __init__(self, source: Band, conv: nn.ConvTranspose2d) -> None:
        self.source, self.conv = source, conv
        self.pad = int(conv.padding[0])
        self.height = 2 * source.height

    def rows(self, start: int, stop: int) -> Tensor:
        # Row o takes part of the source's rows i with o = 2 i - pad + k, k in 0..2.
        pad = self.pad
        first, last = max(0, (start + pad - 1) // 2), min((stop + pad - 1) // 2, self.source.height - 1)
        x = self.source.rows(first, last + 1)
        y = F.conv_transpose2d(
            x, self.conv.weight, self.conv.bias, stride=2, padding=(0, pad), output_padding=(pad, pad)
        )  # rows 2 first - pad ...
        return y[..., start - 2 * first + pad : stop - 2 * first + pad, : 2 * x.shape[-1]]


class Enlarged:
    """A band of twice the rows and columns: each pixel four times."""

    def __init__(self, source: Band) -> None:
        self.source = source
        self.height = 2 * source.height

    def rows(self, start: int, stop: int) -> Tensor:
        first = start // 2
        x = self.source.rows(first, (stop + 1) // 2).repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)
        return x[..., start - 2 * first : stop - 2 * first, :]


class Normalized:
    """A band after instance norm, with scale and shift where it has them, (or no norm) and, if `relu`, a ReLU."""

    def __init__(self, source: Band, norm: nn.Module, strip: int, relu: bool = True) -> None:
        self.source, self.relu = source, relu
        self.height = source.height
        self.mean: Tensor | None = None
        self.scale = torch.ones(())
        self.shift: Tensor | None = None
        if isinstance(norm, InstanceNorm):
            self.mean, variance = _statistics(source, strip)
            self.scale = (variance + norm.eps).rsqrt()
        if isinstance(norm, AffineInstanceNorm):
            self.scale, self.shift = self.scale * norm.weight.view(-1, 1, 1), norm.bias.view(-1, 1, 1)

    def rows(self, start: int, stop: int) -> Tensor:
        x = self.source.rows(start, stop)
        if self.mean is not None:
            # The mean first: a single multiply-add would cancel digits where mean / std is large.
            x = (x - self.mean.to(x.dtype)).mul_(self.scale.to(x.dtype))
        if self.shift is not None:
            x.add_(self.shift.to(x.dtype))
        return F.relu_(x) if self.relu else x


def through(band: Band, layers: Iterable[nn.Module], strip: int) -> Band:
    """A band after layers of a generator: convolutions, each after its padding, upsampling to twice the size, norms,
    each with its ReLU, and those that know bands themselves.

    `strip` is how many rows norms take at the height of `band`; at other heights as many as belong to these.
    """
    height, padded = band.height, ("", 0)
    for layer in layers:
        match layer:
            case ReflectionPad():
                padded = "reflect", layer.padding
            case nn.ZeroPad2d():
                padded = "zero", layer.padding[0]
            case nn.Upsample():
                band = Enlarged(band)
            case nn.Sequential():
                band = through(band, layer, strip * band.height // height)
            case nn.ConvTranspose2d():
                band = Deconvolved(band, layer)
            case nn.Conv2d():
                pad, width = padded if padded[1] else ("zero", int(layer.padding[0]))
                band, padded = Convolved(band, layer, pad, width), ("", 0)
            case nn.ReLU():
                pass  # a part of the norm before it
            case InBands():
                band = layer.band(band)
            case _:
                band = Normalized(band, layer, strip * band.height // height)
    return band


def convolve_in_place(x: Tensor, conv: nn.Conv2d, pad: str, strip: int) -> None:
    """x = conv(x) for a 3x3 convolution of stride 1: each strip is written when its old rows are no longer needed."""
    height = x.shape[-2]
    above, below = _outside(x, 1, pad), _outside(x, -2, pad)
    for start, stop in strips(height, strip):
        old = [above, x[..., start : stop + 1, :]] if stop < height else [above, x[..., start:stop, :], below]
        above = x[..., stop - 1 : stop, :].clone()
        rows = F.pad(torch.cat(old, dim=-2), (1, 1, 0, 0), mode="constant" if pad == "zero" else pad)
        x[..., start:stop, :] = F.conv2d(rows, conv.weight, conv.bias)


def _outside(x: Tensor, mirror: int, pad: str) -> Tensor:
    """The row beyond an edge; `mirror` is the one that reflection puts there (1 at the top, -2 at the bottom)."""
    if pad == "zero":
        return torch.zeros_like(x[..., :1, :])
    row = mirror if pad == "reflect" else (0 if mirror > 0 else -1)
    return x[..., row, :].unsqueeze(-2).clone()


def padded_rows(band: Band, first: int, last: int, pad: str) -> Tensor:
    """Rows first to last of a band, where rows outside 0 .. height - 1 come from padding."""
    inside = band.rows(max(first, 0), min(last, band.height - 1) + 1)
    above, below = max(0, -first), max(0, last - band.height + 1)
    if not above and not below:
        return inside
    if pad == "zero":
        return F.pad(inside, (0, 0, above, below))
    if pad == "replicate":
        return F.pad(inside, (0, 0, above, below), mode="replicate")
    parts = [inside]
    if above:
        parts.insert(0, band.rows(1, above + 1).flip(-2))
    if below:
        parts.append(band.rows(band.height - 1 - below, band.height - 1).flip(-2))
    return torch.cat(parts, dim=-2)


def _statistics(band: Band, strip: int) -> tuple[Tensor, Tensor]:
    """Mean and variance (1, C, 1, 1) per channel, as precise as the device can, merged over strips (Chan, Golub and
    LeVeque 1979).
    """
    count, mean, squares = 0, torch.zeros(()), torch.zeros(())
    for start, stop in strips(band.height, strip):
        rows = band.rows(start, stop)
        size, wide = rows.shape[-2] * rows.shape[-1], widest(rows.device)
        strip_mean = rows.mean(dim=(-2, -1), keepdim=True, dtype=wide)
        rows = rows - strip_mean.to(rows.dtype)
        # The rounding of the mean is taken back out of both moments.
        rest = rows.mean(dim=(-2, -1), keepdim=True, dtype=wide)
        strip_squares = rows.square_().sum(dim=(-2, -1), keepdim=True, dtype=wide) - size * rest**2
        if count == 0:
            count, mean, squares = size, strip_mean, strip_squares
            continue
        delta = strip_mean - mean
        total = count + size
        mean = mean + delta * (size / total)
        squares = squares + strip_squares + delta**2 * (count * size / total)
        count = total
    return mean, squares / count


def add_residual(x: Tensor, body: nn.Module, strip: int) -> None:
    """x += body(x), a residual block of two 3x3 convolutions, each with a norm; takes one more tensor of x's size."""
    layers = [layer for layer in body.children() if not isinstance(layer, nn.Dropout)]
    convs = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    norms = [layers[layers.index(conv) + 1] for conv in convs]
    pad = (
        "zero"
        if convs[0].padding != (0, 0) or isinstance(layers[0], nn.ZeroPad2d)
        else "replicate"
        if isinstance(layers[0], nn.ReplicationPad2d)
        else "reflect"
    )
    hidden = hold(Convolved(Held(x), convs[0], pad, 1), strip)
    finish_in_place(hidden, norms[0], strip, relu=True)
    convolve_in_place(hidden, convs[1], pad, strip)
    change = Normalized(Held(hidden), norms[1], strip, relu=False)
    for start, stop in strips(change.height, strip):
        x[..., start:stop, :] += change.rows(start, stop)


def hold(band: Band, strip: int) -> Tensor:
    """The band as one tensor."""
    return hold_mapped(band, strip, nn.Identity())


def hold_mapped(band: Band, strip: int, function: nn.Module) -> Tensor:
    """The band as one tensor, after a function of single pixels."""
    whole: Tensor | None = None
    for start, stop in strips(band.height, strip):
        rows = function(band.rows(start, stop))
        if whole is None:
            whole = rows.new_empty(*rows.shape[:-2], band.height, rows.shape[-1])
        whole[..., start:stop, :] = rows
    assert whole is not None
    return whole


def finish_in_place(x: Tensor, norm: nn.Module, strip: int, relu: bool) -> None:
    """Normalises (1, C, H, W) strip by strip in its own memory."""
    band = Normalized(Held(x), norm, strip, relu)
    for start, stop in strips(band.height, strip):
        x[..., start:stop, :] = band.rows(start, stop)


def strips(height: int, strip: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of strips of rows, from top to bottom."""
    strip = max(1, strip)
    return ((start, min(start + strip, height)) for start in range(0, height, strip))
