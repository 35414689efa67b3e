"""The domain-invariant perceptual loss (MUNIT's paper, section 5.1), and the weights that it needs."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.importing.reading import read_official
from gantool.networks.precision import single
from gantool.networks.vgg import VGG16, caffe, vgg16


def read_vgg(path: str) -> VGG16:
    """The network with the weights of a .pth or .safetensors file. Raises CheckpointError for a file without them."""
    return vgg16(read_official(Path(path).expanduser()), path)


def perceptual_loss(network: nn.Module, fake: Tensor, source: Tensor) -> Tensor:
    """Mean squared difference of instance-normalised features of a translation and of the picture that it is of.

    Mean and variance of features carry the domain: without them what is compared is the content. The authors' code
    takes relu5_3 (the paper: relu4_3). Single precision also under autocast.
    """
    with torch.autocast(fake.device.type, enabled=False):
        fake, source = single(fake), single(source)
        with torch.no_grad():
            wanted = F.instance_norm(network(caffe(source)))
        return (F.instance_norm(network(caffe(fake))) - wanted).square().mean()
