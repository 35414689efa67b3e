"""What only further training needs: read beside the weights that it belongs to, and put where it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gantool.errors import CheckpointError, ran_out
from gantool.model import Model
from gantool.runs.checkpoint import below, part
from gantool.runs.header import DamagedError, Header, is_state, read_header
from gantool.runs.tensors import read_tensors
from gantool.schema import first_line


def read(path: Path, weights: Header) -> dict[str, Tensor]:
    """The tensors of the training state that belongs to the weights with this header. Raises CheckpointError."""
    header = read_header(path)
    own = header.metadata
    same = all(own[key] == weights.metadata.get(key) for key in ("model", "step")) if is_state(header) else False
    if not same or own.get("weights", weights.metadata["sha256"]) != weights.metadata["sha256"]:
        raise DamagedError(f"{path} is not the training state that was saved with the weights beside it")
    return read_tensors(header)


def optimizer_tensors(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Tensor]:
    """The state of optimisers as named tensors: `optimizers.G.12.exp_avg`."""
    return {
        f"optimizers.{name}.{index}.{key}": value
        for name, optimizer in optimizers.items()
        for index, entries in optimizer.state_dict()["state"].items()
        for key, value in entries.items()
    }


def load_optimizers(optimizers: Mapping[str, torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`. Learning rates come from the options. Raises ValueError for other sizes."""
    for name, optimizer in optimizers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for full, tensor in below(f"optimizers.{name}.", tensors).items():
            index, key = full.split(".", 1)
            state.setdefault(int(index), {})[key] = tensor
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        for number, entries in state.items():
            if number >= len(parameters) or any(
                e.shape not in ((), parameters[number].shape) for e in entries.values()
            ):
                raise ValueError(f"the state of the optimiser {name} is of other networks")
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def load_training_only(model: Model[Any], tensors: Mapping[str, Tensor]) -> None:
    """Fills what translation does not need, from `model.KEY` of a state. Raises ValueError if it is not all there."""
    missing, unexpected = model.load_state_dict(below("model.", tensors), strict=False)
    absent = [key for key in missing if part(key) in model.roles.training_only]
    if absent or unexpected:
        raise ValueError(f"{absent[0]} is missing" if absent else f"{unexpected[0]} is unknown")


@contextlib.contextmanager
def fitting(save: Path) -> Iterator[None]:
    """Inside, whatever goes wrong because a save is of another run than it should be is a CheckpointError."""
    try:
        yield
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        if ran_out(error):
            raise
        raise CheckpointError(f"{save} does not fit this run: {first_line(error)}") from error
