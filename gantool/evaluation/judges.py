"""The trained networks that some metrics need, from files that a person brings: read before anything is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from gantool.evaluation.files import needed
from gantool.evaluation.judge import Judge, load_judge
from gantool.evaluation.networks import lpips as perceptual
from gantool.evaluation.networks.classifier import Classifier, load_classifier
from gantool.evaluation.networks.inception import Inception, load_inception
from gantool.evaluation.networks.lpips import LPIPS


@dataclass(frozen=True)
class Judges:
    """The networks at hand; None for those without a file."""

    inception: Inception | None = None
    """For KID and FID."""
    lpips: LPIPS | None = None
    """For LPIPS, of pairs and between several translations of a picture."""
    classifier: Classifier | None = None
    """For the Inception scores."""
    judge: Judge | None = None
    """For the accuracy of results, or the FCN score."""
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    """Names and hashes of the files, by what they are for: part of a protocol."""


def load_judges(
    *,
    inception: Path | None = None,
    lpips: tuple[Path, Path] | None = None,
    classifier: Path | None = None,
    judge: Path | None = None,
    expect: str | None = None,
    labels: Path | None = None,
) -> Judges:
    """`lpips` are the files of its backbone and of its heads; `judge` a network or its description, `expect` and
    `labels` what `Judge` says. Raises UsageError for a file that is not there and CheckpointError for one that holds
    something else.
    """
    files = {
        name: {path.name: sha256(path.read_bytes()).hexdigest() for path in paths}
        for name, paths in needed(inception=inception, lpips=lpips, classifier=classifier, judge=judge).items()
    }
    return Judges(
        inception=None if inception is None else load_inception(inception),
        lpips=None if lpips is None else perceptual.load(*lpips),
        classifier=None if classifier is None else load_classifier(classifier),
        judge=None if judge is None else load_judge(judge, expect=expect, labels=labels),
        files=files,
    )
