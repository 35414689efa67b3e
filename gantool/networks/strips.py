"""Whole-picture results in strips: large pictures through a generator with norms, in a fraction of the memory.

Tiles are wrong here, whatever their overlap: a norm depends on the statistics of the whole picture. So every norm gets
exact statistics from a pass of its own over strips of rows (merged by Chan's formula in float64, where there is one),
and what was computed for them is thrown away and computed again. What is a quarter of the resolution, or less, is held
in memory.

A *band* stands for a tensor (1, C, H, W) of which any rows can be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.layers import OutputConv, ReflectionPad, Tanh
from gantool.networks.precision import single, widest

Affine = tuple[Tensor, Tensor, Tensor | None]
"""What a norm does to x once it knows the statistics, (x - centre) * scale + shift: each (1, C or 1, 1, 1)."""


@runtime_checkable
class InStrips(Protocol):
    """A generator that can go through a picture in strips: the same result in much less memory. Any generator may."""

    strip_rows: int | None
    """Where set, `forward` goes in strips of this many rows."""

    def can_run_in_strips(self) -> bool:
        """Whether it consists of layers that can, in their present mode: see `settled`."""

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


@runtime_checkable
class InPlace(Protocol):
    """A residual block, or whatever else works on a tensor in its own memory."""

    def work_in_place(self, x: Tensor, strip: int) -> None:
        """x (1, C, H, W) becomes what `forward` gives, in strips of so many rows."""


@runtime_checkable
class OfStatistics(Protocol):
    """A norm that follows from the mean and the variance of each channel of a picture."""

    def of_statistics(self, mean: Tensor, variance: Tensor, pixels: int) -> Affine:
        """What it does to a picture of so many pixels with these, (1, C, 1, 1), the variance not corrected."""


class WithStyle:
    """A norm with the scale and shift that it is given, an `OfStatistics`."""

    def __init__(self, norm: nn.Module, *style: Tensor) -> None:
        self.norm, self.style = norm, style

    def of_statistics(self, mean: Tensor, variance: Tensor, pixels: int) -> Affine:
        found: Affine = self.norm.of_statistics(mean, variance, pixels, *self.style)  # type: ignore[operator]
        return found


Layer = nn.Module | OfStatistics


class OfPixels(nn.Module):
    """A function of single pixels as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


_OF_PIXELS = (
    *(OfPixels, nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.SELU, nn.Tanh, nn.Sigmoid, Tanh),
    *(nn.Identity, nn.Dropout, nn.BatchNorm2d),
)
"""Layers that look at single pixels; the last two in evaluation mode, where dropout does nothing."""


class Held:
    """A band in memory."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.height = tensor.shape[-2]

    def rows(self, start: int, stop: int) -> Tensor:
        return self.tensor[..., start:stop, :]


class Own(Held):
    """A band in memory that the next layers may work on."""


class Mapped:
    """A band after a function of single pixels, which may work in place."""

    def __init__(self, source: Band, function: Callable[[Tensor], Tensor]) -> None:
        self.source, self.function = source, function
        self.height = source.height

    def rows(self, start: int, stop: int) -> Tensor:
        x = self.source.rows(start, stop)
        return self.function(x.clone() if isinstance(self.source, Held) else x)


class Added:
    """The sum of two bands."""

    def __init__(self, first: Band, second: Band) -> None:
        self.first, self.second = first, second
        self.height = first.height

    def rows(self, start: int, stop: int) -> Tensor:
        return self.first.rows(start, stop) + self.second.rows(start, stop)


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
        if isinstance(self.conv, OutputConv):
            return self.conv.valid(x)
        return F.conv2d(x, self.conv.weight, self.conv.bias, self.conv.stride)


class Deconvolved:
    """A band after a transposed convolution, `stride` times as high and wide: what lies beyond is left out."""

    def __init__(self, source: Band, conv: nn.ConvTranspose2d) -> None:
        self.source, self.conv = source, conv
        self.kernel, self.stride, self.pad = conv.kernel_size[0], conv.stride[0], int(conv.padding[0])
        self.height = self.stride * source.height

    def rows(self, start: int, stop: int) -> Tensor:
        # Row o takes part of the source's rows i with o = stride i - pad + k, k in 0 .. kernel - 1.
        first = max(0, -((self.kernel - 1 - self.pad - start) // self.stride))
        last = min((stop - 1 + self.pad) // self.stride, self.source.height - 1)
        x = self.source.rows(first, last + 1)
        more = max(0, self.stride - self.kernel + 2 * self.pad)  # columns
        y = F.conv_transpose2d(
            x,
            self.conv.weight,
            self.conv.bias,
            stride=self.stride,
            padding=(0, self.pad),
            output_padding=(0, more),
        )
        above = self.stride * first - self.pad  # the first row that it has
        return y[..., start - above : stop - above, : self.stride * x.shape[-1]]


class Enlarged:
    """A band of `factor` times the rows and columns: each pixel a square of them."""

    def __init__(self, source: Band, factor: int) -> None:
        self.source, self.factor = source, factor
        self.height = factor * source.height

    def rows(self, start: int, stop: int) -> Tensor:
        first = start // self.factor
        x = self.source.rows(first, -(-stop // self.factor))
        x = x.repeat_interleave(self.factor, dim=-2).repeat_interleave(self.factor, dim=-1)
        return x[..., start - self.factor * first : stop - self.factor * first, :]


class Interpolated:
    """A band of twice the rows and columns, by bilinear interpolation."""

    def __init__(self, source: Band, layer: nn.Upsample) -> None:
        self.source, self.layer = source, layer
        self.height = 2 * source.height

    def rows(self, start: int, stop: int) -> Tensor:
        # Row 2 i lies between the source's rows i - 1 and i, row 2 i + 1 between i and i + 1.
        first, last = max(0, (start - 1) // 2), min(stop // 2, self.source.height - 1)
        x: Tensor = self.layer(self.source.rows(first, last + 1))
        return x[..., start - 2 * first : stop - 2 * first, :]


class Normalized:
    """A band after a norm."""

    def __init__(self, source: Band, norm: OfStatistics, strip: int) -> None:
        self.source, self.height = source, source.height
        mean, variance, pixels = _statistics(source, strip)
        self.centre, self.scale, self.shift = norm.of_statistics(mean, variance, pixels)

    def rows(self, start: int, stop: int) -> Tensor:
        rows = self.source.rows(start, stop)
        x = single(rows)
        # The mean first: a single multiply-add would cancel digits where mean / std is large.
        x = (x - self.centre.to(x.dtype)).mul_(self.scale.to(x.dtype))
        return (x if self.shift is None else x.add_(self.shift.to(x.dtype))).to(rows.dtype)


def settled(network: nn.Module) -> bool:
    """Whether no batch norm and no dropout of a network does in its present mode what it does in training.

    Models may have such layers of their own that do in evaluation mode as well.
    """
    plain = (nn.BatchNorm2d, nn.Dropout)
    unsettled = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    return not any(isinstance(m, unsettled) and (m.training or type(m) not in plain) for m in network.modules())


def bytes_in_all(size: tuple[int, int], rows: int | None, *, whole: int, held: int, strip: int, width: int) -> int:
    """Bytes that a picture of this (height, width) takes: as a whole `whole` floats a pixel; in strips of so many rows
    `held` a pixel, and `strip` a pixel of a strip. Kernels of `width` channels at full resolution are copied by oneDNN.
    """
    pixels, fixed = size[0] * size[1], 8000 * width**2
    return 4 * (pixels * whole if rows is None else pixels * held + rows * size[1] * strip) + fixed


def run(x: Tensor, layers: Iterable[Layer], strip: int) -> Tensor:
    """What the layers make of one picture (1, C, H, W), in strips of so many rows. See `through`."""
    return hold(through(Held(x), layers, strip, x.shape[-2]), strip)


def through(band: Band, layers: Iterable[Layer], strip: int, full: int) -> Band:
    """A band after layers: convolutions, each after its padding, upsampling, norms, functions of single pixels,
    residual blocks, and layers that know bands themselves.

    `strip` is how many rows are taken at a time where a band has a height of `full`; at other heights as many as belong
    to these. What convolutions make at a quarter of `full`, or less, is held in memory.
    """
    pad, before, after = "zero", 0, 0

    def here() -> int:
        return max(1, strip * band.height // full)

    for layer in layers:
        match layer:
            case ReflectionPad():
                pad, before, after = "reflect", layer.padding, layer.padding
                continue
            case nn.ReplicationPad2d() | nn.ZeroPad2d():
                pad = "zero" if isinstance(layer, nn.ZeroPad2d) else "replicate"
                _, _, before, after = layer.padding
                continue
            case nn.Sequential():
                band = through(band, layer, strip, full)
            case InPlace():
                tensor = band.tensor if isinstance(band, Own) else hold(band, here())
                layer.work_in_place(tensor, here())
                band = Own(tensor)
            case nn.Upsample(mode="bilinear"):
                band = Interpolated(band, layer)
            case nn.Upsample():
                band = Enlarged(band, int(layer.scale_factor))  # type: ignore[arg-type]  # one number
            case InBands() | nn.Conv2d() | nn.ConvTranspose2d():
                if isinstance(layer, nn.ConvTranspose2d):
                    band = Deconvolved(band, layer)
                elif isinstance(layer, nn.Conv2d):
                    own = int(layer.padding[0])
                    band = Convolved(band, layer, pad, before or own, after or own)
                    pad, before, after = "zero", 0, 0
                else:
                    band = layer.band(band)
                if 4 * band.height <= full:
                    band = Own(hold(band, here()))
            case _ if isinstance(band, Own):
                finish_in_place(band.tensor, layer, here())
            case OfStatistics():
                band = Normalized(band, layer, here())
            case _:
                band = Mapped(band, _of_pixels(layer))
    return band


def _of_pixels(layer: Layer) -> nn.Module:
    if not isinstance(layer, _OF_PIXELS):
        raise TypeError(f"strips know no {type(layer).__name__}")
    return layer


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


def _statistics(band: Band, strip: int) -> tuple[Tensor, Tensor, int]:
    """Mean and variance (1, C, 1, 1) per channel, as precise as the device can, merged over strips (Chan, Golub and
    LeVeque 1979); and the number of pixels.
    """
    count, mean, squares = 0, torch.zeros(()), torch.zeros(())
    for start, stop in strips(band.height, strip):
        rows = single(band.rows(start, stop))
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
    return mean, squares / count, count


def change_in_place(x: Tensor, layers: Sequence[Layer], strip: int) -> Tensor:
    """f(x) for layers with two 3x3 convolutions, in one more tensor of x's size."""
    first, second = (number for number, layer in enumerate(layers) if isinstance(layer, nn.Conv2d))
    pads = [layer for layer in layers[:first] if isinstance(layer, (ReflectionPad, nn.ReplicationPad2d))]
    pad = "zero" if not pads else "reflect" if isinstance(pads[0], ReflectionPad) else "replicate"
    one, other = layers[first], layers[second]
    assert isinstance(one, nn.Conv2d)
    assert isinstance(other, nn.Conv2d)
    y = hold(Convolved(Held(x), one, pad, 1), strip)
    for layer in layers[first + 1 : second]:
        if not isinstance(layer, (ReflectionPad, nn.ReplicationPad2d, nn.ZeroPad2d)):
            finish_in_place(y, layer, strip)
    convolve_in_place(y, other, pad, strip)
    for layer in layers[second + 1 :]:
        finish_in_place(y, layer, strip)
    return y


def finish_in_place(x: Tensor, layer: Layer, strip: int) -> None:
    """A norm, or a function of single pixels, of (1, C, H, W) in its own memory."""
    held = Held(x)
    band = Normalized(held, layer, strip) if isinstance(layer, OfStatistics) else Mapped(held, _of_pixels(layer))
    for start, stop in strips(band.height, strip):
        x[..., start:stop, :] = band.rows(start, stop)


def hold(band: Band, strip: int) -> Tensor:
    """The band as one tensor of its own."""
    if isinstance(band, Own):
        return band.tensor
    whole: Tensor | None = None
    for start, stop in strips(band.height, strip):
        rows = band.rows(start, stop)
        if whole is None:
            whole = rows.new_empty(*rows.shape[:-2], band.height, rows.shape[-1])
        whole[..., start:stop, :] = rows
    assert whole is not None
    return whole


def strips(height: int, strip: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of strips of rows, from top to bottom."""
    strip = max(1, strip)
    return ((start, min(start + strip, height)) for start in range(0, height, strip))
