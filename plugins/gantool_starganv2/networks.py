"""The four networks of StarGAN v2 (appendix D of the paper): generator G, mapping network F, style encoder E and
discriminator D.

Sub-modules are named as in the authors' files, so that official weights load under their own keys. Widths double with
every halving of the picture, up to `max_width`; 0 asks for the paper's first width, 2^14 / size (64 at 256 pixels).
"""

from __future__ import annotations

from itertools import pairwise
from math import log2, sqrt
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.norms import AdaIN, AffineInstanceNorm
from gantool.networks.strips import bytes_in_all
from gantool_starganv2 import strips

Masks = tuple[Tensor, Tensor]
"""Where details of the face are kept: (N, 1, 256, 256) for the maps that are 32 high, and for those 64 and 128 high."""


class Content(NamedTuple):
    """What the encoder half of G makes of pictures, whatever the style."""

    last: Tensor
    """(N, C, h, w)."""
    kept: dict[int, Tensor]
    """Earlier maps by their height, for the high-pass skip alone."""


def widths(size: int, width: int, max_width: int, halvings: int) -> list[int]:
    """Channels before the first halving and after each."""
    first = width or 2**14 // size
    return [first, *(min(first * 2**i, max_width) for i in range(1, halvings + 1))]


def halvings(size: int, w_hpf: float) -> int:
    """How often the generator halves a picture: down to 16 x 16, or 8 x 8 with the high-pass skip."""
    return int(log2(size)) - (3 if w_hpf > 0 else 4)


class StyleNorm(nn.Module):
    """AdaIN whose scale and shift come from the style (N, style_dim)."""

    def __init__(self, style_dim: int, channels: int) -> None:
        super().__init__()
        self.norm = AdaIN(channels)
        self.fc = nn.Linear(style_dim, 2 * channels)

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        gamma, beta = self.fc(s)[..., None, None].chunk(2, dim=1)  # (N, C, 1, 1) each
        y: Tensor = self.norm(x, beta, 1 + gamma)
        return y


class ResBlk(nn.Module):
    """Pre-activation residual block; with `norm` for the generator, `down` halves the picture."""

    def __init__(self, inputs: int, outputs: int, *, norm: bool = False, down: bool = False) -> None:
        super().__init__()
        self.down = down
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1)
        self.conv2 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm1 = AffineInstanceNorm(inputs) if norm else nn.Identity()
        self.norm2 = AffineInstanceNorm(inputs) if norm else nn.Identity()
        self.conv1x1 = nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.leaky_relu(self.norm1(x), 0.2))
        if self.down:  # a 1x1 convolution and a mean may change places: the mean first saves three quarters
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        y = self.conv2(F.leaky_relu(self.norm2(y), 0.2))
        both: Tensor = self.conv1x1(x) + y
        return both / sqrt(2)  # keeps the variance


class AdainResBlk(nn.Module):
    """Residual block that takes the style; `up` doubles the picture.

    With the high-pass skip there is no shortcut. Its convolution stays among the parameters all the same, without a
    gradient, because the authors' files have it.
    """

    def __init__(self, inputs: int, outputs: int, style_dim: int, *, up: bool = False, shortcut: bool = True) -> None:
        super().__init__()
        self.up, self.shortcut = up, shortcut
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norm1 = StyleNorm(style_dim, inputs)
        self.norm2 = StyleNorm(style_dim, outputs)
        self.conv1x1 = nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        y: Tensor = F.leaky_relu(self.norm1(x, s), 0.2)
        if self.up:
            y = F.interpolate(y, scale_factor=2.0, mode="nearest")
        y = self.conv2(F.leaky_relu(self.norm2(self.conv1(y), s), 0.2))
        if not self.shortcut:
            return y
        x = self.conv1x1(x)
        if self.up:  # before the convolution, in the paper: the result is the same
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return (y + x) / sqrt(2)


class HighPass(nn.Module):
    """Each pixel against its neighbours, channel by channel, divided by `w_hpf`."""

    def __init__(self, w_hpf: float) -> None:
        super().__init__()
        # Not persistent: it follows from the option, and the authors' first files lack it.
        kernel = torch.tensor([[-1.0, -1.0, -1.0], [-1.0, 8.0, -1.0], [-1.0, -1.0, -1.0]])
        self.register_buffer("filter", kernel / w_hpf, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.get_buffer("filter").to(x.dtype).expand(channels, 1, 3, 3)
        return F.conv2d(x, kernel, padding=1, groups=channels)


class Generator(nn.Module):
    """G: a picture (N, 3, H, W) in [-1, 1] in the style (N, style_dim). The result has no bounds.

    With `w_hpf` > 0 and masks, what the masks cover of the encoder's maps comes back into the decoder, high-passed.
    H and W are multiples of 2^`halvings`.
    """

    strip_rows: int | None = None
    """Rows of a strip, where `forward` goes in strips: see `gantool.networks.strips`. That gives no gradients."""

    def __init__(self, size: int, style_dim: int, *, width: int = 0, max_width: int = 512, w_hpf: float = 0.0) -> None:
        super().__init__()
        channels = widths(size, width, max_width, halvings(size, w_hpf))
        self.width = channels[0]
        steps = list(pairwise(channels))
        last, skip = channels[-1], w_hpf > 0
        self.from_rgb = nn.Conv2d(3, channels[0], 3, padding=1)
        self.encode = nn.ModuleList(
            [ResBlk(a, b, norm=True, down=True) for a, b in steps] + [ResBlk(last, last, norm=True) for _ in range(2)]
        )
        self.decode = nn.ModuleList(
            [AdainResBlk(last, last, style_dim, shortcut=not skip) for _ in range(2)]
            + [AdainResBlk(b, a, style_dim, up=True, shortcut=not skip) for a, b in reversed(steps)]
        )
        self.to_rgb = nn.Sequential(AffineInstanceNorm(channels[0]), nn.LeakyReLU(0.2), nn.Conv2d(channels[0], 3, 1))
        self.hpf = HighPass(w_hpf) if skip else None

    def forward(self, x: Tensor | Content, s: Tensor | None = None, masks: Masks | None = None) -> Tensor | Content:
        """Without a style the content, which may take the pictures' place: of one content come many translations."""
        if self.strip_rows is not None:
            assert isinstance(x, Tensor)
            assert s is not None
            pairs = zip(x.split(1), s.split(1), strict=True)
            return torch.cat([strips.generated(self, picture, style, self.strip_rows) for picture, style in pairs])
        content = self._encoded(x) if isinstance(x, Tensor) else x
        return content if s is None else self._decoded(content, s, masks)

    def _encoded(self, x: Tensor) -> Content:
        x = self.from_rgb(x)  # (N, width, H, W)
        kept: dict[int, Tensor] = {}
        for block in self.encode:
            if self.hpf is not None and x.shape[2] in (32, 64, 128):
                kept[x.shape[2]] = x
            x = block(x)
        return Content(x, kept)

    def _decoded(self, content: Content, s: Tensor, masks: Masks | None) -> Tensor:
        x, kept = content
        for block in self.decode:  # from (N, max_width, H/16, W/16) on, or an eighth of 64 pixels and so on
            x = block(x, s)
            if masks is not None and self.hpf is not None and x.shape[2] in kept:
                mask = masks[0] if x.shape[2] == 32 else masks[1]
                mask = F.interpolate(mask, x.shape[2:], mode="bilinear", align_corners=False)
                x = x + self.hpf(mask * kept[x.shape[2]])
        rgb: Tensor = self.to_rgb(x)
        return rgb

    def can_run_in_strips(self) -> bool:
        """Without the high-pass skip: its masks are of one size."""
        return self.hpf is None

    def bytes_of_pass(self, height: int, width: int, rows: int | None) -> int:
        """Bytes that a picture takes, as a whole or in strips.

        Fitted, from above, to measurements on a CPU in single precision (widths 8 and 32).
        """
        w, size = self.width, (height, width)
        return bytes_in_all(size, rows, whole=6 * w + 30, held=3 * w // 2 + 12, strip=3 * w + 80, width=w)


class MappingNetwork(nn.Module):
    """F: the styles (N, style_dim) that latent codes z (N, latent_dim) stand for, of domains y (N,) or of one y."""

    def __init__(self, latent_dim: int, style_dim: int, domains: int, *, width: int = 512) -> None:
        super().__init__()

        def layers(inputs: int, count: int) -> list[nn.Module]:
            linear = [nn.Linear(inputs if i == 0 else width, width) for i in range(count)]
            return [layer for one in linear for layer in (one, nn.ReLU())]

        self.shared = nn.Sequential(*layers(latent_dim, 4))
        self.unshared = nn.ModuleList(
            nn.Sequential(*layers(width, 3), nn.Linear(width, style_dim)) for _ in range(domains)
        )

    def forward(self, z: Tensor, y: Tensor | int) -> Tensor:
        return of_domain(self.unshared, self.shared(z), y)


class StyleEncoder(nn.Module):
    """E: the styles (N, style_dim) of pictures (N, 3, size, size) of domains y (N,), or of one domain y."""

    def __init__(self, size: int, style_dim: int, domains: int, *, width: int = 0, max_width: int = 512) -> None:
        super().__init__()
        trunk, last = to_one_pixel(size, width, max_width)
        self.shared = nn.Sequential(*trunk)
        self.unshared = nn.ModuleList(nn.Linear(last, style_dim) for _ in range(domains))

    def forward(self, x: Tensor, y: Tensor | int) -> Tensor:
        return of_domain(self.unshared, self.shared(x).flatten(1), y)


class Discriminator(nn.Module):
    """D: the logit (N,) of pictures (N, 3, size, size) being real ones of domain y (N,)."""

    def __init__(self, size: int, domains: int, *, width: int = 0, max_width: int = 512) -> None:
        super().__init__()
        trunk, last = to_one_pixel(size, width, max_width)
        self.main = nn.Sequential(*trunk, nn.Conv2d(last, domains, 1))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        logits = self.main(x).flatten(1)  # (N, domains)
        return _rows(logits, y)


def to_one_pixel(size: int, width: int, max_width: int) -> tuple[list[nn.Module], int]:
    """The trunk of E and D, (N, 3, size, size) to (N, C, 1, 1), and C."""
    channels = widths(size, width, max_width, int(log2(size)) - 2)
    blocks = [ResBlk(a, b, down=True) for a, b in pairwise(channels)]  # down to 4 x 4
    last = channels[-1]
    ends = [nn.LeakyReLU(0.2), nn.Conv2d(last, last, 4), nn.LeakyReLU(0.2)]
    return [nn.Conv2d(3, channels[0], 3, padding=1), *blocks, *ends], last


def of_domain(heads: nn.ModuleList, h: Tensor, y: Tensor | int) -> Tensor:
    """Row n of the head of domain y[n].

    All heads are computed: the others get a gradient of zero, not none, so that Adam's weight decay reaches them, as in
    the reference.
    """
    if isinstance(y, int):
        one: Tensor = heads[y](h)
        return one
    return _rows(torch.stack([head(h) for head in heads], dim=1), y)


def _rows(x: Tensor, y: Tensor) -> Tensor:
    """x[n, y[n]] for every n."""
    return x.gather(1, y.view(-1, *[1] * (x.dim() - 1)).expand(-1, 1, *x.shape[2:])).squeeze(1)
