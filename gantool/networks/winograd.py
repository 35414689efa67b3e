"""3x3 convolutions in fewer products, for pictures on a CPU: Winograd's F(4, 3) (Lavin and Gray 2016, arXiv
1509.09308).

Tiles of 6x6 pixels become 4x4 results with 36 products where the definition takes 144. Both transforms are products
with matrices, and so is the middle, one for each of the 36 places: library calls alone. It goes in chunks of tiles that
stay in the processor's cache; all tiles at once are slower than the definition.

Sums come in another order and with other factors. The rounding error is 2.4e-6 of the results' standard deviation
(0.2e-6 by the definition): of a picture's values a few in a million end up one grey level away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

FEWEST_CHANNELS = 128
"""On both sides: with fewer the transforms take what the products save."""
FEWEST_TILES = 16
CHUNK = 128
"""Tiles that are computed together."""
KEPT_BYTES = 256 * 2**20
"""Transformed weights, four times as large as the weights, that are kept; others are transformed in each pass."""
WORTH = 256
"""Tiles for which it pays to transform weights that are not kept."""

_BT = (
    (4.0, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_G = (
    (1 / 4, 0, 0),
    (-1 / 6,) * 3,
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1.0),
)
_AT = ((1.0, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


def _twice(rows: tuple[tuple[float, ...], ...]) -> Tensor:
    """The transform of both axes at once."""
    matrix = torch.tensor(rows, dtype=torch.float64)
    return torch.kron(matrix, matrix).float()


class Winograd(TorchFunctionMode):
    """Inside, wide 3x3 convolutions of stride 1 in single precision on a CPU are computed so; all others as ever.

    For passes without gradients. Of the convolutions of `networks`, in their order, as many have their transformed
    weights kept as fit into `kept_bytes`: so it depends on the weights and the size of a map alone how it is computed,
    not on what came before.
    """

    def __init__(self, networks: Iterable[nn.Module] = (), kept_bytes: int = KEPT_BYTES) -> None:
        super().__init__()
        self._tiles, self._weights, self._results = _twice(_BT), _twice(_G), _twice(_AT)  # (36, 36), (36, 9), (16, 36)
        self._kept: Any = WeakIdKeyDictionary()
        for weight in (parameter for network in networks for parameter in network.parameters() if _is_wide(parameter)):
            size = 36 * 4 * weight.shape[0] * weight.shape[1]
            if size <= kept_bytes and weight not in self._kept:
                self._kept[weight] = None
                kept_bytes -= size

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is torch.conv2d and not kwargs:
            found = self._convolved(*args)
            if found is not None:
                return found
        return func(*args, **(kwargs or {}))

    def _convolved(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor | None:
        """The convolution, or None for one that is not of this kind."""
        plain = _is_wide(weight) and _all(stride, 1) and _all(dilation, 1) and groups == 1
        if isinstance(padding, str):
            return None
        pads = padding if isinstance(padding, tuple | list) else (padding, padding)
        if x.dim() != 4 or x.shape[1] != weight.shape[1] or len(pads) != 2:
            return None
        if not plain or x.dtype != torch.float32 or x.device.type != "cpu" or weight.dtype != torch.float32:
            return None
        if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
            return None
        if weight.is_inference():  # nobody can tell whether it has changed
            return None
        rows, columns = pads
        height, width = x.shape[2] + 2 * rows - 2, x.shape[3] + 2 * columns - 2
        down, across = -(-height // 4), -(-width // 4)
        if min(height, width) < 1 or down * across < FEWEST_TILES:
            return None
        transformed = self._transformed(weight, down * across)
        if transformed is None:
            return None
        around = (columns, 4 * across + 2 - x.shape[3] - columns, rows, 4 * down + 2 - x.shape[2] - rows)
        padded = F.pad(x, around) if any(around) else x
        result = self._of_tiles(padded, transformed, down, across)[:, :, :height, :width]
        return result.contiguous() if bias is None else torch.add(result, bias.view(-1, 1, 1)).contiguous()

    def _transformed(self, weight: Tensor, tiles: int) -> Tensor | None:
        """Weights (K, C, 3, 3) as (36, C, K); None where that takes longer than it saves."""
        key = (weight._version, weight.data_ptr())
        keep = weight in self._kept
        if keep and self._kept[weight] is not None and self._kept[weight][0] == key:
            transformed: Tensor = self._kept[weight][1]
            return transformed
        if not keep and tiles < WORTH:
            return None
        out, inside = weight.shape[:2]
        found = (self._weights @ weight.detach().permute(2, 3, 1, 0).reshape(9, -1)).view(36, inside, out)
        if keep:
            self._kept[weight] = (key, found)
        return found

    def _of_tiles(self, x: Tensor, weights: Tensor, down: int, across: int) -> Tensor:
        """x (N, C, 4 down + 2, 4 across + 2) and weights (36, C, K): (N, K, 4 down, 4 across)."""
        channels, out = weights.shape[1:]
        x = x.permute(0, 2, 3, 1).contiguous()
        n, y, z = x.stride()[:3]
        tiles = x.as_strided((6, 6, len(x), down, across, channels), (y, z, n, 4 * y, 4 * z, 1))
        result = x.new_empty(len(x), 4 * down, 4 * across, out)
        parts = result.view(len(x), down, 4, across, 4, out)
        rows = max(1, CHUNK // across)
        for picture in range(len(x)):
            for first in range(0, down, rows):
                some = tiles[:, :, picture, first : first + rows]
                count = some.shape[2] * across
                seen = (self._tiles @ some.reshape(36, -1)).view(36, count, channels)
                made = self._results @ torch.bmm(seen, weights).view(36, -1)
                parts[picture, first : first + rows] = made.view(4, 4, -1, across, out).permute(2, 0, 3, 1, 4)
        return result.permute(0, 3, 1, 2)


def _is_wide(weight: Tensor) -> bool:
    return weight.dim() == 4 and weight.shape[2:] == (3, 3) and min(weight.shape[:2]) >= FEWEST_CHANNELS


def _all(value: Any, wanted: int) -> bool:
    return all(one == wanted for one in (value if isinstance(value, tuple | list) else (value,)))
