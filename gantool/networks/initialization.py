"""Initialisation by name."""

from __future__ import annotations

from torch import nn

INITIALIZATIONS = ("normal", "xavier", "kaiming", "orthogonal")


def initialize(network: nn.Module, init: str = "normal", gain: float = 0.02) -> None:
    """Fills every convolution and linear layer: `normal` N(0, gain), `xavier` normal with gain, `kaiming` normal (fan
    in, gain unused), `orthogonal` with gain; biases 0; batch norm weights N(1, gain)."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            if init == "normal":
                nn.init.normal_(module.weight, 0.0, gain)
            elif init == "xavier":
                nn.init.xavier_normal_(module.weight, gain)
            elif init == "kaiming":
                nn.init.kaiming_normal_(module.weight)
            elif init == "orthogonal":
                nn.init.orthogonal_(module.weight, gain)
            else:
                raise ValueError(f"there is no initialisation {init!r}; known: {', '.join(INITIALIZATIONS)}")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(module.weight, 1.0, gain)
            nn.init.zeros_(module.bias)
