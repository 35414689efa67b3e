"""The trained networks that some metrics need, from files that a person brings: read before anything is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from gantool.errors import UsageError
from gantool.evaluation.networks import lpips as perceptual
from gantool.evaluation.networks.classifier import Classifier, load_classifier
from gantool.evaluation.networks.inception import FILE, Inception, load_inception
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
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    """Names and hashes of the files, by what they are for: part of a protocol."""


def load_judges(
    *, inception: Path | None = None, lpips: tuple[Path, Path] | None = None, classifier: Path | None = None
) -> Judges:
    """`lpips` are the files of its backbone and of its heads. Raises UsageError for a file that is not there and
    CheckpointError for one that holds something else.
    """
    needed: dict[str, tuple[Sequence[Path | None], str]] = {
        "inception": ([inception], f"KID and FID need {FILE}"),
        "lpips": (lpips or (), "LPIPS needs torchvision's alexnet-owt-7be5be79.pth and the heads, alex.pth"),
        "classifier": ([classifier], "the Inception scores need an Inception v3 classifier by torchvision's names"),
    }
    files: dict[str, dict[str, str]] = {}
    for name, (paths, what) in needed.items():
        for path in paths:
            if path is None:
                continue
            if not path.is_file():
                raise UsageError(f"there is no file {path}: {what}. gantool downloads nothing: fetch it first")
            files.setdefault(name, {})[path.name] = sha256(path.read_bytes()).hexdigest()
    return Judges(
        inception=None if inception is None else load_inception(inception),
        lpips=None if lpips is None else perceptual.load(*lpips),
        classifier=None if classifier is None else load_classifier(classifier),
        files=files,
    )
