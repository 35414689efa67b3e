"""Several passes of one network as one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def per_sample(*networks: nn.Module, training: bool = True) -> bool:
    """True if no layer mixes the pictures of a batch, counts passes or draws random numbers: passes may share a batch.

    A layer of one's own that does says so by an attribute `mixes_pictures`. `training` False asks for evaluation mode,
    in which batch norms and dropout do nothing of that.
    """
    return not any(_mixes(module, training) for network in networks for module in network.modules())


def _mixes(module: nn.Module, training: bool) -> bool:
    torchs = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd, nn.utils.parametrizations._SpectralNorm)
    return bool(getattr(module, "mixes_pictures", False)) or (training and isinstance(module, torchs))


def together(network: nn.Module, *inputs: Tensor) -> list[Tensor]:
    """`[network(x) for x in inputs]`: one batch where `per_sample` says that it gives the same and the shapes agree."""
    if per_sample(network) and all(x.shape[1:] == inputs[0].shape[1:] for x in inputs):
        return list(network(torch.cat(inputs)).split([len(x) for x in inputs]))
    return [network(x) for x in inputs]
