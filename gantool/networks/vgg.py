"""VGG-19 and VGG-16 (Simonyan and Zisserman 2015, arXiv 1409.1556, configurations E and D), for perceptual losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.networks.constants import constant

_VGG19 = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512, 512, 512), (512,))
_VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the convolutions in each block."""
RELUS = (1, 6, 11, 20, 29)
"""Places of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 in VGG-19."""
CONV4_4 = 25
"""Place of the convolution conv4_4 in VGG-19: its output has not been through its ReLU."""
_MEAN_COLOUR = (103.939, 116.779, 123.680)
"""Blue, green, red: what Caffe's networks subtract."""
_Network = TypeVar("_Network", bound=nn.Module)


class VGG19(nn.Module):
    """Pictures (N, 3, H, W), H and W at least 16, to the maps at some places, by default the five relu1_1 ... relu5_1,
    the last (N, 512, H/16, W/16). It ends with the last of them.

    Layers have torchvision's names, `features.N`.
    """

    def __init__(self, outputs: Sequence[int] = RELUS) -> None:
        super().__init__()
        self.outputs = tuple(outputs)
        layers: list[nn.Module] = []
        inside = 3
        for block, channels in enumerate(_VGG19):
            if block:
                layers.append(nn.MaxPool2d(2))
            for outside in channels:
                layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.ReLU()]
                inside = outside
        self.features = nn.Sequential(*layers[: max(outputs) + 1])

    def forward(self, x: Tensor) -> list[Tensor]:
        outputs = []
        for place, layer in enumerate(self.features):
            x = layer(x)
            if place in self.outputs:
                outputs.append(x)
        return outputs


class VGG16(nn.Module):
    """Pictures (N, 3, H, W), H and W at least 8, to relu5_3, (N, 512, H/8, W/8), as MUNIT and UNIT use it.

    Pictures are as Caffe's weights want them: blue first, 0 to 255, less the mean. Poolings stand after blocks
    1, 2 and 3 only: the network of the paper has one between blocks 4 and 5 as well. Layers are named `conv1_1` ...
    `conv5_3`.
    """

    def __init__(self) -> None:
        super().__init__()
        inside = 3
        for block, channels in enumerate(_VGG16, 1):
            for number, outside in enumerate(channels, 1):
                self.add_module(f"conv{block}_{number}", nn.Conv2d(inside, outside, 3, padding=1))
                inside = outside

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.named_children():
            if name in ("conv2_1", "conv3_1", "conv4_1"):
                x = F.max_pool2d(x, 2)
            x = F.relu_(layer(x))
        return x


def caffe(pictures: Tensor) -> Tensor:
    """RGB pictures (N, 3, H, W) in [-1, 1] as Caffe's weights want them: blue first, 0 to 255, less the mean."""
    mean = constant(_MEAN_COLOUR, pictures).view(-1, 1, 1)
    return (pictures.flip(1) + 1) * 127.5 - mean


def vgg19(tensors: Mapping[str, Any], where: str, outputs: Sequence[int] = RELUS) -> VGG19:
    """The network with weights under torchvision's names; those of later layers (`classifier.*`) are left out.

    Raises CheckpointError that names `where` and the first tensor that is missing or has another shape.
    """
    return _filled(partial(VGG19, outputs), tensors, f"{where} holds no weights of VGG-19 by torchvision's names")


def vgg16(tensors: Mapping[str, Any], where: str) -> VGG16:
    """The network with Caffe's weights under the names `conv1_1.weight` ... `conv5_3.bias`; others are left out.

    Raises CheckpointError that names `where` and the first tensor that is missing or has another shape.
    """
    hint = "; torchvision's expect other colours" if "features.0.weight" in tensors else ""
    return _filled(VGG16, tensors, f"{where} holds no weights of Caffe's VGG-16", hint)


def _filled(kind: Callable[[], _Network], tensors: Mapping[str, Any], problem: str, hint: str = "") -> _Network:
    with torch.device("meta"):
        network = kind()
    weights: dict[str, Tensor] = {}
    for name, expected in network.state_dict().items():
        found = tensors.get(name)
        if not isinstance(found, Tensor) or found.shape != expected.shape:
            what = f"of shape {tuple(found.shape)}" if isinstance(found, Tensor) else "missing"
            raise CheckpointError(f"{problem}: {name} is {what} instead of {tuple(expected.shape)}{hint}")
        weights[name] = found.float()
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(False)
