"""The files that metrics need besides pictures. Imports no torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from gantool.errors import UsageError, argument
from gantool.evaluation.description import read_description

TABLE, CLASSIFIER = ".csv", ".onnx"
"""What says which pictures have an attribute."""
JUDGED = ("accuracy", "probability", "pixel_accuracy", "class_accuracy", "class_iou")
"""What judges say, of results and, as a yardstick, of real pictures."""
INCEPTION = "pt_inception-2015-12-05-6726825d.pth"

NEEDS = {
    **dict.fromkeys(("kid", "kid_std", "kid_source", "kid_source_std", "kid_mean", "kid_mean_std"), ("inception",)),
    **dict.fromkeys(("fid", "precision", "recall", "density", "coverage"), ("inception",)),
    **dict.fromkeys(("is", "is_kl", "is_10", "is_10_std"), ("classifier", "inception")),
    **dict.fromkeys(("cis", "cis_kl"), ("classifier",)),
    **dict.fromkeys(("lpips", "diversity_lpips"), ("lpips",)),
    **dict.fromkeys(("ppl_z_full", "ppl_z_end", "ppl_w_full", "ppl_w_end"), ("lpips",)),
    **dict.fromkeys(
        [f"{name}{of}" for name in JUDGED for of in ("", "_real")],
        ("judge",),
    ),
}
"""For which metrics one of these files must be at hand; all others need none."""


def needed(
    *,
    inception: Path | None = None,
    lpips: tuple[Path, Path] | None = None,
    classifier: Path | None = None,
    judge: Path | None = None,
) -> dict[str, list[Path]]:
    """The files by what they are for. Raises UsageError for one that is not there, for a judge's description that says
    something else, and for a network in ONNX without what runs it.
    """
    named: dict[str, tuple[Sequence[Path | None], str]] = {
        "inception": ([inception], f"KID and FID need {INCEPTION}"),
        "lpips": (
            lpips or (),
            "LPIPS needs torchvision's alexnet-owt-7be5be79.pth and the heads, alex.pth (or those of VGG-16)",
        ),
        "classifier": ([classifier], "the Inception scores need an Inception v3 classifier by torchvision's names"),
    }
    found: dict[str, list[Path]] = {}
    for name, (paths, what) in named.items():
        for path in paths:
            if path is None:
                continue
            if not path.is_file():
                raise UsageError(f"there is no file {path}: {what}. gantool downloads nothing: fetch it first")
            found.setdefault(name, []).append(path)
    if judge is not None:
        description = read_description(judge)
        found["judge"] = description.files
        if description.network is not None:
            _onnxruntime(argument("judge"))
    return found


def check_attributes(files: Sequence[Path]) -> None:
    """Raises UsageError for files that are not there, or of another kind than they should be."""
    for file in files:
        if not file.is_file():
            raise UsageError(f"{argument('attributes')}: there is no file {file}")
    kinds = [file.suffix.lower() for file in files]
    if kinds and kinds != [TABLE] and set(kinds) != {CLASSIFIER}:
        raise UsageError(f"{argument('attributes')} takes a table (.csv), or classifiers (.onnx), one an attribute")
    if CLASSIFIER in kinds:
        _onnxruntime(argument("attributes"))


def _onnxruntime(what: str) -> None:
    if importlib.util.find_spec("onnxruntime") is None:
        raise UsageError(f'{what} with a network in ONNX needs: pip install "gantool[onnx]"')
