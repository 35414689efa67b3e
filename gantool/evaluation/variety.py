"""Several translations of each picture: how much they differ, and how sure a classifier is of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import fsum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gantool.evaluation.inception_score import conditional_inception_score, inception_score
from gantool.evaluation.judges import Judges
from gantool.evaluation.networks.classifier import PROTOCOL, class_probabilities
from gantool.evaluation.networks.lpips import diversity
from gantool.evaluation.pictures import as_rgb
from gantool.pictures.decoding import Array


class Variety:
    """Sums up the translations of one picture after the other, K of each, K at least 2."""

    def __init__(self, judges: Judges, *, size: tuple[int, int] | None, device: torch.device) -> None:
        self.judges, self.size, self.device = judges, size, device
        self.count = 0
        """K, the translations of a picture."""
        self._l1: list[float] = []
        self._lpips: list[float] = []
        self._probabilities: list[NDArray[np.float64]] = []

    def add(self, translations: Sequence[Array]) -> None:
        """The translations (H, W, C) of the next picture, all of one size and each in another style."""
        self.count = len(translations)
        samples = torch.stack([as_rgb(pixels, self.size) for pixels in translations])  # (K, 1, 3, H, W)
        pairs = list(combinations(samples, 2))
        self._l1.append(fsum(float((a - b).abs().mean(dtype=torch.float64)) for a, b in pairs) / len(pairs))
        if self.judges.lpips is not None:
            network = self.judges.lpips.to(self.device)
            self._lpips.append(float(diversity(samples.to(self.device) * 2 - 1, network)))
        if self.judges.classifier is not None:
            found = class_probabilities(translations, self.judges.classifier, size=self.size, device=self.device)
            self._probabilities.append(found)

    def metrics(self) -> dict[str, float]:
        """By the names of `Evaluation.metrics`."""
        found = {"diversity_l1": fsum(self._l1) / len(self._l1)}
        if self._lpips:
            found["diversity_lpips"] = fsum(self._lpips) / len(self._lpips)
        if self._probabilities:
            table = np.stack(self._probabilities)  # (pictures, K, classes)
            whole = inception_score(table.reshape(-1, table.shape[2]))
            each = conditional_inception_score(table)
            found |= {"is": whole.score, "is_kl": whole.divergence, "cis": each.score, "cis_kl": each.divergence}
        return found

    def protocol(self) -> dict[str, Any]:
        """How that was measured."""
        pairs = self.count * (self.count - 1) // 2
        found: dict[str, Any] = {
            "translations of each picture": self.count,
            "diversity": f"mean over the {pairs} pairs of a picture's translations, then over {len(self._l1)} pictures",
        }
        if self._probabilities:
            found["inception scores"] = f"all {self.count * len(self._probabilities)} translations; {PROTOCOL}"
        return found
