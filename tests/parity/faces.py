"""From FAN's heat maps to an aligned face, as StarGAN v2's authors cut their pictures. gantool does not cut faces."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Matrix = NDArray[np.float64]


def landmarks(maps: Tensor) -> Tensor:
    """Places (N, 98, 2), x and y in pixels of the heat maps (N, 98, H, W).

    The largest value, moved a quarter of a pixel towards its larger neighbour, counted from the picture's corner.
    """
    height, width = maps.shape[2:]
    place = maps.flatten(2).argmax(2)
    x, y = place % width, place // width
    inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)

    def at(dx: int, dy: int) -> Tensor:
        index = (y + dy).clamp(0, height - 1) * width + (x + dx).clamp(0, width - 1)
        return maps.flatten(2).gather(2, index[..., None])[..., 0]

    step = torch.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], dim=2).sign() / 4
    middle = torch.stack([x, y], dim=2).to(maps.dtype) + 0.5
    return middle + step * inside[..., None]


def alignment_matrix(points: Matrix, mean: Matrix) -> Matrix:
    """The 3 x 3 similarity that lays landmarks (98, 2) on mean landmarks (98, 2): move, turn, scale, move back.

    The face's axes follow from eyes and mouth, as in Karras et al. 2018 (arXiv 1710.10196, appendix C).
    """
    middle, target = points.mean(0), mean.mean(0)
    angle = _angle(mean) - _angle(points)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    eyes_and_mouth = [96, 97, 76, 82]
    wanted = np.linalg.norm(mean[eyes_and_mouth] - target, axis=1)
    found = np.linalg.norm(points[eyes_and_mouth] - middle, axis=1)
    matrix = np.eye(3)
    matrix[:2, :2] = turn * (wanted / found).mean()
    matrix[:2, 2] = target - matrix[:2, :2] @ middle
    return matrix


def _angle(points: Matrix) -> float:
    """Direction of a face's x axis."""
    left, right = points[[*range(60, 68), 96]].mean(0), points[[*range(68, 76), 97]].mean(0)
    mouth = points[[76, 82]].mean(0)
    x, y = (left + right) / 2 - mouth
    axis = (right - left) - np.array([y, -x])
    return float(np.arctan2(axis[1], axis[0]))
