"""The result of an evaluation, as data: what was measured and all that is needed to measure it again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from gantool.evaluation.part import Part, Recount, Weights

Better = Literal["higher", "lower"]


class Metric(NamedTuple):
    """How a metric is shown and read."""

    label: str
    unit: str
    reading: str
    better: Better | None
    digits: int = 4
    least: float = -math.inf
    most: float = math.inf
    """Between which its values lie."""


METRICS = {
    "psnr": Metric("PSNR", "dB", "higher is better", "higher", 2),
    "ssim": Metric("SSIM", "", "higher is better, at most 1", "higher", least=-1, most=1),
    "l1": Metric("L1", "", "lower is better, range 0 to 1", "lower", least=0.0, most=1),
    "lpips": Metric("LPIPS", "", "lower is better, 0 for equal pictures", "lower", least=0.0),
    "swd": Metric("SWD x1000", "", "lower is better, mean over the levels", "lower", 2, least=0.0),
    "kid": Metric("KID", "", "lower is better, unbiased: may fall below 0", "lower", 5),
    "kid_std": Metric("KID deviation", "", "over the subsets", None, 5),
    "kid_source": Metric(
        "KID to the source", "", "low where much of the input is kept, whatever became of it", None, 5
    ),
    "kid_source_std": Metric("  its deviation", "", "over the subsets", None, 5),
    "kid_mean": Metric(
        "KID, mean of both", "", "lower is better: what U-GAT-IT's table 1 prints, no ordinary KID", "lower", 5
    ),
    "kid_mean_std": Metric("  its deviation", "", "the mean of both deviations", None, 5),
    "fid": Metric("FID", "", "lower is better, depends on these counts", "lower", 2, least=0.0),
    "precision": Metric(
        "Precision", "", "higher is better, at most 1: pictures that look real", "higher", least=0.0, most=1
    ),
    "recall": Metric(
        "Recall", "", "higher is better, at most 1: real pictures that are made", "higher", least=0.0, most=1
    ),
    "density": Metric(
        "Density", "", "as precision, less moved by outliers: about 1 where both sets are alike", "higher", least=0
    ),
    "coverage": Metric("Coverage", "", "as recall, less moved by outliers: at most 1", "higher", least=0.0, most=1),
    "is": Metric(
        "Inception score", "", "higher is better: sure of each picture, of all classes together", "higher", least=1
    ),
    "is_kl": Metric("  as a divergence", "nats", "the logarithm of the score", "higher", least=0.0),
    "is_10": Metric("  mean of 10 parts", "", "what papers print", "higher"),
    "is_10_std": Metric("  deviation of these", "", "", None),
    "cis": Metric(
        "Conditional IS", "", "higher is better: the same among one picture's translations", "higher", least=1
    ),
    "cis_kl": Metric("  as a divergence", "nats", "the logarithm of the score", "higher", least=0.0),
    "diversity_l1": Metric(
        "Diversity, L1", "", "between one picture's translations, range 0 to 1", "higher", least=0.0, most=1
    ),
    "diversity_lpips": Metric("Diversity, LPIPS", "", "between one picture's translations", "higher", least=0.0),
    "ppl_z_full": Metric(
        "Path length, z, full", "", "lower is better: pictures change evenly between latents", "lower", 2
    ),
    "ppl_z_end": Metric("Path length, z, ends", "", "the same, at latents themselves", "lower", 2),
    "ppl_w_full": Metric("Path length, w, full", "", "the same between styles", "lower", 2),
    "ppl_w_end": Metric("Path length, w, ends", "", "the same, at styles themselves", "lower", 2),
    "separability_z": Metric(
        "Separability, z", "", "lower is better, at least 1: attributes lie on sides of planes", "lower"
    ),
    "separability_w": Metric("Separability, w", "", "the same among styles", "lower"),
    "accuracy": Metric("Accuracy", "", "higher is better: taken for the class asked for", "higher", least=0.0, most=1),
    "accuracy_real": Metric("Accuracy of real pictures", "", "what to compare it with", None),
    "probability": Metric("Probability", "", "of that class, the mean: higher is better", "higher", least=0.0, most=1),
    "probability_real": Metric("Probability of real pictures", "", "what to compare it with", None),
    "pixel_accuracy": Metric(
        "Per-pixel accuracy", "", "higher is better: pixels of the class they should be", "higher", least=0.0, most=1
    ),
    "class_accuracy": Metric(
        "Per-class accuracy", "", "higher is better, mean over the classes", "higher", least=0.0, most=1
    ),
    "class_iou": Metric("Class IoU", "", "higher is better, mean over the classes", "higher", least=0.0, most=1),
    "pixel_accuracy_real": Metric("Per-pixel accuracy of real pictures", "", "what to compare it with", None),
    "class_accuracy_real": Metric("Per-class accuracy of real pictures", "", "what to compare it with", None),
    "class_iou_real": Metric("Class IoU of real pictures", "", "what to compare it with", None),
    "cycle_l1": Metric(
        "Cycle error, L1", "", "lower is better: there and back, range 0 to 1", "lower", least=0.0, most=1
    ),
    "identity_l1": Metric(
        "Identity error, L1", "", "lower is better: what is right already stays", "lower", least=0.0, most=1
    ),
    "edge_agreement": Metric(
        "Edge agreement", "", "higher: outlines stay where they were, at most 1", "higher", least=-1, most=1
    ),
    "color_shift": Metric(
        "Colour shift", "Delta E", "how far colours moved: neither way is better", None, 2, least=0.0
    ),
}

OF_PAIRS = ("psnr", "ssim", "l1", "lpips")
"""Metrics that compare each fake picture with a real one of its own."""


def metric(name: str) -> Metric:
    """How the metric of this name, one of `Evaluation.metrics`, is shown and read."""
    if name.startswith("swd_"):  # a level
        return Metric(f"  at {name.removeprefix('swd_')}", "", "", "lower", 2)
    return METRICS[name]


def known() -> tuple[str, ...]:
    """The names of all metrics, but for the levels of SWD."""
    return tuple(METRICS)


def is_main(name: str) -> bool:
    """Whether a metric stands for itself, and not for the scatter, a level or another form of one above it."""
    how = metric(name)
    return how.better is not None and not how.label.startswith(" ")


def better(name: str) -> Better | None:
    """Which way this metric is better; None where neither is."""
    return metric(name).better


def shown(name: str, value: float) -> str:
    """A value of this metric with its unit, as tables have it."""
    how = metric(name)
    return f"{value:.{how.digits}f} {how.unit}".strip()


@dataclass(frozen=True)
class Evaluation:
    """Metrics of fake pictures against real ones."""

    metrics: dict[str, float]
    """By name: psnr, ssim, l1, lpips, swd, swd_64x64 (one a level), kid, kid_std, kid_source, kid_source_std, kid_mean,
    kid_mean_std, fid, precision, recall, density, coverage, is, is_kl, is_10, is_10_std, cis, cis_kl, diversity_l1,
    diversity_lpips, ppl_z_full, ppl_z_end, ppl_w_full, ppl_w_end, separability_z, separability_w, accuracy,
    probability, pixel_accuracy, class_accuracy, class_iou (these five also with _real), cycle_l1, identity_l1,
    edge_agreement, color_shift; only those that were computed. PSNR may be infinite."""
    protocol: dict[str, Any]
    """Numbers, texts and tables of such: counts, sizes, filters, seeds, hashes, versions."""
    notes: list[str] = field(default_factory=list)
    """Warnings for the reader of the figures, a sentence each."""
    classes: dict[str, dict[str, float]] = field(default_factory=dict)
    """Of a model with classes, or of what a judge knows, each by itself: counts of pictures ("real", "fake") or of
    "pixels", and metrics."""
    counts: tuple[int, int] = (0, 0)
    """Real and fake pictures."""
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Where metrics lie with a confidence of 95 %, by the names of those that have such, if that was asked for."""
    together: int = 1
    """Fake pictures in a row that were made of one and the same picture: chance takes all of them or none."""
    recounts: list[Recount] = field(default_factory=list)
    """For `recount`."""

    def add(self, part: Part) -> None:
        """Takes in what another kind of measurement found."""
        self.metrics.update(part.metrics)
        self.protocol.update(part.protocol)
        self.notes.extend(part.notes)
        for name, row in part.classes.items():
            self.classes.setdefault(name, {}).update(row)
        if part.recount is not None:
            self.recounts.append(part.recount)

    def recount(self, real: Weights, fake: Weights) -> dict[str, float]:
        """Those of the metrics that can be counted again, where each picture counts as often as its weight says."""
        found: dict[str, float] = {}
        for one in self.recounts:
            found |= one(real, fake)
        return found

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the metrics at the top, then "intervals" and "classes" where there are such, "protocol" and
        "notes". What is infinite becomes None.
        """
        metrics = {name: value if math.isfinite(value) else None for name, value in self.metrics.items()}
        classes = {"classes": self.classes} if self.classes else {}
        intervals = {"intervals": self.intervals} if self.intervals else {}
        return {**metrics, **intervals, **classes, "protocol": self.protocol, "notes": self.notes}

    def rows(self) -> list[tuple[str, str, str]]:
        """For a table: (metric, value with unit, how to read it)."""
        return [(metric(name).label, shown(name, value), self._reading(name)) for name, value in self.metrics.items()]

    def interval_cells(self) -> list[str]:
        """For a column of that table: "12.30 to 14.10", or nothing."""
        digits = {name: metric(name).digits for name in self.metrics}
        return [" to ".join(f"{end:.{digits[name]}f}" for end in self.intervals.get(name, ())) for name in self.metrics]

    def _reading(self, name: str) -> str:
        """FID says of how many pictures it is: it depends on that."""
        reals, fakes = self.counts
        of = f"of {reals} and {fakes} pictures: " if name == "fid" else ""
        return f"{of}{metric(name).reading}"

    def class_rows(self) -> tuple[list[str], list[list[object]]]:
        """For a table: its columns, and a row for each class."""
        measured = list(dict.fromkeys(name for row in self.classes.values() for name in row))
        return ["class", *measured], [[name, *(row.get(k) for k in measured)] for name, row in self.classes.items()]

    def protocol_rows(self) -> list[tuple[str, str]]:
        """For a table: (what, value), nested names joined by a dot."""
        return flat("", self.protocol)


def flat(prefix: str, table: dict[str, Any]) -> list[tuple[str, str]]:
    """A table within tables as rows, nested names joined by a dot."""
    rows = []
    for name, value in table.items():
        rows += flat(f"{prefix}{name}.", value) if isinstance(value, dict) else [(prefix + name, str(value))]
    return rows


def shared(tables: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The entries of protocols that all of them share, within tables of tables, too."""
    first, *others = tables
    found: dict[str, Any] = {}
    for name, value in first.items():
        if isinstance(value, dict):
            value = shared([table.get(name, {}) for table in tables])
        elif any(table.get(name) != value for table in others):
            continue
        if value != {}:
            found[name] = value
    return found


def without(table: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """The rest of a protocol without the entries that are `known`."""
    found = {}
    for name, value in table.items():
        if isinstance(value, dict):
            value = without(value, known.get(name, {}))
            if not value:
                continue
        elif name in known:
            continue
        found[name] = value
    return found
