"""The content loss (section 3.2.2 of the paper): a photo and what is made of it, by what they show."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gantool.importing.reading import read_official
from gantool.losses.reconstruction import l1
from gantool.networks.precision import single
from gantool.networks.vgg import CONV4_4, VGG19, caffe, vgg19

FEATURES = ("caffe", "caffe224", "plain", "pixels")
WEIGHTS = {
    "caffe": "Caffe's VGG_ILSVRC_19_layers by torchvision's names",
    "caffe224": "Caffe's VGG_ILSVRC_19_layers by torchvision's names",
    "plain": "torchvision's vgg19-dcbb9e9d.pth",
}
"""The weights that features are meant for."""


def read_vgg(path: str) -> VGG19:
    """VGG-19 up to conv4_4 with the weights of a .pth or .safetensors file. Raises CheckpointError."""
    return vgg19(read_official(Path(path).expanduser()), path, [CONV4_4])


def content_loss(made: Tensor, photo: Tensor, features: str, network: VGG19 | None) -> Tensor:
    """Mean absolute difference of features of pictures (N, 3, H, W) in [-1, 1]; none flows back into `photo`.

    caffe: VGG-19's conv4_4 before its ReLU, of pictures as Caffe's weights want them. caffe224: the same, but pictures
    are resized to 224 x 224 before (as the author's code). plain: of RGB pictures in [0, 1] (as a public
    re-implementation). pixels: the pictures themselves, without a network. Single precision also under autocast.
    """
    with torch.autocast(made.device.type, enabled=False):
        with torch.no_grad():
            wanted = _features(photo, features, network)
        return l1(_features(made, features, network), wanted)


def prepared(x: Tensor, features: str) -> Tensor:
    """RGB pictures (N, 3, H, W) in [-1, 1] as VGG-19 sees them."""
    if features == "plain":
        return (x + 1) / 2
    if features == "caffe224":
        x = F.interpolate(x, (224, 224), mode="bilinear", align_corners=True)
    return caffe(x)


def _features(pictures: Tensor, features: str, network: VGG19 | None) -> Tensor:
    x = single(pictures)
    if features == "pixels":
        return x
    assert network is not None
    maps: list[Tensor] = network(prepared(x, features))
    return maps[0]
