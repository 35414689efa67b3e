"""The patchwise contrastive loss (PatchNCE, sections 3.1 and 3.2 of the paper)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def normalized(rows: Tensor) -> Tensor:
    """Rows (R, C) divided by their length. The 1e-7 counts: at first rows are not much longer than 1e-5."""
    length: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / (length + 1e-7)


def patch_nce(q: Tensor, k: Tensor, *, pictures: int, temperature: float = 0.07) -> Tensor:
    """For each patch the cross-entropy (R,) of finding its own place in the source among all places (equation 3).

    `q` (R, C) are patches of generated pictures, `k` (R, C) those of the same places in the sources, both of length 1,
    picture by picture. The places of one of `pictures` are each other's negatives. No gradient goes through `k`. Single
    precision also under autocast.
    """
    q, k = q.unflatten(0, (pictures, -1)), k.detach().unflatten(0, (pictures, -1))
    with torch.autocast(q.device.type, enabled=False):
        similar = q @ k.transpose(1, 2)  # (pictures, S, S)
    own = torch.eye(q.shape[1], dtype=torch.bool, device=q.device)
    positive = similar.diagonal(dim1=1, dim2=2).unsqueeze(2)
    # The place itself is no negative; the authors leave it in with a similarity of -10.
    logits = torch.cat([positive, similar.masked_fill(own, -10.0)], dim=2).flatten(0, 1) / temperature
    return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long), reduction="none")
