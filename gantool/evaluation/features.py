"""What is read off two sets of Inception features, and off the classes that its weights see."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gantool.evaluation.fid import fid, weighted_fid
from gantool.evaluation.inception_score import inception_score, split_score
from gantool.evaluation.kid import MOST_AT_ONCE, Kernels, kid
from gantool.evaluation.manifold import K_DENSITY, K_PRECISION, manifold
from gantool.evaluation.networks.inception import RESIZE, Inception
from gantool.evaluation.part import Recount, Weights
from gantool.evaluation.subsets import Subsets, described, fitting

PARTS = 10
"""Parts of a set that have Inception scores of their own, as in most papers."""
OWN_CLASSES = "1008 classes of the Inception weights, without their bias"

Features = NDArray[np.float32]


def distances(
    real: Features,
    fake: Features,
    *,
    subsets: Subsets | None = None,
    seed: int = 0,
    device: torch.device | None = None,
) -> dict[str, float]:
    """By the names of `Evaluation.metrics`, of features (N, D) and (M, D), N and M at least 2."""
    shares = manifold(real, fake, device=device)._asdict()
    return {**kernel_distance("kid", real, fake, subsets, seed), "fid": fid(real, fake), **shares}


def kernel_distance(name: str, real: Features, fake: Features, subsets: Subsets | None, seed: int) -> dict[str, float]:
    """KID under this name, and its deviation where there is one."""
    mean, deviation = kid(real, fake, subsets=subsets, seed=seed)
    return {name: mean} if deviation is None else {name: mean, f"{name}_std": deviation}


def distances_recounted(real: Features, fake: Features) -> Recount:
    """How KID and FID follow from weights of the pictures. KID is that of whole sets, or of the first `MOST_AT_ONCE`
    pictures of larger ones. Precision, recall, density and coverage are not counted again: their neighbourhoods shrink
    where pictures are repeated.
    """
    kernels = Kernels(real[:MOST_AT_ONCE], fake[:MOST_AT_ONCE])
    sets = real, fake

    def recount(real: Weights, fake: Weights) -> dict[str, float]:
        return {
            "kid": kernels.squared_mmd(real[:MOST_AT_ONCE], fake[:MOST_AT_ONCE]),
            "fid": weighted_fid(*sets, real, fake),
        }

    return recount


def protocol(real: int, fake: int, subsets: Subsets | None = None) -> dict[str, Any]:
    """How that was measured of so many pictures."""
    chosen = fitting(subsets, real, fake)
    return {
        "inception": {"features": "2048, last average pool", "resize": RESIZE},
        "kid": {**described(chosen, real, fake), "kernel": "(x . y / 2048 + 1)^3, unbiased"},
        "neighbours": {
            "precision": min(K_PRECISION, real - 1),
            "recall": min(K_PRECISION, fake - 1),
            "density, coverage": min(K_DENSITY, real - 1),
            "features": "of Inception: compare only with figures of the same (the papers take VGG-16's)",
        },
    }


def class_shares(features: Features, network: Inception) -> NDArray[np.float64]:
    """p(y|x) (N, 1008) of features (N, 2048), as the Inception score is taken: the classifier's bias is left out."""
    head = network.fc.weight.detach().cpu().double()
    return (torch.from_numpy(features).double() @ head.T).softmax(dim=1).numpy()


def scores(probabilities: NDArray[np.float64], *, seed: int = 0) -> dict[str, float]:
    """Inception scores by the names of `Evaluation.metrics`, of (N, classes): of all together and, with ten pictures
    or more, of ten parts drawn from the seed, so that each holds pictures of all kinds.
    """
    found: dict[str, float] = dict(zip(("is", "is_kl"), inception_score(probabilities), strict=True))
    if len(probabilities) >= PARTS:
        order = np.random.default_rng(seed).permutation(len(probabilities))
        parts = split_score(probabilities[order], PARTS)
        found |= {"is_10": parts.mean, "is_10_std": parts.deviation}
    return found


def scores_recounted(probabilities: NDArray[np.float64]) -> Recount:
    """How the score of all pictures (N, classes) together follows from their weights."""
    sure = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    own = (probabilities * sure).sum(axis=1)  # (N,)

    def recount(real: Weights, fake: Weights) -> dict[str, float]:
        shares = fake / fake.sum()
        marginal = shares @ probabilities
        of_all = float((marginal * np.log(marginal, out=np.zeros_like(marginal), where=marginal > 0)).sum())
        divergence = float(shares @ own) - of_all
        return {"is": float(np.exp(divergence)), "is_kl": divergence}

    return recount
