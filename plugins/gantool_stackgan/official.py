"""The authors' PyTorch checkpoints (hanzhanggit/StackGAN-Pytorch): netG_epoch_N.pth, netD_epoch_last.pth."""

from __future__ import annotations

from torch import nn

from gantool.importing.table import Names
from gantool_stackgan.networks import Stage2G


def names(network: nn.Module) -> Names:
    """The official names of a network's layers: ours, but for stage I inside stage II."""
    inside = isinstance(network, Stage2G)
    return Names(
        {name.replace("stage1", "STAGE1_G", 1) if inside else name: name for name, _ in network.named_modules()}
    )
