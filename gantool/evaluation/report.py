"""The result of an evaluation, as data: what was measured and all that is needed to measure it again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

_MEANINGS = {
    "psnr": ("PSNR", "dB", "higher is better"),
    "ssim": ("SSIM", "", "higher is better, at most 1"),
    "l1": ("L1", "", "lower is better, range 0 to 1"),
    "lpips": ("LPIPS", "", "lower is better, 0 for equal pictures"),
    "swd": ("SWD x1000", "", "lower is better, mean over the levels"),
    "kid": ("KID", "", "lower is better, unbiased: may fall below 0"),
    "kid_std": ("KID deviation", "", "over the subsets"),
    "fid": ("FID", "", "lower is better, depends on the counts"),
    "precision": ("Precision", "", "higher is better, at most 1: pictures that look real"),
    "recall": ("Recall", "", "higher is better, at most 1: real pictures that are made"),
    "density": ("Density", "", "as precision, less moved by outliers: about 1 where both sets are alike"),
    "coverage": ("Coverage", "", "as recall, less moved by outliers: at most 1"),
    "is": ("Inception score", "", "higher is better: sure of each picture, of all classes together"),
    "is_kl": ("  as a divergence", "nats", "the logarithm of the score"),
    "is_10": ("  mean of 10 parts", "", "what papers print"),
    "is_10_std": ("  deviation of these", "", ""),
    "cis": ("Conditional IS", "", "higher is better: the same among one picture's translations"),
    "cis_kl": ("  as a divergence", "nats", "the logarithm of the score"),
    "diversity_l1": ("Diversity, L1", "", "between one picture's translations, range 0 to 1"),
    "diversity_lpips": ("Diversity, LPIPS", "", "between one picture's translations"),
    "ppl_z_full": ("Path length, z, full", "", "lower is better: pictures change evenly between latents"),
    "ppl_z_end": ("Path length, z, ends", "", "the same, at latents themselves"),
    "ppl_w_full": ("Path length, w, full", "", "the same between styles"),
    "ppl_w_end": ("Path length, w, ends", "", "the same, at styles themselves"),
    "separability_z": ("Separability, z", "", "lower is better, at least 1: attributes lie on sides of planes"),
    "separability_w": ("Separability, w", "", "the same among styles"),
}


@dataclass(frozen=True)
class Evaluation:
    """Metrics of fake pictures against real ones."""

    metrics: dict[str, float]
    """By name: psnr, ssim, l1, lpips, swd, swd_64x64 (one a level), kid, kid_std, fid, precision, recall, density,
    coverage, is, is_kl, is_10, is_10_std, cis, cis_kl, diversity_l1, diversity_lpips, ppl_z_full, ppl_z_end,
    ppl_w_full, ppl_w_end, separability_z, separability_w; only those that were computed. PSNR may be infinite."""
    protocol: dict[str, Any]
    """Numbers, texts and tables of such: counts, sizes, filters, seeds, hashes, versions."""
    notes: list[str] = field(default_factory=list)
    """Warnings for the reader of the figures, a sentence each."""
    classes: dict[str, dict[str, float]] = field(default_factory=dict)
    """Of a model with classes, each by itself: counts of pictures ("real", "fake") and metrics."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the metrics at the top, then "classes" where there are such, "protocol" and "notes". What is
        infinite becomes None.
        """
        metrics = {name: value if math.isfinite(value) else None for name, value in self.metrics.items()}
        classes = {"classes": self.classes} if self.classes else {}
        return {**metrics, **classes, "protocol": self.protocol, "notes": self.notes}

    def rows(self) -> list[tuple[str, str, str]]:
        """For a table: (metric, value with unit, how to read it)."""
        return [_row(name, value) for name, value in self.metrics.items()]

    def class_rows(self) -> tuple[list[str], list[list[object]]]:
        """For a table: its columns, and a row for each class."""
        measured = list(next(iter(self.classes.values()), {}))
        return ["class", *measured], [[name, *(row.get(k) for k in measured)] for name, row in self.classes.items()]

    def protocol_rows(self) -> list[tuple[str, str]]:
        """For a table: (what, value), nested names joined by a dot."""
        return flat("", self.protocol)


def _row(name: str, value: float) -> tuple[str, str, str]:
    if name.startswith("swd_"):
        return f"  at {name.removeprefix('swd_')}", f"{value:.2f}", ""
    label, unit, meaning = _MEANINGS[name]
    digits = {
        "psnr": 2,
        "swd": 2,
        "fid": 2,
        "kid": 5,
        "kid_std": 5,
        **dict.fromkeys(("ppl_z_full", "ppl_z_end", "ppl_w_full", "ppl_w_end"), 2),
    }.get(name, 4)
    return label, f"{value:.{digits}f} {unit}".strip(), meaning


def flat(prefix: str, table: dict[str, Any]) -> list[tuple[str, str]]:
    """A table within tables as rows, nested names joined by a dot."""
    rows = []
    for name, value in table.items():
        rows += flat(f"{prefix}{name}.", value) if isinstance(value, dict) else [(prefix + name, str(value))]
    return rows
