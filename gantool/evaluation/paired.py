"""Pictures measured against their partners: a real picture for each fake one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from gantool.errors import DataError, argument
from gantool.evaluation import pixels
from gantool.evaluation.how import How
from gantool.evaluation.part import Part, Weights
from gantool.evaluation.pictures import Pictures, as_rgb, size_text


def paired(
    real: Pictures,
    fake: Pictures,
    pairs: Sequence[tuple[int, int]],
    how: How,
) -> Part:
    """PSNR, SSIM, L1 and, with its network, LPIPS of pairs of indices (real, fake): the means over the pairs. Fakes are
    resized to the real picture's size, or both to that of `how`.
    """
    notes = []
    l1, psnr, ssim, perceived = [], [], [], []
    lpips = how.judges.lpips
    resized = 0
    windows = set()
    for done, (real_index, fake_index) in enumerate(pairs):
        how.progress("pairs", done, len(pairs))
        real_picture, fake_picture = real[real_index], fake[fake_index]
        size = how.square or (real_picture.shape[0], real_picture.shape[1])
        resized += fake_picture.shape[:2] != size
        first, second = (
            as_rgb(picture, size, torch.float64)[0].permute(1, 2, 0).numpy() for picture in (real_picture, fake_picture)
        )
        l1.append(pixels.l1(first, second))
        psnr.append(pixels.psnr(first, second))
        ssim.append(pixels.ssim(first, second))
        windows.add(pixels.ssim_window(*size))
        if lpips is not None:
            if min(size) < lpips.smallest_side:
                raise DataError(
                    f"LPIPS needs pictures of at least {lpips.smallest_side} pixels a side, not {size_text(size)}:"
                    f" enlarge them with {argument('size')}"
                )
            images = [(as_rgb(picture, size) * 2 - 1).to(how.device) for picture in (real_picture, fake_picture)]
            perceived.append(float(lpips.to(how.device)(*images)))
    finite = [value for value in psnr if math.isfinite(value)]
    if len(finite) < len(psnr):
        mean = "the mean over the others" if finite else "infinite"
        notes.append(f"{len(psnr) - len(finite)} of {len(psnr)} pairs are equal: PSNR is {mean}")
    if resized and how.square is None:
        notes.append(f"{resized} of {len(pairs)} fake pictures were resized to the size of their real picture")
    if min(windows) < pixels.SSIM_WINDOW:
        notes.append(
            f"pictures smaller than the SSIM window of {pixels.SSIM_WINDOW} were measured with one of {min(windows)}"
        )
    values = {"psnr": np.array(psnr), "ssim": np.array(ssim), "l1": np.array(l1)}
    if perceived:
        values["lpips"] = np.array(perceived)
    metrics = {name: _mean(each) for name, each in values.items()}
    fakes = np.array([fake_index for _, fake_index in pairs])

    def recount(real: Weights, fake: Weights) -> dict[str, float]:
        return {name: _mean(each, fake[fakes]) for name, each in values.items()}

    protocol = {
        "pairs": len(pairs),
        "data range": "1 (8-bit values divided by 255, 16-bit ones by 65535)",
        "mean": "over pixels and RGB channels of a picture, then over the pairs",
        "ssim": f"Gaussian window {_sides(windows)}, sigma 1.5, K1 0.01, K2 0.03, windows inside the picture only",
        "fakes resized": resized,
    }
    return Part(metrics, protocol, notes, recount)


def _mean(values: NDArray[np.float64], weights: Weights | None = None) -> float:
    """The mean of what is finite; infinite if nothing is. PSNR is infinite for equal pictures."""
    weights = np.isfinite(values) * (np.ones(len(values)) if weights is None else weights)
    if not weights.any():
        return math.inf
    return math.fsum(np.where(weights > 0, values, 0) * weights) / math.fsum(weights)


def _sides(windows: set[int]) -> str:
    return " and ".join(f"{side}x{side}" for side in sorted(windows))
