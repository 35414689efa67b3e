"""Several passes of one network as one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def per_sample(*networks: nn.Module) -> bool:
    """True if no layer mixes the pictures of a batch or draws random numbers, so that passes may share a batch."""
    mixing = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    return not any(isinstance(module, mixing) for network in networks for module in network.modules())


def together(network: nn.Module, *inputs: Tensor) -> list[Tensor]:
    """`[network(x) for x in inputs]`: one batch where `per_sample` says that it gives the same and the shapes agree."""
    if per_sample(network) and all(x.shape[1:] == inputs[0].shape[1:] for x in inputs):
        return list(network(torch.cat(inputs)).split([len(x) for x in inputs]))
    return [network(x) for x in inputs]
