"""Several passes of one network as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def per_sample(*networks: nn.Module) -> bool:
    """True if no layer mixes the pictures of a batch, counts passes or draws random numbers in the mode that it is in:
    passes may share a batch.

    Batch norm, dropout and spectral norm do in training. A layer of one's own that does says so by an attribute
    `mixes_pictures`: a property, where that depends on its mode.
    """
    return not any(_mixes(module) for network in networks for module in network.modules())


def _mixes(module: nn.Module) -> bool:
    torchs = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd, nn.utils.parametrizations._SpectralNorm)
    return bool(getattr(module, "mixes_pictures", False)) or (module.training and isinstance(module, torchs))


def together(network: nn.Module, *inputs: Tensor, call: Callable[[Tensor], Any] | None = None) -> list[Any]:
    """`[network(x) for x in inputs]`: one batch where `per_sample` says that it gives the same and the shapes agree.

    The network gives a tensor, or a list of tensors, such as a discriminator of several scales. `call` is another way
    through it than `network(x)`.
    """
    through = call or network
    if len(inputs) > 1 and per_sample(network) and all(x.shape[1:] == inputs[0].shape[1:] for x in inputs):
        return _split(through(torch.cat(inputs)), [len(x) for x in inputs])
    return [through(x) for x in inputs]


def _split(output: Tensor | Sequence[Any], counts: list[int]) -> list[Any]:
    """For each input its part of the output."""
    if isinstance(output, Tensor):
        return list(output.split(counts))
    return [list(parts) for parts in zip(*(_split(one, counts) for one in output), strict=True)]
