"""VGG-19 (Simonyan and Zisserman 2015, arXiv 1409.1556, configuration E) up to relu5_1, for perceptual losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gantool.errors import CheckpointError

_CHANNELS = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512, 512, 512), (512,))
"""Of the convolutions between two poolings."""
_OUTPUTS = (1, 6, 11, 20, 29)
"""Places of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1."""


class VGG19(nn.Module):
    """Pictures (N, 3, H, W), H and W at least 16, to the five maps relu1_1 ... relu5_1, the last (N, 512, H/16, W/16).

    Layers have torchvision's names, `features.N`.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = 3
        for level, channels in enumerate(_CHANNELS):
            if level:
                layers.append(nn.MaxPool2d(2))
            for outside in channels:
                layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.ReLU()]
                inside = outside
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        outputs = []
        for place, layer in enumerate(self.features):
            x = layer(x)
            if place in _OUTPUTS:
                outputs.append(x)
        return outputs


def vgg19(tensors: Mapping[str, Any], where: str) -> VGG19:
    """The network with weights under torchvision's names; those of later layers (`classifier.*`) are left out.

    Raises CheckpointError that names `where` and the first tensor that is missing or has another shape.
    """
    with torch.device("meta"):
        network = VGG19()
    weights: dict[str, Tensor] = {}
    for name, expected in network.state_dict().items():
        found = tensors.get(name)
        if not isinstance(found, Tensor) or found.shape != expected.shape:
            problem = f"of shape {tuple(found.shape)}" if isinstance(found, Tensor) else "missing"
            raise CheckpointError(
                f"{where} holds no weights of VGG-19 by torchvision's names: {name} is {problem} instead of"
                f" {tuple(expected.shape)}"
            )
        weights[name] = found.float()
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(False)
