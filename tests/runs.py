"""What tests share: folders that the processes of a session make once, and runs of random weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from filelock import FileLock

from gantool import registry
from gantool.model import ImageSpec, Model
from gantool.options import restore
from gantool.runs import checkpoint, folders


def once(path: Path, make: Callable[[Path], object]) -> Path:
    """`path`, after `make` has written it: in the first process that asks, while the others wait."""
    with FileLock(f"{path}.lock"):
        if not path.exists():
            partial = path.with_name(f"{path.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            make(partial)
            partial.rename(path)
    return path


def untrained(
    run: Path,
    model: str = "cyclegan",
    domains: tuple[str, ...] = ("horses", "zebras"),
    *,
    size: int = 32,
    step: int = 7,
    seed: int = 0,
    notes: dict[str, object] | None = None,
    **options: object,
) -> Path:
    """Gives a run a save with random weights: for what a run's pictures are like, nothing need be learned.

    A CycleGAN is as small as it can be; other models take all their options. Returns the weights file.
    """
    kind = registry.plugin(model).load()
    options = {**TINY_CYCLEGAN, **options} if model == "cyclegan" else options
    chosen = restore(kind.Options, options, where=model)
    spec = ImageSpec(domains, kind.channels(chosen, len(domains)), size, labels=bool(options.get("attributes")))
    return save(run, checkpoint.build_model(kind, chosen, spec, seed), model, step=step, notes=notes)


def save(run: Path, network: Model, model: str, *, step: int = 7, notes: dict[str, object] | None = None) -> Path:
    """Saves a network as a training would, but for what only its next step needs. Returns the weights file."""
    tensors = network.state_dict().items()
    weights = {name: tensor for name, tensor in tensors if name.partition(".")[0] not in network.training_only}
    folder = folders.save_folder(run, step)
    checkpoint.save(folder, network, model, step, weights=weights, state={"x": torch.ones(1)}, notes=notes or {})
    return folder / folders.WEIGHTS


TINY_CYCLEGAN = {"width": 4, "blocks": 1, "d_width": 4, "d_layers": 1}
"""Options of the smallest CycleGAN that is still one."""
