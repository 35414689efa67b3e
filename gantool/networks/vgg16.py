"""VGG-16 (Simonyan and Zisserman 2015, arXiv 1409.1556, configuration D) up to relu5_3, as MUNIT and UNIT use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.errors import CheckpointError

_CHANNELS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Of the convolutions in each block."""


class VGG16(nn.Module):
    """Pictures (N, 3, H, W), H and W at least 8, to relu5_3, (N, 512, H/8, W/8).

    Pictures are as Caffe's weights want them: blue first, 0 to 255, less the mean. Poolings stand after blocks
    1, 2 and 3 only: the network of the paper has one between blocks 4 and 5 as well. Layers are named `conv1_1` ...
    `conv5_3`.
    """

    def __init__(self) -> None:
        super().__init__()
        inside = 3
        for block, channels in enumerate(_CHANNELS, 1):
            for number, outside in enumerate(channels, 1):
                self.add_module(f"conv{block}_{number}", nn.Conv2d(inside, outside, 3, padding=1))
                inside = outside

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.named_children():
            if name in ("conv2_1", "conv3_1", "conv4_1"):
                x = F.max_pool2d(x, 2)
            x = F.relu_(layer(x))
        return x


def vgg16(tensors: Mapping[str, Any], where: str) -> VGG16:
    """The network with Caffe's weights under the names `conv1_1.weight` ... `conv5_3.bias`; others are left out.

    Raises CheckpointError that names `where` and the first tensor that is missing or has another shape.
    """
    with torch.device("meta"):
        network = VGG16()
    weights: dict[str, Tensor] = {}
    for name, expected in network.state_dict().items():
        found = tensors.get(name)
        if not isinstance(found, Tensor) or found.shape != expected.shape:
            problem = f"of shape {tuple(found.shape)}" if isinstance(found, Tensor) else "missing"
            torchvisions = "; torchvision's expect other colours" if "features.0.weight" in tensors else ""
            raise CheckpointError(
                f"{where} holds no weights of Caffe's VGG-16: {name} is {problem} instead of"
                f" {tuple(expected.shape)}{torchvisions}"
            )
        weights[name] = found.float()
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(False)
