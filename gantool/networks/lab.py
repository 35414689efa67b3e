"""Pictures in CIE L*a*b* (D65, 2 degrees), as networks see them: lightness in, colour out. The standard's formulas."""

from __future__ import annotations

import torch
from torch import Tensor

_TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
_WHITE = (0.95047, 1.0, 1.08883)
_TO_RGB = torch.linalg.inv(torch.tensor(_TO_XYZ, dtype=torch.float64)).tolist()


def split(images: Tensor) -> tuple[Tensor, Tensor]:
    """sRGB pictures (N, 3, H, W) in [-1, 1] as lightness L/50 - 1 (N, 1, H, W) and colour ab/110 (N, 2, H, W)."""
    c = (images + 1) / 2
    linear = torch.where(c > 0.04045, ((c.clamp(min=0) + 0.055) / 1.055) ** 2.4, c / 12.92)
    xyz = [_weighted(linear, row) / white for row, white in zip(_TO_XYZ, _WHITE, strict=True)]
    x, y, z = (torch.where(t > 0.008856, t.clamp(min=0) ** (1 / 3), 7.787 * t + 16 / 116) for t in xyz)
    return (116 * y - 16) / 50 - 1, torch.cat([500 * (x - y), 200 * (y - z)], 1) / 110


def join(lightness: Tensor, colour: Tensor) -> Tensor:
    """The inverse of `split`; colours that sRGB does not have are clipped to [-1, 1]."""
    y = ((lightness + 1) * 50 + 16) / 116
    x = colour[:, :1] * 110 / 500 + y
    z = (y - colour[:, 1:] * 110 / 200).clamp(min=0)
    xyz = torch.cat(
        [
            torch.where(t > 0.2068966, t**3, (t - 16 / 116) / 7.787) * white
            for t, white in zip((x, y, z), _WHITE, strict=True)
        ],
        1,
    )
    linear = torch.cat([_weighted(xyz, row) for row in _TO_RGB], 1)
    c = torch.where(linear > 0.0031308, 1.055 * linear.clamp(min=0) ** (1 / 2.4) - 0.055, 12.92 * linear)
    return c.clamp(0, 1) * 2 - 1


def _weighted(planes: Tensor, weights: tuple[float, ...]) -> Tensor:
    """A weighted sum of three channels, (N, 1, H, W): not a matrix product, which autocast would round."""
    return planes[:, 0:1] * weights[0] + planes[:, 1:2] * weights[1] + planes[:, 2:3] * weights[2]
