"""What a result keeps of the picture that it was made of: its outlines, and how far its colours moved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gantool.evaluation.how import How
from gantool.evaluation.part import Part, averages, means
from gantool.evaluation.pictures import Pictures, as_rgb
from gantool.networks import lab

_FLAT = 1e-6  # deviation of gradients that are noise of resizing: an 8-bit level is 4e-3


def edge_agreement(one: Tensor, other: Tensor) -> float:
    """How much the outlines of two pictures (1, C, H, W) in [0, 1] agree, -1 to 1: Pearson's correlation, over the
    pixels, of their gradients' magnitudes, the root of the summed squares of Sobel's differences in all channels.

    After the edge preservation index (Sattar et al., IEEE TIP 6(6), 1997), which correlates Laplacians: a magnitude
    does not care which side of an edge is the darker one. Two pictures without outlines agree (1), one with and one
    without do not (0).
    """
    first, second = (_outlines(image) - _outlines(image).mean() for image in (one, other))
    deviations = [float(each.square().mean().sqrt()) for each in (first, second)]
    if min(deviations) < _FLAT:
        return float(max(deviations) < _FLAT)
    return float((first * second).mean()) / (deviations[0] * deviations[1])


def color_shift(one: Tensor, other: Tensor) -> float:
    """How far the colours of two sRGB pictures (1, 3, H, W) in [0, 1] are apart: Delta E of CIE 1976, the distance in
    L*a*b* (D65), of each pixel, then the mean. 2.3 is a difference that one just sees, black and white are 100 apart.
    """
    (light, color), (other_light, other_color) = (lab.split(image * 2 - 1) for image in (one, other))
    distance = torch.cat([50 * (light - other_light), 110 * (color - other_color)], 1).square().sum(1).sqrt()
    return float(distance.mean(dtype=torch.float64))


def content(inputs: Pictures, fake: Pictures, pairs: Sequence[tuple[int, int]], how: How) -> Part:
    """Edge agreement and colour shift of pairs of indices (input, fake), one for each fake in their order: the means.
    Fakes are resized to the input's size, or both to that of `how`.
    """
    edges, colors = [], []
    for done, (before, after) in enumerate(pairs):
        how.progress("outlines and colours", done, len(pairs))
        given = inputs[before]
        size = how.square or (given.shape[0], given.shape[1])
        one, other = as_rgb(given, size), as_rgb(fake[after], size)
        edges.append(edge_agreement(one, other))
        colors.append(color_shift(one, other))
    values = {"edge_agreement": np.array(edges), "color_shift": np.array(colors)}
    protocol = {
        "outlines": "Pearson's correlation of gradient magnitudes (Sobel, all channels)",
        "colours": "mean Delta E of CIE 1976 over the pixels, sRGB as L*a*b* (D65)",
    }
    metrics = averages(values)
    return Part(metrics, {"consistency": protocol}, recount=means(values))


def _outlines(image: Tensor) -> Tensor:
    """The gradients' magnitudes (H, W), the border repeated."""
    smooth, apart = image.new_tensor([1, 2, 1]), image.new_tensor([-1, 0, 1])
    kernel = torch.stack([torch.outer(smooth, apart), torch.outer(apart, smooth)])[:, None]
    planes = F.pad(image, (1, 1, 1, 1), mode="replicate").transpose(0, 1)  # (C, 1, H + 2, W + 2)
    return F.conv2d(planes, kernel).square().sum((0, 1)).sqrt().double()
