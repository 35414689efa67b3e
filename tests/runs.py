"""What tests share: folders that the processes of a session make once, and runs of random weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from filelock import FileLock

from gantool import registry
from gantool.model import Model
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
    spec = kind.data(chosen).spec(domains, size)
    return save(run, checkpoint.build_model(kind, chosen, spec, seed), model, step=step, notes=notes)


def save(run: Path, network: Model, model: str, *, step: int = 7, notes: dict[str, object] | None = None) -> Path:
    """Saves a network as a training would, but for what only its next step needs. Returns the weights file."""
    weights, _ = checkpoint.parted(network, network.state_dict())
    folder = folders.save_folder(run, step)
    facts = checkpoint.facts_of_model(network, model, step, notes or {})
    checkpoint.save(folder, facts, weights=weights, state={"x": torch.ones(1)})
    return folder / folders.WEIGHTS


TINY_CYCLEGAN = {"width": 4, "blocks": 1, "d_width": 4, "d_layers": 1}
"""Options of the smallest CycleGAN that is still one."""
