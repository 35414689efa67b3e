"""Several translations of each picture: how much they differ, and how sure a classifier is of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import fsum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gantool.evaluation.how import How
from gantool.evaluation.inception_score import conditional_inception_score, inception_score
from gantool.evaluation.networks.classifier import PROTOCOL, class_probabilities
from gantool.evaluation.networks.lpips import diversity
from gantool.evaluation.part import Part, Weights, averages, means
from gantool.evaluation.pictures import as_rgb
from gantool.pictures.decoding import Array


class Variety:
    """Sums up the translations of one picture after the other, K of each, K at least 2."""

    def __init__(self, how: How) -> None:
        self.judges, self.size, self.device = how.judges, how.square, how.device
        self.count = 0
        """K, the translations of a picture."""
        self._l1: dict[str, float] = {}
        self._lpips: dict[str, float] = {}
        self._probabilities: dict[str, NDArray[np.float64]] = {}

    def add(self, name: str, translations: Sequence[Array]) -> None:
        """The translations (H, W, C) of the picture of this name, all of one size and each in another style."""
        self.count = len(translations)
        samples = torch.stack([as_rgb(pixels, self.size) for pixels in translations])  # (K, 1, 3, H, W)
        pairs = list(combinations(samples, 2))
        self._l1[name] = fsum(float((a - b).abs().mean(dtype=torch.float64)) for a, b in pairs) / len(pairs)
        if self.judges.lpips is not None:
            network = self.judges.lpips.to(self.device)
            self._lpips[name] = float(diversity(samples.to(self.device) * 2 - 1, network))
        if self.judges.classifier is not None:
            found = class_probabilities(translations, self.judges.classifier, size=self.size, device=self.device)
            self._probabilities[name] = found

    def part(self) -> Part:
        """What was found, once every picture was added."""
        names = sorted(self._l1)  # the order of the fake pictures: see `Kept.sort`
        values = {"diversity_l1": np.array([self._l1[name] for name in names])}
        if self._lpips:
            values["diversity_lpips"] = np.array([self._lpips[name] for name in names])
        metrics = averages(values)
        if self._probabilities:
            table = np.stack([self._probabilities[name] for name in names])  # (pictures, K, classes)
            whole = inception_score(table.reshape(-1, table.shape[2]))
            each = conditional_inception_score(table)
            metrics |= {"is": whole.score, "is_kl": whole.divergence, "cis": each.score, "cis_kl": each.divergence}
        of_pictures = means(values)

        def recount(real: Weights, fake: Weights) -> dict[str, float]:
            return of_pictures(real, fake[:: len(fake) // len(names)])  # all fakes of a picture weigh the same

        return Part(metrics, {"styles": self._protocol()}, recount=recount)

    def _protocol(self) -> dict[str, Any]:
        """How that was measured."""
        pairs = self.count * (self.count - 1) // 2
        found: dict[str, Any] = {
            "translations of each picture": self.count,
            "diversity": f"mean over the {pairs} pairs of a picture's translations, then over {len(self._l1)} pictures",
        }
        if self._probabilities:
            found["inception scores"] = f"all {self.count * len(self._probabilities)} translations; {PROTOCOL}"
        return found
