"""Two files a save: `weights.safetensors` translates by itself, `state.safetensors` has what only training needs.

A save appears whole or not at all, also on a full disk or after a kill: both files are written into a temporary folder,
flushed, and the folder is renamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from gantool import options, registry
from gantool.errors import CheckpointError, DataError
from gantool.files import reason
from gantool.model import ImageSpec, Model
from gantool.runs import folders
from gantool.runs.header import (
    FORMAT,
    KEY,
    DamagedError,
    Header,
    naming_the_save_before,
    read_header,
    read_weights_header,
)
from gantool.version import __version__


def save(
    folder: Path,
    model: Model,
    name: str,
    step: int,
    *,
    weights: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    notes: Mapping[str, Any],
) -> None:
    """Writes a save, and removes what a kill left of earlier ones. `notes` are further facts for the header.

    Raises DataError if the disk refuses.
    """
    metadata = {
        "format": FORMAT,
        "gantool": __version__,
        "model": name,
        "step": step,
        "options": asdict(model.options),
        "spec": asdict(model.spec),
        "sizes": asdict(model.sizes),
        "directions": model.directions(),
        "facts": model.facts(),
        "style_size": model.style_size,
        "outputs": model.exported_outputs,
        **notes,
    }
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    folders.remove_half_saves(folder.parent)
    try:
        temporary.mkdir(parents=True, exist_ok=True)
        _write(temporary / folders.WEIGHTS, weights, metadata)
        if state:
            _write(temporary / folders.STATE, state, {"format": FORMAT, "model": name, "step": step})
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
        _flush_folder(folder.parent)
    except (OSError, SafetensorError) as error:
        why = reason(error, folder.parent) if isinstance(error, OSError) else str(error)
        raise DataError(f"cannot save to {folder}: {why}. Earlier saves are intact") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """Header and tensors of one file, checked against the hash in its header."""
    header = read_header(path)
    return header, _tensors(header)


def load_model(path: Path) -> tuple[Header, Model]:
    """The model of a weights file, on the CPU, ready to translate. What only training needs is as new."""
    header = read_weights_header(path)
    with naming_the_save_before(path):
        tensors = _tensors(header)
    name = header.metadata["model"]
    if name not in registry.plugins():
        raise CheckpointError(f"{path} needs the model {name}, which is not installed. Installed: gantool models")
    kind = registry.plugin(name).load()
    try:
        choices = options.restore(kind.Options, header.metadata["options"], where=name)
    except Exception as error:
        raise CheckpointError(f"{path}: its options do not fit the installed {name}: {error}") from error
    try:
        spec = ImageSpec(**{key: _tuples(value) for key, value in header.metadata["spec"].items()})
    except TypeError as error:
        raise CheckpointError(f"{path} describes its pictures as this gantool does not: {error}") from error
    model = build_model(kind, choices, spec)
    model.missing = tuple(header.metadata.get("missing", ()))
    load_weights(model, tensors, str(path), lacking=model.missing)
    return header, model.eval()


def _tensors(header: Header) -> dict[str, Tensor]:
    path = header.path
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise DamagedError(f"{path} is damaged: {error}") from error
    if header.metadata.get("sha256") != _digest(tensors):
        raise DamagedError(f"{path} is damaged: its contents do not match the hash in its header")
    return tensors


def build_model(kind: type[Model], choices: Any, spec: ImageSpec, seed: int = 0) -> Model:
    """A new model whose first weights depend on `seed` alone. Other random states stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return kind(choices, spec)


def load_weights(model: Model, tensors: Mapping[str, Tensor], where: str, lacking: Sequence[str] = ()) -> None:
    """Puts tensors into the model: exactly the ones that translation needs, or with training's as well.

    `lacking` are sub-modules that an imported file is known not to have: they stay as they are.
    """
    try:
        missing, unexpected = model.load_state_dict(dict(tensors), strict=False)
    except RuntimeError as error:  # sizes that differ, one a line
        first = str(error).splitlines()[1].strip()
        raise CheckpointError(f"{where} does not fit these options: {first}") from error
    excused = {*model.training_only, *model.frozen, *lacking}
    absent = [key for key in missing if key.partition(".")[0] not in excused]
    if absent or unexpected:
        first = f"{absent[0]} is missing" if absent else f"{unexpected[0]} is unknown"
        raise CheckpointError(
            f"{where} does not fit these options: {first} ({len(absent)} missing, {len(unexpected)} unknown)"
        )


def optimizer_tensors(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Tensor]:
    """The state of optimisers as named tensors: `optimizers.G.12.exp_avg`."""
    return {
        f"optimizers.{name}.{index}.{key}": value
        for name, optimizer in optimizers.items()
        for index, entries in optimizer.state_dict()["state"].items()
        for key, value in entries.items()
    }


def load_optimizers(optimizers: Mapping[str, torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`. Learning rates and the like come from the options, not from here."""
    for name, optimizer in optimizers.items():
        state: dict[int, dict[str, Tensor]] = {}
        prefix = f"optimizers.{name}."
        for full, tensor in tensors.items():
            if full.startswith(prefix):
                index, key = full[len(prefix) :].split(".", 1)
                state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    # safetensors refuses tensors that share memory or lie in channels-last order.
    ready = {name: tensor.detach().to("cpu", copy=False).contiguous() for name, tensor in tensors.items()}
    seen: set[int] = set()
    for name, tensor in ready.items():
        if tensor.data_ptr() in seen and tensor.numel():
            ready[name] = tensor.clone()
        seen.add(tensor.data_ptr())
    text = json.dumps({**metadata, "sha256": _digest(ready)}, sort_keys=True)
    save_file(ready, path, {KEY: text})
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _flush_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some systems cannot flush a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
