"""What the networks see of label maps and instance maps: planes of ids (N, 1, H, W) of an integer type."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def one_hot(labels: Tensor, classes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """(N, classes, H, W): 1 in the channel of each pixel's class. A label that is no class gives none."""
    known = torch.arange(classes, device=labels.device, dtype=labels.dtype).view(1, -1, 1, 1)
    return (labels == known).to(dtype)


def edges(instances: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """(N, 1, H, W): 1 on both sides of every border between two instances, also between two of one class."""
    rows = (instances[..., 1:, :] != instances[..., :-1, :]).to(dtype)
    columns = (instances[..., 1:] != instances[..., :-1]).to(dtype)
    sides = (F.pad(rows, (0, 0, 0, 1)), F.pad(rows, (0, 0, 1, 0)), F.pad(columns, (0, 1)), F.pad(columns, (1, 0)))
    return torch.stack(sides).amax(0)


def pooled(features: Tensor, instances: Tensor) -> Tensor:
    """Features (N, F, H, W), each channel replaced by its mean over the pixels of the same picture and instance.

    Ids may be any integers: sorting numbers them, so that nothing waits for the device to say how many there are.
    """
    n, channels, height, width = features.shape
    ids, order = instances.reshape(n, -1).sort(dim=1)
    begins = F.pad(ids[:, 1:] != ids[:, :-1], (1, 0)).cumsum(dim=1)
    place = torch.empty_like(begins).scatter_(1, order, begins)  # (N, H W): numbers from 0 in the order of the ids
    flat = features.flatten(2)
    where = place[:, None].expand(-1, channels, -1)
    sums = torch.zeros_like(flat).scatter_add(2, where, flat)
    counts = torch.zeros_like(flat[:, 0]).scatter_add(1, place, torch.ones_like(flat[:, 0]))
    means: Tensor = sums / counts[:, None].clamp(min=1)
    return means.gather(2, where).view(n, channels, height, width)


def class_means(features: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Means (N, classes, F) of features (N, F, H, W) over the pixels of each class, and whether the class is there
    (N, classes, 1)."""
    masks = one_hot(labels, classes, features.dtype).flatten(2)  # (N, classes, H W)
    counts = masks.sum(2, keepdim=True)
    sums = masks @ features.flatten(2).transpose(1, 2)
    return sums / counts.clamp(min=1), (counts > 0).to(features.dtype)
