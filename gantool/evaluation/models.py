"""A model measured: its translations of one folder against the pictures of another."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from gantool.data.find import find_pictures
from gantool.data.pictures import encode, read_picture
from gantool.evaluation.folders import compare_folders
from gantool.evaluation.inputs import Progress, silent
from gantool.evaluation.report import Evaluation
from gantool.training import checkpoint
from gantool.translation import direction
from gantool.translation.engine import Engine


def compare_translations(
    weights: Path,
    inputs: Path,
    real: Path,
    *,
    to: str | None = None,
    inception: Path | None = None,
    size: int | None = None,
    seed: int = 0,
    device: torch.device | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Translates the pictures below `inputs` to domain `to` (None: the second) and measures them against those below
    `real`.

    Translations are kept without loss on disk while they are measured, so that a set
    may be larger than the memory. Raises what `compare_folders` raises, CheckpointError for the weights, UsageError for
    the domain.
    """
    header, network = checkpoint.load_model(weights)
    source, target = direction.resolve(network.spec.domains, to, header.metadata.get("directions"))
    engine = Engine(network, device or torch.device("cpu"))
    files = find_pictures(inputs)
    with tempfile.TemporaryDirectory(prefix="gantool-eval-") as folder:
        for done, file in enumerate(files):
            progress("translating", done, len(files))
            picture = engine.picture(read_picture(file), source=source, target=target, seed=seed)
            written = Path(folder) / file.relative_to(inputs).with_suffix(".png")
            if written.exists():
                written = written.with_name(f"{file.name}.png")
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_bytes(encode(picture.pixels, "PNG", alpha=picture.alpha))
        evaluation = compare_folders(
            real, Path(folder), inception=inception, size=size, seed=seed, device=device, progress=progress
        )
    evaluation.protocol["fake"] |= {"path": f"{source} to {target} of {inputs}"}
    evaluation.protocol["model"] = {
        "weights": str(weights),
        "sha256": header.metadata["sha256"],
        "model": header.metadata["model"],
        "step": header.metadata["step"],
        "precision": "fp32",
    }
    return evaluation
