"""The classifier of the Inception scores: an Inception v3 that was trained on the classes in question.

As torchvision has it and the MUNIT paper used it (Huang et al. 2018, arXiv 1804.04732, section 5.2): padding counts in
the average pools, the last block averages, and the number of classes is that of the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.evaluation.networks.inception import FEATURES, RESIZE, SIDE, Inception, filled
from gantool.evaluation.pictures import Pictures, Progress, as_rgb, silent
from gantool.importing.reading import leaves, read_official
from gantool.inference.devices import kernels
from gantool.networks.constants import constant

PROTOCOL = f"pictures in [0, 1], {RESIZE}; torchvision's transform_input, which expects ImageNet's normalisation, on"

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Classifier(Inception):
    """Pictures (N, 3, 299, 299) in [0, 1] to class probabilities (N, classes)."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.Mixed_7c.max_pool = False
        for module in self.modules():
            if isinstance(module, nn.AvgPool2d):
                module.count_include_pad = True

    @kernels()
    def forward(self, images: Tensor) -> Tensor:
        mean, std = (constant(values, images).view(3, 1, 1) for values in (_MEAN, _STD))
        probabilities: Tensor = self.fc(super().forward((images * std + mean - 0.5) / 0.5)).softmax(dim=1)
        return probabilities


def load_classifier(path: Path) -> Classifier:
    """The classifier of a file with torchvision's keys; its auxiliary head is not needed. Raises CheckpointError."""
    content = dict(leaves(read_official(path)))
    weights = {name: value for name, value in content.items() if not name.startswith("AuxLogits.")}
    head = weights.get("fc.weight")
    if head is None or head.dim() != 2 or head.shape[1] != FEATURES:
        raise CheckpointError(f"{path}: no Inception v3 classifier: fc.weight is not (classes, {FEATURES})")
    return filled(lambda: Classifier(len(head)), weights, f"{path}: no Inception v3 classifier by torchvision's names")


@torch.inference_mode()
def class_probabilities(
    pictures: Pictures,
    network: Classifier,
    *,
    size: tuple[int, int] | None = None,
    device: torch.device,
    batch: int = 16,
    progress: Progress = silent,
) -> NDArray[np.float64]:
    """p(y|x) (N, classes) of N pictures, brought to (height, width) `size` first. `network` moves to `device`."""
    network.to(device)
    found = []
    for start in range(0, len(pictures), batch):
        progress("classifier", start, len(pictures))
        images = [
            F.interpolate(as_rgb(pictures[index], size), (SIDE, SIDE), mode="bilinear", align_corners=False)
            for index in range(start, min(start + batch, len(pictures)))
        ]
        found.append(network(torch.cat(images).to(device)).cpu().numpy().astype(np.float64))
    return np.concatenate(found)
